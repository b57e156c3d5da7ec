from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from upprint.evaluate.laboratory.cell import Scored
from upprint.evaluate.laboratory.config import LaboratoryConfig, SteadyConfig, VariantConfig
from upprint.evaluate.laboratory.figure import draw
from upprint.evaluate.laboratory.report import Report, read, report, write
from upprint.evaluate.laboratory.run import run
from upprint.nets.rdn import RDN
from upprint.result import ConfigError, DataError, ResumeError

MAKERS = ("nearest", "bilinear", "null", "identity")
Make = Callable[..., LaboratoryConfig]


@pytest.fixture(scope="module")
def twins(make_twins: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_twins(tmp_path_factory.mktemp("twins"), MAKERS, 40)


@pytest.fixture(scope="module")
def config(make_config: Make, tmp_path_factory: pytest.TempPathFactory) -> LaboratoryConfig:
    tests = {"as forged": "", "JPEG": "jpeg(90..98)"}
    return make_config(out=str(tmp_path_factory.mktemp("run")), tests=tests)


@pytest.fixture(scope="module")
def finished(twins: Path, config: LaboratoryConfig) -> tuple[list[Scored], Report]:
    found, scored = run([twins], config)
    return scored, report(found, scored, config, data="noise", command="upprint laboratory")


def untimed(scored: list[Scored]) -> list[Scored]:
    return [dataclasses.replace(s, train_seconds=0.0, test_seconds=0.0) for s in scored]


def test_a_planted_trace_is_found(finished: tuple[list[Scored], Report]) -> None:
    scored, made = finished
    assert len(scored) == made.done == made.wanted == 2 * 2 + 4
    found = made.matrix("npr", "as forged")
    assert found is not None
    assert found.columns == ("bilinear", "identity", "nearest", "null")
    assert found.rows == ("bilinear", "nearest")
    assert found.seeds == (0, 1)
    for own in (found.cells[0][0], found.cells[1][2]):
        assert own.low > 0.9
        assert min(own.seeds) > 0.9


def test_a_maker_that_does_nothing_is_at_chance(finished: tuple[list[Scored], Report]) -> None:
    """Exactly where twin and photo are equal; within four deviations where both are drawn alike."""
    for m in finished[1].matrices:
        for row in m.cells:
            same, alike = row[m.columns.index("identity")], row[m.columns.index("null")]
            assert same.value == same.low == same.high == 0.5
            assert abs(alike.value - 0.5) <= alike.high - alike.low


def test_a_cut_run_goes_on_to_the_same_scores(
    twins: Path, config: LaboratoryConfig, finished: tuple[list[Scored], Report], tmp_path: Path
) -> None:
    cut = dataclasses.replace(config, out=str(tmp_path))
    steps: list[tuple[int, int]] = []
    _, some = run([twins], cut, stop_after=2, progress=lambda done, total: steps.append((done, total)))
    assert len(some) == 2
    assert steps == [(0, 8), (1, 8), (2, 8)]
    (tmp_path / "cells" / "npr" / "nearest.seed0.tmp").write_text('{"variant": ')  # died while writing
    _, rest = run([twins], cut)
    assert untimed(rest) == untimed(finished[0])


def test_a_finished_run_reads_no_picture(
    twins: Path, config: LaboratoryConfig, finished: tuple[list[Scored], Report]
) -> None:
    read_pairs: list[int] = []
    _, again = run([twins], config, reading=lambda done, _total: read_pairs.append(done))
    assert again == finished[0]
    assert read_pairs == []


def test_other_settings_are_refused(twins: Path, config: LaboratoryConfig, tmp_path: Path) -> None:
    small = dataclasses.replace(config, out=str(tmp_path))
    run([twins], small, stop_after=1)
    with pytest.raises(ConfigError, match=r"settings of steps.*choose another out"):
        run([twins], dataclasses.replace(small, steps=25))
    with pytest.raises(ConfigError, match="settings of makers"):
        run([twins], dataclasses.replace(small, makers=("n*", "b*")))
    with pytest.raises(ConfigError, match="settings of sources"):
        run([twins], dataclasses.replace(small, sources=30))
    other = {**small.variants, "npr": VariantConfig("NPR", block=3)}
    with pytest.raises(ConfigError, match="variants.npr"):
        run([twins], dataclasses.replace(small, variants=other))
    (tmp_path / "pictures.sha256").write_text("0\n")
    with pytest.raises(ConfigError, match="other pixels"):
        run([twins], small)


def test_seeds_rows_and_variants_may_be_added(twins: Path, config: LaboratoryConfig, tmp_path: Path) -> None:
    line = VariantConfig("line", "azimuthal", "linear", regularisation=1.0, rows=("nearest",))
    control = dataclasses.replace(line, title="dct", input="dct")
    small = dataclasses.replace(
        config, out=str(tmp_path), variants={"line": line, "dct": control}, main="line", control="dct"
    )
    _, before = run([twins], small)
    wider = dataclasses.replace(line, rows=("n*",), seeds=(0, 3), all_but_one=True)
    found, after = run([twins], dataclasses.replace(small, variants={"line": wider, "dct": control}))
    assert [(s.row, s.seed) for s in after if s.variant == "line"] == [
        *(("nearest", 0), ("null", 0), ("all but nearest", 0), ("all but null", 0)),
        *(("nearest", 3), ("null", 3), ("all but nearest", 3), ("all but null", 3)),
    ]
    assert [s for s in after if s.seed == 0 and s.row == "nearest"] == before
    assert found.left_out == 0
    run([twins], small)  # fewer again: the cells stay


def test_partial_trains_nothing(twins: Path, config: LaboratoryConfig, tmp_path: Path) -> None:
    small = dataclasses.replace(config, out=str(tmp_path))
    with pytest.raises(DataError, match="no cell is finished"):
        run([twins], small, partial=True)
    run([twins], small, stop_after=2)
    found, some = run([twins], small, partial=True)
    assert len(some) == 2
    made = report(found, some, small)
    assert (made.done, made.wanted) == (2, 8)
    assert {m.rows for m in made.matrices} == {("bilinear", "nearest")}


def test_a_damaged_cell_is_named(
    twins: Path, config: LaboratoryConfig, finished: tuple[list[Scored], Report], tmp_path: Path
) -> None:
    small = dataclasses.replace(config, out=str(tmp_path))
    run([twins], small, stop_after=1)
    path = next((tmp_path / "cells").rglob("*.json"))
    path.write_text(path.read_text()[:-20])
    with pytest.raises(ResumeError, match="remove it to train it again"):
        run([twins], small, partial=True)


def test_the_report_is_read_back(finished: tuple[list[Scored], Report], tmp_path: Path) -> None:
    write(finished[1], tmp_path / "laboratory.json")
    assert read(tmp_path / "laboratory.json") == finished[1]
    assert "out" not in json.loads((tmp_path / "laboratory.json").read_text())["config"]
    (tmp_path / "laboratory.json").write_text("{}")
    with pytest.raises(DataError, match="missing"):
        read(tmp_path / "laboratory.json")


def _size(phi: Path, picture: Path) -> float:
    """Mean of |X - phi(block means of X)| over the central 32 pixels each way, written out."""
    network = RDN(4, 4, 1, 1)
    network.load_state_dict(load_file(phi))
    pixels = np.asarray(Image.open(picture))[16:48, 16:48].astype(np.float32) / 255
    x = torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]
    with torch.no_grad():
        return float((x - network(functional.avg_pool2d(x, 4))).abs().mean())


