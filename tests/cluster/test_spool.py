from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from upprint.cluster.spool import Spool


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_spool_is_there_until_it_is_closed(temporary: Path) -> None:
    spool = Spool()
    (spool.path / "x").write_text("x")
    assert list(temporary.iterdir()) == [spool.path]
    spool.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="no flock")
def test_what_a_killed_process_left_is_removed(temporary: Path) -> None:
    (temporary / "upprint-shards-of-others").mkdir()  # without a lock: in the making
    code = f"import os, tempfile\ntempfile.tempdir = {str(temporary)!r}\n"
    code += "from upprint.cluster.spool import Spool\ns = Spool()\nos.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    (killed,) = [folder for folder in temporary.iterdir() if (folder / "lock").exists()]
    first, second = Spool(), Spool()
    left = {folder.name for folder in temporary.iterdir()}
    assert left == {"upprint-shards-of-others", first.path.name, second.path.name}
    assert killed.name not in left
    first.close()
    second.close()
