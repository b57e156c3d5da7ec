"""Any folder with `0_real` and `1_fake` inside, or folders of such folders.

Each sub-folder becomes a subset and its own generator. With the class folders directly below the root
there is one subset, named like the root, and the generator is unknown.
"""

from __future__ import annotations

from pathlib import Path

from upprint.data.layouts._dataset import UNKNOWN, Dataset
from upprint.data.layouts._folders import Tree, class_folders, listing, some
from upprint.data.protocol import protocol_of
from upprint.result import DataError


def read(root: Path) -> Dataset:
    """Read `{0_real,1_fake}`, `{subset}/{0_real,1_fake}` or `{subset}/{class}/{0_real,1_fake}`.

    Raises:
        DataError: none of these.
    """
    tree = Tree(root, "plain")
    if class_folders(root):
        tree.take(root, root.resolve().name, generator=UNKNOWN)
        return tree.dataset(protocol_of("plain"))
    folders, files = listing(root)
    tree.skip_files(root, files)
    for name in folders:
        if class_folders(root / name) or _nested(root / name):
            tree.take(root / name, name)
        else:
            tree.skip(root / name, "no 0_real and 1_fake inside")
    if not tree.samples:
        raise DataError(
            f"{root}: expected 0_real + 1_fake, or folders that hold them; found {some(folders + files)}"
        )
    return tree.dataset(protocol_of("plain"))


def _nested(folder: Path) -> bool:
    return any(class_folders(folder / name) for name in listing(folder)[0])