def test_residuals_their_size_and_losses(twins: Path, make_config: Make, phi: Path, tmp_path: Path) -> None:
    variants = {
        "residual": VariantConfig("residual", "residual", phi=str(phi), rows=("nearest",)),
        "size": VariantConfig("residual's size", "residual", "mean", phi=str(phi)),
        "azimuthal": VariantConfig("line", "azimuthal", "linear", regularisation=1.0),
    }
    steady = SteadyConfig("residual", ("azimuthal",), "as forged", ("JPEG",), {"nearest": "bilinear"})
    config = make_config(
        variants=variants, main="residual", steady=steady, tests={"as forged": "", "JPEG": "jpeg(50)"},
        out=str(tmp_path / "run"), steps=4,
    )  # fmt: skip
    listed, scored = run([twins], config)
    made = report(listed, scored, config)
    assert [(s.change, s.other) for s in made.steadiness] == [
        ("JPEG", "azimuthal"),
        ("makers trained to hide", "azimuthal"),
    ]
    size = made.matrix("size", "as forged")
    assert size is not None
    assert size.rows == ("untrained",)
    assert size.cells[0][size.columns.index("identity")].value == 0.5
    expected = roc_auc_score(
        [0, 1] * len(listed.test),
        [
            _size(phi, twins / top / "nearest" / f"{s}.png")
            for s in listed.test
            for top in ("photos", "twins")
        ],
    )
    assert size.cells[0][size.columns.index("nearest")].value == pytest.approx(expected)
    draw(made, tmp_path / "figures")
    other = tmp_path / "other.safetensors"
    other.write_bytes(phi.read_bytes()[:-4] + b"\0\0\0\0")
    changed = {**variants, "size": dataclasses.replace(variants["size"], phi=str(other))}
    with pytest.raises(ConfigError, match=r"other settings of variants\.size"):
        run([twins], dataclasses.replace(config, variants=changed))
    gone = {**variants, "size": dataclasses.replace(variants["size"], phi="absent")}
    with pytest.raises(ConfigError, match="train it first"):
        run([twins], dataclasses.replace(config, variants=gone))
