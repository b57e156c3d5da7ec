"""ForenSynths (Wang et al., CVPR 2020): ProGAN for training and validation, 13 generators for tests.

    {train,val}/{class}/{0_real,1_fake}      test/{generator}/[class/]{0_real,1_fake}

The root may be the folder that holds the splits, or one split itself. The NPR paper trains on four of the
20 classes and tests on 8 of the 13 generators (Table 1).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from upprint.data.layouts._dataset import Dataset
from upprint.data.layouts._folders import Names, Tree, directories, some, subset_of
from upprint.data.protocol import protocol_of
from upprint.result import ConfigError, DataError

CORE: Names = {
    "ProGAN": ("progan",),
    "StyleGAN": ("stylegan",),
    "StyleGAN2": ("stylegan2",),
    "BigGAN": ("biggan",),
    "CycleGAN": ("cyclegan",),
    "StarGAN": ("stargan",),
    "GauGAN": ("gaugan",),
    "Deepfake": ("deepfake",),
}
EXTRA: Names = {
    "CRN": ("crn",),
    "IMLE": ("imle",),
    "SAN": ("san",),
    "SeeingDark": ("seeingdark",),
    "WhichFaceIsReal": ("whichfaceisreal",),
}
SPLITS = ("train", "val", "test")
PAPER_CLASSES = ("car", "cat", "chair", "horse")
"""The classes that NPR and its baselines train on: 144,024 pictures."""
CLASSES = frozenset(
    {"airplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"}
    | {"diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train"}
    | {"tvmonitor"}
)


def read(
    root: Path, *, split: str | None = None, classes: Collection[str] | None = None, extras: bool = False
) -> Dataset:
    """Read one split.

    Args:
        split: "train", "val" or "test"; needed where the root holds more than one.
        classes: class folders of train or val to read, e.g. `PAPER_CLASSES`; all if None.
        extras: also read the five test sets that the paper leaves out.

    Raises:
        ConfigError: an unknown split, or classes of the test split.
        DataError: the tree is laid out otherwise.
    """
    base, split = _locate(root, split)
    tree = Tree(base, f"forensynths/{split}")
    if split == "test":
        if classes is not None:
            raise ConfigError("forensynths: the test split is read by generator; leave out classes")
        for subset, folder in tree.sets(CORE, EXTRA, extras=extras):
            tree.take(folder, subset)
    else:
        tree.take(base, "ProGAN", classes=classes)
    return tree.dataset(protocol_of("forensynths", split))


def generators(folder: Path) -> list[str]:
    """Folders inside that are named like test sets."""
    return [name for name in directories(folder) if subset_of(name, {**CORE, **EXTRA})]


def _locate(root: Path, split: str | None) -> tuple[Path, str]:
    if split is not None and split not in SPLITS:
        raise ConfigError(f"forensynths: no split {split!r}; expected one of {', '.join(SPLITS)}")
    folders = directories(root)
    # "train" is also one of the 20 classes: a folder of that name is the split only if it holds no pictures
    here = [s for s in SPLITS if s in folders and not {"0_real", "1_fake"} & set(directories(root / s))]
    if split is None and len(here) == 1:
        split = here[0]
    if split in here:
        return root / str(split), str(split)
    if here:
        asked = f"no split {split!r} there" if split else "say which one with split"
        raise DataError(f"{root}: holds the splits {some(here)}; {asked}")
    is_test = bool(generators(root))
    if split is not None and is_test != (split == "test"):
        raise DataError(
            f"{root}: looks like the {'test' if is_test else 'train or val'} split, not {split!r}; "
            f"found {some(folders)}"
        )
    if is_test:
        return root, "test"
    if split is None and root.name not in ("train", "val"):
        raise DataError(
            f"{root}: neither splits nor known generators inside, found {some(folders)}; "
            "if these are classes, say split='train' or split='val'"
        )
    return root, split or root.name
