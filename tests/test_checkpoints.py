"""Weights in and out: whole or not at all, and the authors' layouts."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor, nn

from upprint import checkpoints
from upprint.checkpoints import (
    check_state,
    import_official,
    load_detector,
    load_safetensors,
    read_metadata,
    save_safetensors,
)
from upprint.detector import Detector
from upprint.result import ConfigError, WeightsError
from upprint.systems import create
from upprint.systems._official import OfficialLayout
from upprint.systems.npr import CARD


class Toy(nn.Module):
    """Mean colour into one or more logits."""

    def __init__(self, outputs: int = 1) -> None:
        super().__init__()
        self.body = nn.Linear(3, 4)
        self.register_buffer("steps", torch.tensor(3))
        self.last = nn.Linear(4, outputs)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.last(self.body(x.float().mean((2, 3))))
        return scores


def toy(outputs: int = 1, **options: Any) -> Detector:
    return Detector(nn.Identity(), Toy(outputs), replace(CARD, name="toy", options=options))


def official_toy(**layout: Any) -> Detector:
    plain = {"rename": (("", "network."),), "head": "network.last", "fake_is_one": True}
    detector = toy()
    detector.official = OfficialLayout(**{**plain, **layout})
    return detector


def state_of(detector: nn.Module) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in detector.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Detector, Path]:
    torch.manual_seed(5)
    detector = toy()
    save_safetensors(detector, tmp_path / "w.safetensors", {"licence": "Apache-2.0"})
    return detector, tmp_path / "w.safetensors"


# --- safetensors -------------------------------------------------------------------------------------


def test_round_trip(saved: tuple[Detector, Path]) -> None:
    detector, path = saved
    other = toy()
    assert not same(state_of(other), state_of(detector))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_safetensors(other, path) == digest
    assert load_safetensors(other, path, digest.upper()) == digest
    assert same(state_of(other), state_of(detector))


def test_the_library_reads_our_header(saved: tuple[Detector, Path]) -> None:
    detector, path = saved
    with safe_open(path, "pt") as file:
        metadata = {"format": "pt", "licence": "Apache-2.0", "system": "toy", "options": "{}"}
        assert file.metadata() == metadata
        assert same({key: file.get_tensor(key) for key in file.keys()}, state_of(detector))  # noqa: SIM118
    assert read_metadata(path) == metadata


def test_the_same_state_gives_the_same_bytes(tmp_path: Path, saved: tuple[Detector, Path]) -> None:
    detector, path = saved
    texts = {f"key{i}": "x" * i for i in range(20)}
    first = save_safetensors(detector, tmp_path / "a" / "1.safetensors", texts)
    second = save_safetensors(detector, tmp_path / "a" / "2.safetensors", dict(reversed(texts.items())))
    assert first == second != hashlib.sha256(path.read_bytes()).hexdigest()
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == ["1.safetensors", "2.safetensors"]


def test_any_memory_format_and_shared_tensors_are_saved(tmp_path: Path) -> None:
    detector = create("npr").to(memory_format=torch.channels_last)
    save_safetensors(detector, tmp_path / "x.safetensors", {})
    other = create("npr")
    load_safetensors(other, tmp_path / "x.safetensors")
    assert same(state_of(other), state_of(detector))
    tied = toy()
    tied.network.body.bias = nn.Parameter(tied.network.body.weight[:, 0])
    save_safetensors(tied, tmp_path / "x.safetensors", {"file": "name \udcff"})
    assert read_metadata(tmp_path / "x.safetensors")["file"] == "name \\udcff"


def test_another_hash_is_refused(saved: tuple[Detector, Path]) -> None:
    _, path = saved
    other = toy()
    before = state_of(other)
    with pytest.raises(WeightsError, match=r"w\.safetensors: its SHA-256 is [0-9a-f]{64}, expected 00"):
        load_safetensors(other, path, "00" * 32)
    assert same(state_of(other), before)


def test_weights_of_another_system_or_variant_are_refused(tmp_path: Path) -> None:
    """The variants of NPR have the same tensors, so only what the file says of itself can tell."""
    path = tmp_path / "mean.safetensors"
    save_safetensors(create("npr", anchor="mean"), path, {})
    with pytest.raises(WeightsError, match=r'weights of .*"mean".*the detector is'):
        load_safetensors(create("npr"), path)
    with pytest.raises(WeightsError, match=r"weights of .*'npr'.*the detector is.*'toy'"):
        load_safetensors(toy(), path)
    with pytest.raises(WeightsError, match=r"metadata say \{'system': 'x'\}"):
        save_safetensors(toy(), path, {"system": "x"})


def test_load_detector_builds_what_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    saved = create("npr", block=3, anchor="max")
    save_safetensors(saved, path, {})
    loaded = load_detector(path)
    assert loaded.card.options == {"block": 3, "anchor": "max"}
    assert same(state_of(loaded), state_of(saved))
    assert load_detector(path, system="npr").card.options["block"] == 3
    with pytest.raises(WeightsError, match=r"weights of system 'npr', asked for 'nrp'"):
        load_detector(path, system="nrp")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({}, "does not say which system"),
        ({"system": "npr", "options": "{"}, "options are not JSON"),
        ({"system": "npr", "options": "[1]"}, r"options are \[1\]"),
    ],
)
def test_files_that_do_not_say_what_they_are(tmp_path: Path, metadata: dict[str, str], message: str) -> None:
    path = tmp_path / "w.safetensors"
    plain = checkpoints.require("safetensors.torch", extra="train", purpose="a test")
    plain.save_file(create("npr").state_dict(), path, metadata)
    with pytest.raises(WeightsError, match=message):
        load_detector(path)
    if not metadata:
        assert load_detector(path, system="npr").card.name == "npr"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("network.last.bias"), r"1 missing \(network\.last\.bias\)"),
        (lambda s: s.update(extra=torch.zeros(1)), r"1 unexpected \(extra\)"),
        (
            lambda s: s.update({"network.last.weight": torch.zeros(1, 5)}),
            r"1 of another shape \(network\.last\.weight \(1, 5\) instead of \(1, 4\)\)",
        ),
        (
            lambda s: s.update({"network.last.bias": torch.zeros(1).half()}),
            r"1 of another dtype \(network\.last\.bias torch\.float16 instead of torch\.float32\)",
        ),
        (lambda s: s["network.body.weight"].fill_(torch.nan), r"1 not finite \(network\.body\.weight\)"),
        (lambda s: s.clear(), r"6? ?expected and 0 found: 5 missing \(network.*, \.\.\.\)"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "w.safetensors"
    state = state_of(toy())
    change(state)
    checkpoints.require("safetensors.torch", extra="train", purpose="a test").save_file(state, path)
    detector = toy()
    before = state_of(detector)
    with pytest.raises(WeightsError, match=message) as caught:
        load_safetensors(detector, path)
    assert "w.safetensors" in str(caught.value)
    assert same(state_of(detector), before)


def test_all_differences_are_in_one_message_and_long_lists_are_cut() -> None:
    expected = {f"k{i}": torch.zeros(2) for i in range(9)}
    found = {f"j{i}": torch.zeros(2) for i in range(5)} | {"k0": torch.zeros(3)}
    with pytest.raises(WeightsError) as caught:
        check_state(expected, found, "f")
    assert (
        "9 tensors expected and 6 found: 8 missing (k1, k2, k3, ...); 5 unexpected (j0, j1, j2, ...); "
        in str(caught.value)
    )
    assert "1 of another shape (k0 (3,) instead of (2,))" in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 7,
        b"not a file of tensors",
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 2) + b"{}" + b"trailing",
        struct.pack("<Q", 4) + b"null",
        b"\x80\x02.",
    ],
)
def test_what_is_no_safetensors_file_is_an_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(data)
    for call in (lambda: load_safetensors(toy(), path), lambda: load_detector(path)):
        with pytest.raises(WeightsError, match=r"w\.safetensors"):
            call()


def test_files_that_cannot_be_read_or_written(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none.*cannot be read"):
        load_safetensors(toy(), tmp_path / "none")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_safetensors(toy(), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be written"):
        save_safetensors(toy(), tmp_path / "file" / "w.safetensors", {})
    (tmp_path / "folder").mkdir()
    with pytest.raises(WeightsError, match="cannot be written"):
        save_safetensors(toy(), tmp_path / "folder", {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


# --- official checkpoints ----------------------------------------------------------------------------


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make `import_official("toy", ...)` build the toy given."""

    def build(detector: Detector) -> None:
        monkeypatch.setattr(checkpoints, "create", lambda _, **options: detector)

    return build


