"""DiffusionForensics (Wang et al., ICCV 2023) as NPR re-packed it: `{generator}/{data set}/{0_real,1_fake}`.

The data sets are bedroom (LSUN), imagenet and celebahq; a table row is a generator (NPR, Table 3). The
original keeps one folder of reals per data set, so a file name that recurs under the same data set
is taken as the same photo: such rows are not independent.
"""

from __future__ import annotations

from pathlib import Path

from upprint.data.layouts._dataset import Dataset, plain_name
from upprint.data.layouts._folders import Names, Tree, some
from upprint.data.protocol import protocol_of
from upprint.data.sample import REAL
from upprint.result import ConfigError

CORE: Names = {
    "ADM": ("adm",),
    "DDPM": ("ddpm",),
    "IDDPM": ("iddpm",),
    "LDM": ("ldm",),
    "PNDM": ("pndm",),
    "VQ-Diffusion": ("vqdiffusion",),
    "SDv1": ("sdv1_new", "sdv1"),
    "SDv2": ("sdv2",),
}
EXTRA: Names = {
    "DALL-E 2": ("dalle2",),
    "IF": ("if",),
    "Midjourney": ("midjourney",),
    "ProjectedGAN": ("projectedgan",),
    "StyleGAN": ("stylegan_official", "stylegan"),
    "Diff-StyleGAN": ("diff-stylegan",),
    "Diff-ProjectedGAN": ("diff-projectedgan",),
}


def read(root: Path, *, extras: bool = False, sdv1: str | None = None) -> Dataset:
    """Read the eight sets of Table 3.

    Args:
        extras: also read the generators that some copies hold beyond the eight.
        sdv1: "sdv1_new" or "sdv1"; if None the folder that is there, the newer one of two.

    Raises:
        ConfigError: another value of `sdv1`.
        DataError: the tree is laid out otherwise.
    """
    known = CORE["SDv1"]
    if sdv1 is not None and sdv1 not in known:
        raise ConfigError(f"diffusionforensics: sdv1={sdv1!r}, expected {some(known)}")
    core = CORE if sdv1 is None else {**CORE, "SDv1": (sdv1, *(k for k in known if k != sdv1))}
    tree = Tree(root, "diffusionforensics")
    for subset, folder in tree.sets(core, EXTRA, extras=extras, preferred=True):
        if sdv1 is not None and subset == "SDv1" and plain_name(folder.name) != plain_name(sdv1):
            tree.skip(root / sdv1, f"no such folder, SDv1 is read from {folder.name!r}")
        tree.take(folder, subset, source=_source)
    return tree.dataset(protocol_of("diffusionforensics"))


def _source(relative: Path, label: int) -> str:
    generator, *below = relative.parts
    return "/".join(below) if label == REAL and below[0] != "0_real" else "/".join((generator, *below))
