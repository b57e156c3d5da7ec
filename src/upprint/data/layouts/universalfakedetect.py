"""UniversalFakeDetect's diffusion sets (Ojha et al., CVPR 2023; NPR, Table 4).

    NPR's re-pack   {generator}/{0_real,1_fake}
    original        {generator}/1_fake, imagenet/0_real for guided, laion/0_real for all others

In both the same LAION photos serve seven rows, so the rows are not independent. Source keys show it:
a real's key is its file name under "laion" or "imagenet", whichever row it stands in.
"""

from __future__ import annotations

from pathlib import Path

from upprint.data.layouts._dataset import Dataset
from upprint.data.layouts._folders import Names, SourceKey, Tree, directories, listing, some
from upprint.data.protocol import protocol_of
from upprint.data.sample import GENERATED, REAL
from upprint.result import DataError

CORE: Names = {
    "DALLE": ("dalle",),
    "Glide_100_10": ("glide_100_10",),
    "Glide_100_27": ("glide_100_27",),
    "Glide_50_27": ("glide_50_27",),
    "ADM": ("guided",),
    "LDM_100": ("ldm_100",),
    "LDM_200": ("ldm_200",),
    "LDM_200_cfg": ("ldm_200_cfg",),
}
REAL_TREES = ("imagenet", "laion")


def read(root: Path) -> Dataset:
    """Read either form; the form is found per generator.

    Raises:
        DataError: the tree is laid out otherwise, or a generator has no reals.
    """
    tree = Tree(root, "universalfakedetect")
    reals_used = set()
    for subset, folder in tree.sets(CORE, shared=REAL_TREES):
        reals = "imagenet" if subset == "ADM" else "laion"
        source = _source_of(reals)
        folders, files = listing(folder)
        if "1_fake" not in folders or "0_real" in folders:
            tree.take(folder, subset, source=source)
            continue
        if not (root / reals / "0_real").is_dir():
            raise DataError(
                f"{folder}: has 1_fake alone; expected 0_real beside it or {root / reals / '0_real'}"
            )
        tree.skip_files(folder, files)
        for name in folders:
            if name != "1_fake":
                tree.skip(folder / name, "beside 1_fake, carries no label")
        tree.add(root / reals / "0_real", REAL, subset, subset, source)
        tree.add(folder / "1_fake", GENERATED, subset, subset, source)
        reals_used.add(reals)
    for reals in sorted(set(REAL_TREES) & set(directories(root))):
        if reals not in reals_used:
            tree.skip(root / reals, "every generator read brings reals of its own")
            continue
        folders, files = listing(root / reals)
        tree.skip_files(root / reals, files)
        if left := [name for name in folders if name != "0_real"]:
            tree.skip(root / reals, f"beside 0_real, carries no label: {some(left)}")
    tree.skipped = list(dict.fromkeys(tree.skipped))
    return tree.dataset(protocol_of("universalfakedetect"))


def _source_of(reals: str) -> SourceKey:
    def source(relative: Path, label: int) -> str:
        parts = relative.parts
        return (
            "/".join((reals, *parts[parts.index("0_real") + 1 :])) if label == REAL else relative.as_posix()
        )

    return source