@pytest.fixture
def theirs() -> dict[str, Tensor]:
    torch.manual_seed(11)
    return state_of(Toy())


def prefixed(state: dict[str, Tensor], prefix: str = "module.") -> dict[str, Tensor]:
    return OrderedDict((prefix + key, value) for key, value in state.items())


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict", "net"])
@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("legacy", [False, True])
def test_wrappers_and_prefixes(
    tmp_path: Path, use: Any, theirs: dict[str, Tensor], wrapper: str | None, prefix: str, legacy: bool
) -> None:
    detector = official_toy()
    use(detector)
    state: Any = prefixed(theirs, prefix)
    if wrapper is not None:
        optimiser = torch.optim.Adam(Toy().parameters())
        state = {wrapper: state, "optimizer": optimiser.state_dict(), "total_steps": 144}
    source = tmp_path / "their.pth"
    torch.save(state, source, _use_new_zipfile_serialization=not legacy)
    done = import_official("toy", source, tmp_path / "ours.safetensors")
    assert (done.wrapper, done.prefix, done.tensors) == (wrapper or "", prefix, 5)
    assert done.dropped == (() if wrapper is None else ("optimizer", "total_steps"))
    assert done.parameters == sum(p.numel() for p in Toy().parameters())
    assert done.source_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert done.sha256 == hashlib.sha256(done.path.read_bytes()).hexdigest()
    ours = toy()
    load_safetensors(ours, done.path)
    assert same(state_of(ours.network), theirs)
    metadata = read_metadata(done.path)
    assert metadata["origin"] == "their.pth"
    assert metadata["origin_sha256"] == done.source_sha256
    assert metadata["licence"] == "the official repository states no licence; for your own evaluation"
    assert metadata["system"] == "toy"
    assert str(tmp_path) not in json.dumps(metadata)


