"""`upprint scan --engine ray` up to where Ray would start; the rest is in tests/cluster."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from upprint.cli import main
from upprint.cli._cluster import engine_on_ray


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["upprint", "scan", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            main()
        return stop.value.code or 0, " ".join(capsys.readouterr().err.split())

    return call


@pytest.mark.parametrize(
    ("engine", "inner"),
    [("ray", "onnxruntime"), ("ray+openvino", "openvino"), ("onnxruntime", None), ("rays", None)],
)
def test_the_engine_names_executor_and_runtime(engine: str, inner: str | None) -> None:
    assert engine_on_ray(engine) == inner


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "ConfigError: a scan on Ray writes a folder of Parquet files"),
        (["--out", "rows.parquet"], "ConfigError: --out 'rows.parquet': a scan on Ray writes a folder"),
        (["--out", "o", "--report", "r.html"], "ConfigError: --report is for a scan on this machine"),
        (["--out", "o", "--engine", "ray+abacus"], "ConfigError: unknown engine 'abacus'"),
        (["--out", "o", "--workers", "0"], "ConfigError: workers 0"),
    ],
)
def test_wrong_use_exits_2_and_says_why(
    run, tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], words: str
) -> None:
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    code, err = run(
        "x.png", "--system", tiny, *(["--engine", "ray"] if "--engine" not in options else []), *options
    )
    assert code == 2
    assert words in err


def test_shards_are_for_a_cluster(run) -> None:
    assert run("x.png", "--shard-size", "5") == (
        2,
        "ConfigError: --shard-size is for a scan on a cluster: add --engine ray",
    )


@pytest.mark.parametrize(("errors", "code"), [(0, 0), (2, 1)])
def test_options_reach_the_cluster(run, monkeypatch: pytest.MonkeyPatch, errors: int, code: int) -> None:
    import upprint.cluster

    asked = {}

    def scan(paths, out, **options):
        asked.update(options, paths=paths, out=out)
        return Counter({"generated": 3, "error": errors})

    monkeypatch.setattr(upprint.cluster, "scan", scan, raising=False)
    options = "--engine ray+openvino --workers 5 --fpr 0.01 --tiles 2 --max-pixels 9 --shard-size 7 --resume "
    options += "--calibration mine.json"
    found, err = run("s3://b/p", "gs://c", "--out", "s3://b/rows", "--system", "npr", *options.split())
    assert (found, err) == (
        code,
        f"{3 + errors} files: 3 generated, 0 inconclusive, 0 no trace found, {errors} errors → s3://b/rows",
    )
    assert asked.pop("progress") is None
    assert asked == {
        "paths": ["s3://b/p", "gs://c"],
        "out": "s3://b/rows",
        "calibration": "mine.json",
        "system": "npr",
        "engine": "openvino",
        "workers": 5,
        "fpr": "0.01",
        "tiles": "2",
        "max_pixels": 9,
        "shard_size": 7,
        "resume": True,
        "overwrite": False,
    }


def test_without_the_extra_the_line_that_installs_it(tiny: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nsys.modules['ray'] = None\nfrom upprint.cli import main\n"
        "sys.argv = ['upprint', 'scan', 'x.png', '--engine', 'ray', '--out', 'o', "
        f"'--system', {str(tiny)!r}]\nmain()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "MissingExtra: a scan on Ray needs 'ray'" in " ".join(done.stderr.split())
    assert "upprint[cluster]" in "".join(done.stderr.split())


def test_the_package_loads_neither_ray_nor_pyarrow() -> None:
    modules = ("", ".places", ".inputs", ".plan", ".tables", ".worker", ".run")
    code = (
        "import sys, importlib\n"
        f"for name in {modules!r}: importlib.import_module('upprint.cluster' + name)\n"
        "print(sorted({'ray', 'pyarrow', 'fsspec', 'torch', 'onnxruntime'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
