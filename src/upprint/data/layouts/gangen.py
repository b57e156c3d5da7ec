"""GANGen-Detection (Tan et al.): nine GANs, `{generator}/{0_real,1_fake}` (NPR, Table 2).

An earlier upload held a tenth, GANimation; the paper's columns do not, so it is left out. Where the
reals come from is undocumented.
"""

from __future__ import annotations

from pathlib import Path

from upprint.data.layouts._dataset import Dataset
from upprint.data.layouts._folders import Names, Tree
from upprint.data.protocol import protocol_of

CORE: Names = {
    "AttGAN": ("AttGAN",),
    "BEGAN": ("BEGAN",),
    "CramerGAN": ("CramerGAN",),
    "InfoMaxGAN": ("InfoMaxGAN",),
    "MMDGAN": ("MMDGAN",),
    "RelGAN": ("RelGAN",),
    "S3GAN": ("S3GAN",),
    "SNGAN": ("SNGAN",),
    "STGAN": ("STGAN",),
}
EXTRA: Names = {"GANimation": ("GANimation",)}


def read(root: Path, *, extras: bool = False) -> Dataset:
    """Read the nine sets; `extras` adds GANimation.

    Raises:
        DataError: the tree is laid out otherwise.
    """
    tree = Tree(root, "gangen-detection")
    for subset, folder in tree.sets(CORE, EXTRA, extras=extras):
        tree.take(folder, subset)
    return tree.dataset(protocol_of("gangen-detection"))
