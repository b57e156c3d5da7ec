from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from upprint.card import SystemCard
from upprint.cli import explain as other_command  # noqa: F401
from upprint.cli import where as command  # noqa: F401  (registers the command)
from upprint.cli._app import app
from upprint.evaluate import where_results
from upprint.forge.run import COLUMNS
from upprint.result import ConfigError, DataError


def run(*arguments: object) -> Result:
    done = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Six pairs; the twin is brighter, which is what `tiny` takes for generated."""
    root, rng, rows = tmp_path / "pairs", np.random.default_rng(0), []
    for index in range(6):
        photo = rng.integers(40, 120, (64, 64, 3), dtype=np.uint8)
        for folder, pixels in (("photos", photo), ("twins", photo + np.uint8(100))):
            (root / folder).mkdir(parents=True, exist_ok=True)
            path = Path(folder) / f"{index}.png"
            Image.fromarray(pixels).save(root / path)
            label = int(folder == "twins")
            rows.append({"path": path, "label": label, "subset": "m", "generator": "m" if label else "real",
                         "source": f"{'held' if index < 4 else 'seen'}/{index}"})  # fmt: skip
    with (root / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return root


def test_from_pairs_to_a_label_in_explain(pairs: Path, tiny: Path, tmp_path: Path) -> None:
    config, out, figure = tmp_path / "c.toml", tmp_path / "out", tmp_path / "f.png"
    config.write_text('[data]\nhold_out = ["held/*"]\n', encoding="utf-8")
    arguments = ["where", pairs, "--out", out, "--system", tiny, "--config", config, "--draws", 50]
    text = run(*arguments, "--figure", figure, "--card").output
    assert "4 photos of held-out sources" in " ".join(text.split())
    assert figure.is_file()
    result = where_results.read(out / "tiny.where.json")
    assert (result.sources, result.composites, result.controls) == (4, 4, 4)
    assert {m.name: m.beats_chance for m in result.maps}["cam"]
    card = SystemCard.read(tiny.with_suffix(".json"))
    assert {t.map for t in card.maps} == {"cam", "tile_cam", "tile_scores"}
    photo = pairs / "photos" / "0.png"
    report = tmp_path / "r.html"
    shown = run("explain", photo, "--system", tiny, "--out", tmp_path, "--report", report).output
    assert "better than chance: pixel AUROC" in " ".join(shown.split())
    assert "better than chance: pixel AUROC" in report.read_text(encoding="utf-8")
    run(*arguments)  # once more: everything is there
    assert where_results.read(out / "tiny.where.json").maps == result.maps


def test_a_map_that_fails_is_labelled(pairs: Path, tiny: Path, tmp_path: Path) -> None:
    run("where", pairs, "--out", tmp_path / "out", "--system", tiny, "--count", 3, "--draws", 50, "--card")
    path = tiny.with_suffix(".json")
    raw = json.loads(path.read_text(encoding="utf-8"))
    for test in raw["maps"]:
        test |= {"beats_chance": False, "auroc": 0.51, "low": 0.47, "high": 0.55}
    path.write_text(json.dumps(raw), encoding="utf-8")
    photo, report = pairs / "photos" / "0.png", tmp_path / "r.html"
    shown = run("explain", photo, "--system", tiny, "--out", tmp_path, "--report", report, "--tiles").output
    for text in (shown, report.read_text(encoding="utf-8")):
        assert "did not beat chance in our test: pixel AUROC 0.51 [0.47, 0.55]" in " ".join(text.split())


def test_untested_maps_say_so(pairs: Path, tiny: Path, tmp_path: Path) -> None:
    shown = run("explain", pairs / "photos" / "0.png", "--system", tiny, "--out", tmp_path).output
    assert "not tested" in shown


def test_wrong_use(pairs: Path, tiny: Path, tmp_path: Path) -> None:
    start = ["where", pairs, "--out", tmp_path / "out", "--system", tiny]
    with pytest.raises(DataError, match="no pair's source fits nowhere"):
        run(*start, "--sources", "nowhere")
    (tmp_path / "c.toml").write_text("[data]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="data.hold_out"):
        run(*start, "--config", tmp_path / "c.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        run(*start, "--config", tmp_path / "missing.toml")
