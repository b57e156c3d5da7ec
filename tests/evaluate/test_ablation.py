from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.data import layouts
from upprint.evaluate import ablation, predictions, render
from upprint.evaluate.results import Result
from upprint.result import ConfigError, DataError
from upprint.train import DataConfig

RECIPE = """
system = "{system}"
out = "unused"
steps = 2
batch = 4
workers = 0
accelerator = "cpu"
devices = 1
checkpoint_every = 1
log_every = 1

[data]
root = "{root}"
layout = "plain"
validation = 0.0

[crops]
crop = 32
"""


def pictures(folder: Path, count: int) -> None:
    rng = np.random.default_rng(len(str(folder)))
    for name in ("0_real", "1_fake"):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            Image.fromarray(rng.integers(0, 256, (36, 36, 3), np.uint8)).save(folder / name / f"{index}.png")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    pictures(tmp_path / "data", 16)
    return tmp_path / "data"


def recipe(folder: Path, root: Path, system: str = "npr") -> Path:
    path = folder / "recipe.toml"
    path.write_text(RECIPE.format(root=root, system=system))
    return path


def test_variants_are_the_twelve_rows_in_order() -> None:
    found = list(ablation.variants().values())
    anchors = [1, 2, 3, 4, "mean", "max"]
    assert found == [{"block": block, "anchor": anchor} for block in (2, 3) for anchor in anchors]


def test_one_call_trains_and_scores_every_variant_and_resumes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = {"block2-1": {"block": 2, "anchor": 1}, "block3-max": {"block": 3, "anchor": "max"}}
    monkeypatch.setattr(ablation, "variants", lambda: two)
    config, out = recipe(tmp_path, data), tmp_path / "out"
    said: list[str] = []

    def run() -> list[Result]:
        return ablation.run(
            data, "plain", out=out, config=config, protocol="npr-native", draws=20, note=said.append
        )

    found = run()
    assert [r.options for r in found] == list(two.values())
    assert "a fifth of the sources tests" in said[0]
    tested = {r.path for r in predictions.read(out / "block2-1" / "predictions.jsonl").rows}
    trained = {s.path for s in layouts.read(out / "manifest.csv", "manifest", split="train").samples}
    names = {Path(p).relative_to(data) for p in tested | trained}
    assert len(names) == len(tested) + len(trained) == 32
    assert 0 < found[0].real + found[0].generated == len(tested) < 16
    table, blocks = ablation.table("npr", 7, found)
    measured = {line.label.partition(" [")[0]: line.cells for line in blocks[-1].lines}
    accuracy = found[1].metrics["accuracy"].value
    assert accuracy is not None
    assert measured["3×3, max"][found[1].subset][0] == pytest.approx(100 * accuracy)
    assert "3×3, max [" in render.markdown(table, blocks)

    (out / "block3-max" / "npr.safetensors").unlink()
    rows = out / "block3-max" / "predictions.jsonl"
    whole = rows.read_bytes()
    rows.write_bytes(whole[: len(whole) // 2])
    assert [r.metrics for r in run()] == [r.metrics for r in found]
    config.write_text(config.read_text().replace("batch = 4", "batch = 2"))
    with pytest.raises(ConfigError, match="batch"):
        run()


def test_published_splits_are_used(tmp_path: Path) -> None:
    root = tmp_path / "forensynths"
    pictures(root / "train" / "car", 2)
    pictures(root / "train" / "dog", 2)
    pictures(root / "test" / "stargan", 3)
    recipe_data = DataConfig("elsewhere", "forensynths", options={"split": "train", "classes": ["car"]})
    training, test, how = ablation.data_sets(
        root, None, recipe_data, out=tmp_path / "o", train=None, split=None
    )
    assert how == "its train and test splits"
    assert (training.root, training.options) == (str(root), {"split": "train", "classes": ["car"]})
    assert (test.subsets, len(test.samples)) == (("StarGAN",), 6)
    assert len(layouts.read(training.root, training.layout, **training.options).samples) == 4


def test_training_data_of_their_own(data: Path, tmp_path: Path) -> None:
    mine = DataConfig("elsewhere", "plain")
    training, test, _ = ablation.data_sets(data, None, mine, out=tmp_path, train=tmp_path / "t", split=None)
    assert (training.root, len(test.samples)) == (str(tmp_path / "t"), 32)
    with pytest.raises(ConfigError, match="--train"):
        ablation.data_sets(data, None, mine, out=tmp_path, train=None, split="test")


def test_too_little_data_are_refused(tmp_path: Path) -> None:
    pictures(tmp_path / "few", 1)
    mine = DataConfig("elsewhere", "plain")
    with pytest.raises(DataError, match="too few sources"):
        ablation.data_sets(tmp_path / "few", "plain", mine, out=tmp_path, train=None, split=None)


def test_only_table_7_can_be_run(data: Path, tmp_path: Path) -> None:
    ablation.check("npr", 7)
    with pytest.raises(ConfigError, match="npr 1 has none to train"):
        ablation.check("npr", 1)
    with pytest.raises(ConfigError, match="needs system = 'npr'"):
        ablation.run(data, "plain", out=tmp_path / "out", config=recipe(tmp_path, data, "other"))
    assert ablation.default_config().name == "npr_paper.toml"