@pytest.mark.parametrize(("outputs", "sign"), [(1, 1), (1, -1), (2, 1), (2, -1)])
def test_the_head_is_turned_so_that_higher_means_generated(
    tmp_path: Path, use: Any, outputs: int, sign: int
) -> None:
    """Probability of 'generated' by the authors' convention = sigmoid of our logit."""
    torch.manual_seed(2)
    original = Toy(outputs)
    detector = official_toy(fake_is_one=sign == 1)
    use(detector)
    torch.save(original.state_dict(), tmp_path / "t.pth")
    done = import_official("toy", tmp_path / "t.pth", tmp_path / "o.safetensors")
    assert done.flipped == (sign == -1)
    images = torch.rand(5, 3, 4, 4)
    with torch.no_grad():
        scores = original(images)
        ours = detector(images).sigmoid()
    theirs = scores[:, 0].sigmoid() if outputs == 1 else scores.softmax(1)[:, 1]
    torch.testing.assert_close(ours, theirs if sign == 1 else 1 - theirs)


def test_names_are_mapped_and_unused_tensors_dropped_by_intent(
    tmp_path: Path, use: Any, theirs: dict[str, Tensor]
) -> None:
    renames = (("backbone.", "network.body."), ("fc.", "network.last."), ("n", "network.steps"))
    use(official_toy(rename=renames, ignore=("aux.",), prefix="m."))
    state = {
        "m.backbone.weight": theirs["body.weight"],
        "m.backbone.bias": theirs["body.bias"],
        "m.fc.weight": theirs["last.weight"],
        "m.fc.bias": theirs["last.bias"],
        "m.n": theirs["steps"],
        "m.aux.head": torch.zeros(9),
    }
    torch.save(state, tmp_path / "t.pth")
    done = import_official("toy", tmp_path / "t.pth", tmp_path / "o.safetensors")
    assert done.dropped == ("aux.head",)
    ours = toy()
    load_safetensors(ours, done.path)
    assert same(state_of(ours.network), theirs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {**s, "odd": torch.zeros(1)}, r"5 keys start with 'module\.' and 1 do not \(odd\)"),
        (lambda s: {"model": s, "state_dict": s}, "exactly one of model, state_dict, net"),
        (lambda s: {"weights": s}, r"a dict with weights, expected tensors, or a state dict"),
        (lambda s: {"model": {**s, "epoch": 3}}, "'epoch' is a int, expected a named tensor"),
        (lambda s: {"model": {1: torch.zeros(1)}}, "1 is a Tensor, expected a named tensor"),
        (lambda s: list(s.values()), "holds a list, expected a state dict"),
        (lambda _: {}, "holds an empty dict"),
        (lambda _: torch.zeros(3), "holds a Tensor, expected a state dict"),
        (lambda s: {**s, "module.more": torch.zeros(1)}, r"1 unexpected \(network\.more\)"),
        (lambda s: {k: v for k, v in s.items() if "last" not in k}, r"2 missing \(network\.last\.weight"),
        (lambda s: {**s, "module.last.bias": torch.zeros(3)}, r"network\.last\.bias has shape \(3,\)"),
        (lambda s: {**s, "module.body.bias": torch.zeros(4).double()}, "another dtype"),
        (lambda s: prefixed(s), r"5 missing .*; 5 unexpected \(network\.module\."),
    ],
)
def test_other_layouts_are_refused(
    tmp_path: Path, use: Any, theirs: dict[str, Tensor], change: Any, message: str
) -> None:
    use(official_toy())
    torch.save(change(dict(prefixed(theirs))), tmp_path / "t.pth")
    with pytest.raises(WeightsError, match=message) as caught:
        import_official("toy", tmp_path / "t.pth", tmp_path / "o.safetensors")
    assert "t.pth" in str(caught.value)
    assert not (tmp_path / "o.safetensors").exists()


