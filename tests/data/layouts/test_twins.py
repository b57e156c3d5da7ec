import pytest

from upprint.data.layouts import detect, read
from upprint.data.split import split
from upprint.result import DataError

HEAD = "path,label,subset,generator,source,group,sha256"
PAIRS = [
    f"{folder}/00{i}.png,{label},taesd,{'taesd' if label else 'real'},photo-{i},g,00"
    for i in range(3)
    for folder, label in (("photos", 0), ("twins/taesd", 1))
]


def forged(grow, rows: list[str] = PAIRS):
    root = grow({"photos": 3, "twins/taesd": 3})
    (root / "manifest.csv").write_text("\n".join([HEAD, *rows]) + "\n")
    return root


def test_twins_share_their_photos_source(grow) -> None:
    root = forged(grow)
    data = read(root)
    assert detect(root).layout == "twins"
    assert (data.name, data.subsets, data.skipped) == ("twins", ("taesd",), ())
    assert [(s.label, s.source) for s in data.samples[:2]] == [(0, "photo-0"), (1, "photo-0")]
    for members in split(data.samples, {"train": 0.5, "test": 0.5}, 0).values():
        assert sum(s.label for s in members) * 2 == len(members)


def test_unlisted_pictures_are_reported(grow) -> None:
    data = read(forged(grow, PAIRS[:4]), "twins")
    assert len(data.samples) == 4
    assert len(data.skipped) == 2
    assert "photos: 1 pictures not in the manifest" in data.skipped[0]


def test_a_split_that_the_manifest_names(grow) -> None:
    root = grow({"photos": 2, "twins/taesd": 2})
    rows = [f"{row},{'train' if 'photo-0' in row else 'val'}" for row in PAIRS[:4]]
    (root / "manifest.csv").write_text("\n".join([HEAD + ",split", *rows]) + "\n")
    data = read(root, "twins", split="val")
    assert (data.name, data.protocol.name) == ("twins/val", "tiles")
    assert {s.source for s in data.samples} == {"photo-1"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (PAIRS[:3], "'photo-1' of subset 'taesd' has no twin"),
        (PAIRS[1:], "'photo-0' of subset 'taesd' has no photo"),
        ([PAIRS[0].replace(",0,", ",1,")], "label 1 in 'photos'"),
        ([PAIRS[0], PAIRS[1].replace("twins/taesd", "photos")], "has both labels"),
    ],
)
def test_broken_pairs_are_named(grow, rows: list[str], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(forged(grow, rows), "twins")


def test_other_folders_are_named(grow) -> None:
    with pytest.raises(DataError, match=r"expected photos/, twins/.*found 'a'"):
        read(grow({"a": 1}), "twins")
