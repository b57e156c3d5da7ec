from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upprint.data.sample import Sample
from upprint.data.split import duplicates, position, split
from upprint.result import ConfigError, DataError


def sample(source: str, label: int = 0, path: str = "") -> Sample:
    return Sample(path or f"{source}-{label}.png", label, "s", "g" if label else "real", source)


def pairs(sources: list[str]) -> list[Sample]:
    return [sample(source, label) for source in sources for label in (0, 1)]


sources = st.lists(st.text(max_size=8), unique=True, max_size=30)
shares = (
    st.lists(st.integers(0, 10), min_size=1, max_size=4)
    .filter(any)
    .map(lambda weights: {f"p{i}": w / sum(weights) for i, w in enumerate(weights)})
)


@given(sources, shares, st.integers(0, 2**31))
def test_every_sample_lands_in_one_part_and_pairs_stay_together(
    keys: list[str], fractions: dict[str, float], seed: int
) -> None:
    parts = split(pairs(keys), fractions, seed)
    assert set(parts) == set(fractions)
    assert sorted(s for members in parts.values() for s in members) == sorted(pairs(keys))
    homes = {(s.source, name) for name, members in parts.items() for s in members}
    assert len(homes) == len(keys)
    assert all(not parts[name] for name, share in fractions.items() if share == 0)


@given(sources, sources, shares, st.integers(0, 2**31))
def test_adding_files_moves_nothing(
    keys: list[str], more: list[str], fractions: dict[str, float], seed: int
) -> None:
    few = split(pairs(keys), fractions, seed)
    many = split(pairs(sorted({*keys, *more})), fractions, seed)
    assert all(set(few[name]) <= set(many[name]) for name in fractions)


@given(sources, shares, st.integers(0, 2**31))
def test_neither_order_nor_a_missing_partner_moves_a_source(
    keys: list[str], fractions: dict[str, float], seed: int
) -> None:
    whole = split(pairs(keys), fractions, seed)
    twins = split([s for s in reversed(pairs(keys)) if s.label == 1], fractions, seed)
    for name in fractions:
        assert {s.source for s in whole[name]} == {s.source for s in twins[name]}


@given(st.text(), st.integers())
def test_position_is_on_the_line(source: str, seed: int) -> None:
    assert 0 <= position(source, seed) < 1


def test_parts_approach_their_fractions_and_seeds_differ() -> None:
    samples = [sample(f"photo{i}") for i in range(5000)]
    fractions = {"train": 0.7, "val": 0.1, "test": 0.2}
    parts = split(samples, fractions, 1)
    for name, share in fractions.items():
        assert abs(len(parts[name]) / 5000 - share) < 0.02
    assert parts["test"] != split(samples, fractions, 2)["test"]


def test_undecodable_file_names_are_keys_too() -> None:
    assert len(split([sample("photo\udcff")], {"train": 1.0}, 0)["train"]) == 1


def test_held_out_sources_go_to_the_test_part() -> None:
    samples = pairs([f"{who}/{i}" for who in ("ann", "bob") for i in range(20)])
    parts = split(samples, {"train": 0.9, "val": 0.1}, 0, hold_out_sources=["ann/*", "bob/3"])
    assert {s.source for s in parts["test"]} == {f"ann/{i}" for i in range(20)} | {"bob/3"}
    assert sum(map(len, parts.values())) == len(samples)


def test_wrong_use_is_named() -> None:
    with pytest.raises(ConfigError, match=r"sum to 0\.9"):
        split([], {"train": 0.9}, 0)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        split([], {"train": 1.5, "test": -0.5}, 0)
    with pytest.raises(DataError, match="'nobody'"):
        split([sample("a")], {"train": 1}, 0, hold_out_sources=["nobody"])


def files(folder: Path, **contents: bytes) -> list[Sample]:
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return [sample(name, int(name.startswith("fake")), str(folder / name)) for name in contents]


def test_duplicates_across_labels_and_parts(tmp_path: Path) -> None:
    real, fake, other, same = files(tmp_path, real=b"one", fake=b"one", real2=b"two", real3=b"two")
    (found,) = duplicates([real, fake, other, same])
    assert found.crosses == ("label",)
    assert {s for _, s in found.files} == {real, fake}
    crossing = duplicates({"train": [real, other], "test": [same, fake]})
    assert sorted(d.crosses for d in crossing) == [("label", "split"), ("split",)]
    assert "different split" in " ".join(map(str, crossing))


def test_one_path_in_two_parts_is_a_duplicate(tmp_path: Path) -> None:
    (real,) = files(tmp_path, real=b"one")
    (found,) = duplicates({"train": [real], "test": [real]})
    assert found.crosses == ("split",)
    assert not duplicates([real, real])


def test_equal_length_is_not_equal_content(tmp_path: Path) -> None:
    calls: list[tuple[int, int | None]] = []
    samples = files(tmp_path, real=b"one", fake=b"two", real2=b"longer")
    assert duplicates(samples, lambda done, total: calls.append((done, total))) == ()
    assert calls == [(1, 2), (2, 2)]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png"):
        duplicates([sample("a", path=str(tmp_path / "gone.png"))])
