from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from upprint.audit import duplicates, features, hashes
from upprint.data.sample import Sample


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=12), st.integers(0, 6), st.data())
def test_near_clusters_equal_the_comparison_of_all_pairs(values, most: int, data) -> None:
    base = values[0]
    for _ in range(6):
        flips = data.draw(st.lists(st.integers(0, 63), max_size=7))
        values.append(base ^ sum(1 << bit for bit in set(flips)))
    names = {f"{index:02}": f"{value:016x}" for index, value in enumerate(values)}
    home = {name: {name} for name in names}
    for one in names:
        for other in names:
            if hashes.distance(names[one], names[other]) <= most:
                merged = home[one] | home[other]
                for name in merged:
                    home[name] = merged
    expected = sorted({tuple(sorted(group)) for group in home.values() if len(group) > 1})
    assert [tuple(cluster) for cluster in hashes.near_clusters(names, most)] == expected


def test_hashes_of_one_picture_saved_again(sets) -> None:
    rng = np.random.default_rng(0)
    image, other = sets.picture(rng), sets.picture(rng)
    pixels, strange = np.asarray(image), np.asarray(other)
    saved = np.asarray(image.resize((80, 80)))
    one, same, far = (hashes.perceptual_hash(p) for p in (pixels, saved, strange))
    assert one is not None
    assert same is not None
    assert far is not None
    assert hashes.distance(one, same) <= hashes.DISTANCE
    assert hashes.distance(one, far) > 4 * hashes.DISTANCE
    assert hashes.pixel_hash(pixels) != hashes.pixel_hash(saved)
    assert hashes.perceptual_hash(np.full((40, 40, 3), 7, np.uint8)) is None


def sample(path: Path, label: int, source: str) -> Sample:
    return Sample(str(path), label, "all", "g" if label else "real", source)


def test_what_crosses_classes_or_splits_is_found(tmp_path: Path, sets) -> None:
    rng = np.random.default_rng(1)
    pictures = [sets.picture(rng) for _ in range(5)]
    files: dict[str, Path] = {}

    def save(name: str, image: Image.Image, kind: str = "PNG") -> Path:
        files[name] = tmp_path / name
        files[name].write_bytes(sets.saved(image, kind))
        return files[name]

    train = [
        sample(save("photo.png", pictures[0]), 0, "p0"),
        sample(save("twin.png", pictures[0].point(lambda v: min(255, v + 2))), 1, "p0"),
        sample(save("copied.png", pictures[1]), 0, "p1"),
        sample(save("stolen.bmp", pictures[1], "BMP"), 1, "g1"),
        sample(save("near.png", pictures[2]), 0, "p2"),
        sample(save("resaved.jpg", pictures[2], "JPEG"), 1, "g2"),
        sample(save("alone.png", pictures[3]), 0, "p3"),
    ]
    test = [sample(save("again.png", pictures[3]), 0, "p3"), sample(save("new.png", pictures[4]), 0, "p4")]
    known = features.collect([s.path for s in (*train, *test)], workers=1)
    found = duplicates.find({"train": train, "test": test}, known, hashes.DISTANCE)
    told = {(g.exact, g.crosses, tuple(Path(c.path).name for c in g.files)) for g in found}
    assert told == {
        (True, ("label",), ("copied.png", "stolen.bmp")),
        (True, ("split",), ("again.png", "alone.png")),
        (False, ("label",), ("near.png", "resaved.jpg")),
    }
    assert found[0].exact
    assert not found[-1].exact
