"""Diffusion1kStep (NPR, Table 5): `{generator}/[sub-folder/]{0_real,1_fake}`, 1000 sampling steps.

`ddpm` has one sub-folder per published checkpoint; cifar10-32 is 32x32 and is enlarged by the paper's resize.
Where the reals come from is undocumented.
"""

from __future__ import annotations

from pathlib import Path

from upprint.data.layouts._dataset import Dataset
from upprint.data.layouts._folders import Names, Tree
from upprint.data.protocol import protocol_of

CORE: Names = {
    "DDPM": ("ddpm",),
    "IDDPM": ("improved-diffusion",),
    "ADM": ("guided-diffusion",),
    "Midjourney": ("midjourney",),
    "DALLE": ("DALLE",),
}


def read(root: Path) -> Dataset:
    """Read the five sets.

    Raises:
        DataError: the tree is laid out otherwise.
    """
    tree = Tree(root, "diffusion1kstep")
    for subset, folder in tree.sets(CORE):
        tree.take(folder, subset)
    return tree.dataset(protocol_of("diffusion1kstep"))
