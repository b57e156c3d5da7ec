from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from upprint.evaluate.benchmark import kept, speed
from upprint.evaluate.benchmark.config import BenchmarkConfig, SystemConfig
from upprint.evaluate.benchmark.page import page
from upprint.evaluate.benchmark.run import TRAINED, run, weights_of
from upprint.result import ConfigError, DataError


def test_every_cell_is_filled_and_the_page_says_what_is_kept(made: BenchmarkConfig) -> None:
    noted: list[str] = []
    folder = run(made, command="upprint benchmark it", note=noted.append)
    assert noted == ["npr: training", "durall: training"]
    found = kept.read(folder)
    assert [s.name for s in found.systems] == ["npr", "durall", "univfd"]
    npr = found.system("npr")
    assert (npr.steps, npr.parameters, npr.threshold) == (3, 1_437_761, None)
    assert npr.train_seconds is not None
    assert {name: len(row) for name, row in npr.logits.items()} == {"others": 24, "made": 5}
    assert found.system("durall").parameters == 21  # twenty bins and a bias
    text = page(found)
    assert "| univfd | not measured ([why](#the-systems)) |" in text
    assert "- **univfd**: not measured: no CLIP here." in text
    assert "A line." in text
    assert "## Less npr" in text
    assert "`upprint benchmark it`" in text
    means = []
    test = found.tests["others"]
    for subset in ("bilinear", "null"):
        rows = [i for i, row in enumerate(test.rows) if row[0] == subset]
        means.append(roc_auc_score([test.rows[i][1] for i in rows], [npr.logits["others"][i] for i in rows]))
    assert f"| npr | {100 * np.mean(means):.1f} [" in text.split("## Folders")[0]


def test_a_finished_run_trains_and_scores_nothing_again(
    made: BenchmarkConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run(made)
    before = {path.name: path.read_text() for path in folder.glob("*.json")}
    monkeypatch.setattr("upprint.train.fit", lambda *_a, **_k: pytest.fail("trained again"))
    run(made)
    assert {path.name: path.read_text() for path in folder.glob("*.json")} == before


def test_a_run_that_was_cut_short_ends_in_the_same_logits(made: BenchmarkConfig, tmp_path: Path) -> None:
    whole = kept.read(run(made)).system("npr").logits
    again = replace(made, out=str(tmp_path / "again"))

    class Killed(Exception):
        pass

    def cut(title: str) -> object:
        def progress(done: int, _total: int) -> None:
            if done >= 2 and (title, "npr") not in seen:
                seen.append((title, "npr"))
                raise Killed

        return progress

    seen: list[tuple[str, str]] = []
    for _ in range(8):
        try:
            run(again, bar=cut)  # type: ignore[arg-type]
            break
        except Killed:
            continue
    assert len(seen) >= 3  # in training and in both tests
    found = kept.read(tmp_path / "again" / "results").system("npr")
    assert found.logits == whole
    assert found.train_seconds is None  # of a part alone it would not be said


def test_systems_can_be_run_one_by_one(made: BenchmarkConfig) -> None:
    folder = run(made, only=["durall"])
    with pytest.raises(DataError, match="no file of the reference 'npr'"):
        kept.read(folder)
    run(made, only=["npr"])
    assert [s.name for s in kept.read(folder).systems] == ["npr", "durall"]
    with pytest.raises(ConfigError, match="no system other"):
        run(made, only=["other"])


def test_other_settings_in_the_folder_are_refused(made: BenchmarkConfig) -> None:
    run(made, only=["durall"])
    other = replace(made, common={**made.common, "seed": 5})
    with pytest.raises(ConfigError, match="trained with other seed"):
        run(other, only=["durall"])


def test_other_samples_beside_kept_logits_are_refused(made: BenchmarkConfig) -> None:
    run(made, only=["durall"])
    fewer = replace(made.tests["others"], sources_per_subset=4)
    with pytest.raises(DataError, match="other samples in others"):
        run(replace(made, tests={**made.tests, "others": fewer}), only=["durall"])


def test_weights_that_are_there_are_scored(made: BenchmarkConfig) -> None:
    config = replace(made, systems={"npr": SystemConfig(weights="npr")}, side=64)
    folder = run(config)
    shipped = kept.read(folder).system("npr")
    assert shipped.threshold is not None
    assert shipped.steps is None
    text = page(kept.read(folder))
    assert "## Photos called generated" in text
    speed.measure_speed(config, folder)
    timed = kept.read(folder).system("npr")
    assert len(timed.speed) == speed.ROUNDS
    assert timed.relative_speed == (1.0,) * speed.ROUNDS
    run(config)
    assert kept.read(folder).system("npr").speed == timed.speed  # same weights, still true


def test_a_broken_picture_is_an_error(made: BenchmarkConfig, tmp_path: Path) -> None:
    (tmp_path / "generated" / "x" / "1.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    with pytest.raises(DataError, match=r"durall: 1 pictures of made failed"):
        run(made, only=["durall"])


def test_an_untrained_system_has_no_weights(made: BenchmarkConfig) -> None:
    with pytest.raises(DataError, match="npr is not trained yet"):
        weights_of(made, "npr")


def test_kept_files_that_do_not_fit_are_refused(made: BenchmarkConfig) -> None:
    folder = run(made)
    path = folder / "npr.json"
    raw = json.loads(path.read_text())
    path.write_text(json.dumps({**raw, "logits": {"others": [1.0]}}))
    with pytest.raises(DataError, match="do not fit the samples"):
        kept.read(folder)
    path.write_text("{")
    with pytest.raises(DataError, match="cannot be read as JSON"):
        kept.read(folder)


def test_what_was_trained_stands_beside_the_weights(made: BenchmarkConfig) -> None:
    run(made, only=["durall"])
    facts = json.loads((Path(made.out) / "systems" / "durall" / TRAINED).read_text())
    assert facts["config"]["options"] == {"bins": 20, "side": 64}