def test_ambiguous_and_foreign_names_are_refused(tmp_path: Path, use: Any, theirs: dict[str, Tensor]) -> None:
    torch.save({**theirs, "tail.bias": theirs["last.bias"]}, tmp_path / "t.pth")
    use(official_toy(rename=(("tail.", "network.last."), ("", "network."))))
    with pytest.raises(WeightsError, match=r"'tail\.bias' is the second one for our 'network\.last\.bias'"):
        import_official("toy", tmp_path / "t.pth", tmp_path / "o.safetensors")
    use(official_toy(rename=(("body.", "network.body."),)))
    with pytest.raises(WeightsError, match=r"'steps' is not one of the official layout"):
        import_official("toy", tmp_path / "t.pth", tmp_path / "o.safetensors")


class Harmful:
    """Unpickling this makes a folder; so nothing may."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.mkdir, (Path(self.path),)  # type: ignore[return-value]


@pytest.mark.parametrize("legacy", [False, True])
def test_nothing_is_unpickled(tmp_path: Path, use: Any, theirs: dict[str, Tensor], legacy: bool) -> None:
    use(official_toy())
    trap = tmp_path / "trap"
    state = {"model": theirs, "extra": Harmful(str(trap))}
    torch.save(state, tmp_path / "t.pth", _use_new_zipfile_serialization=not legacy)
    with pytest.raises(
        WeightsError, match=r"it holds a Python object, .*nothing else is unpickled"
    ) as caught:
        import_official("toy", tmp_path / "t.pth", tmp_path / "o.safetensors")
    assert not trap.exists()
    assert "weights_only" not in str(caught.value)


@pytest.mark.parametrize("keep", [0, 1, 10, 0.3, 0.9])
@pytest.mark.parametrize("legacy", [False, True])
def test_cut_files_are_errors(
    tmp_path: Path, use: Any, theirs: dict[str, Tensor], keep: float, legacy: bool
) -> None:
    use(official_toy())
    torch.save(theirs, tmp_path / "t.pth", _use_new_zipfile_serialization=not legacy)
    data = (tmp_path / "t.pth").read_bytes()
    (tmp_path / "t.pth").write_bytes(data[: keep if isinstance(keep, int) else int(keep * len(data))])
    with pytest.raises(WeightsError, match=r"t\.pth: not a torch checkpoint"):
        import_official("toy", tmp_path / "t.pth", tmp_path / "o.safetensors")


def test_known_files_are_recognised_and_others_said_to_differ(
    tmp_path: Path, use: Any, theirs: dict[str, Tensor]
) -> None:
    source = tmp_path / "known.pth"
    torch.save(theirs, source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    for known, note in (
        (((source.name, digest),), "is that reported for known.pth"),
        ((("other.pth", digest),), "is that reported for other.pth"),
        (((source.name, "00" * 32),), "the hash differs from 00.*reported for known.pth by a third party"),
        ((), "no reference hash is known"),
    ):
        use(official_toy(known=known))
        (only,) = import_official("toy", source, tmp_path / "o.safetensors").notes
        assert re.search(note, only)


def test_systems_without_official_weights_and_outputs_over_the_source(
    tmp_path: Path, use: Any, theirs: dict[str, Tensor]
) -> None:
    source = tmp_path / "t.pth"
    torch.save(theirs, source)
    before = source.read_bytes()
    use(toy())
    with pytest.raises(WeightsError, match="no official checkpoint layout is known"):
        import_official("toy", source, tmp_path / "o.safetensors")
    use(official_toy())
    with pytest.raises(ConfigError, match="the output is the file itself"):
        import_official("toy", source, tmp_path / "." / "t.pth")
    assert source.read_bytes() == before


def test_npr_pth(tmp_path: Path) -> None:
    """The published layout of NPR.pth with random numbers in it."""
    torch.manual_seed(3)
    donor = create("npr")
    state = {f"module.{key.removeprefix('network.')}": value for key, value in donor.state_dict().items()}
    source = tmp_path / "NPR.pth"
    torch.save({"model": state, "optimizer": {"state": {}, "param_groups": []}, "total_steps": 1}, source)
    done = import_official("npr", source, tmp_path / "npr.safetensors")
    assert (done.tensors, done.parameters, done.prefix, done.wrapper) == (146, 1_437_761, "module.", "model")
    assert not done.flipped
    assert "differs from 3939297e" in done.notes[0]
    assert same(state_of(load_detector(done.path)), state_of(donor))
