"""GenImage (Zhu et al., NeurIPS 2023): `{generator}/[one folder/]{train,val}/{ai,nature}`.

`ai` sorts before `nature`, the reverse of `0_real` before `1_fake`: labels go by name. The re-packed form
with `0_real` and `1_fake` is read too, as `[{train,val,test}/]{generator}/{0_real,1_fake}`.
"""

from __future__ import annotations

from pathlib import Path

from upprint.data.layouts._dataset import Dataset
from upprint.data.layouts._folders import NATURE_AI, REAL_FAKE, Names, Tree, directories, listing, some
from upprint.data.protocol import protocol_of
from upprint.data.sample import REAL
from upprint.result import ConfigError, DataError

CORE: Names = {
    "Midjourney": ("Midjourney", "imagenet_midjourney"),
    "SDv1.4": ("stable_diffusion_v_1_4", "sdv4", "sdv14", "sd14", "imagenet_ai_0419_sdv4"),
    "SDv1.5": ("stable_diffusion_v_1_5", "sdv5", "sdv15", "sd15", "imagenet_ai_0424_sdv5"),
    "ADM": ("ADM", "imagenet_ai_0508_adm"),
    "GLIDE": ("glide", "imagenet_glide"),
    "Wukong": ("wukong", "imagenet_ai_0424_wukong"),
    "VQDM": ("VQDM", "imagenet_ai_0419_vqdm"),
    "BigGAN": ("BigGAN", "imagenet_ai_0419_biggan"),
}
"""Folder and archive names vary between releases; these are the known ones."""

SPLITS = ("train", "val", "test")
_CLASS_NAMES = {*NATURE_AI, *REAL_FAKE}


def read(root: Path, *, split: str | None = None) -> Dataset:
    """Read one split of the generators that are there.

    Args:
        split: "train", "val" or, in re-packed trees, "test"; "val" if None.

    Raises:
        ConfigError: an unknown split.
        DataError: the tree is laid out otherwise, or has no such split.
    """
    if split is not None and split not in SPLITS:
        raise ConfigError(f"genimage: no split {split!r}; expected one of {', '.join(SPLITS)}")
    outer = [s for s in SPLITS if s in directories(root)]
    wanted = split or ("val" if not outer or "val" in outer else outer[-1])
    if outer and wanted not in outer:
        raise DataError(f"{root}: no split {wanted!r}; found {some(outer)}")
    tree = Tree(root / wanted if outer else root, f"genimage/{wanted}", (NATURE_AI, REAL_FAKE))
    for subset, folder in tree.sets(CORE):
        tree.take(_half(tree, folder, split, bool(outer)), subset, source=_source)
    return tree.dataset(protocol_of("genimage", wanted))


def _half(tree: Tree, folder: Path, split: str | None, chosen: bool) -> Path:
    """The folder of one generator that holds the wanted split's class folders."""
    start, (folders, files) = folder, listing(folder)
    while len(folders) == 1 and not _CLASS_NAMES.union(SPLITS) & set(folders):
        tree.skip_files(folder, files)
        folder = folder / folders[0]
        folders, files = listing(folder)
    wanted = split or "val"
    if _CLASS_NAMES & set(folders):
        if split is not None and not chosen:
            raise DataError(f"{start}: has no train and val folders; leave out split={split!r}")
        return folder
    if wanted not in folders:
        raise DataError(
            f"{start}: no {wanted!r} folder; expected {{train,val}}/{{ai,nature}}, found {some(folders)}"
        )
    tree.skip_files(folder, files)
    for name in folders:
        if name not in SPLITS:
            tree.skip(folder / name, f"beside {wanted!r}, not a split")
    return folder / wanted


def _source(relative: Path, label: int) -> str:
    return f"imagenet/{relative.name}" if label == REAL else relative.as_posix()
