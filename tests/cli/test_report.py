import json
import os
import re

import pytest
from typer.testing import CliRunner

from upprint.cli import explain, scan  # noqa: F401  (registers the commands)
from upprint.cli._app import app
from upprint.result import ConfigError


def run(*arguments, code=0):
    result = CliRunner().invoke(app, list(map(str, arguments)))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def test_explain_writes_a_report(tiny, pictures, tmp_path):
    path, out = tmp_path / "r.html", tmp_path / "figures"
    photo = pictures / "039.png"
    text = run("explain", photo, "--system", tiny, "--out", out, "--report", path).stdout
    html = path.read_text(encoding="utf-8")
    assert str(path) in text
    assert "039.png" in html
    assert re.findall(r'<p class="word">([^<]*)</p>', html) == ["generated"]
    assert html.count("saved again as a JPEG") == 2
    assert len(list(out.iterdir())) == 6


def test_explain_two_pictures_in_one_report(tiny, pictures, tmp_path):
    path = tmp_path / "r.html"
    same = pictures / "000.jpg"
    twin = pictures / "copy.jpg"
    twin.write_bytes(same.read_bytes())
    run("explain", same, twin, "--system", tiny, "--out", tmp_path / "f", "--report", path)
    assert path.read_text(encoding="utf-8").count("<article>") == 2


def test_scan_writes_a_report_beside_its_rows(tiny, pictures, tmp_path):
    path = tmp_path / "r.html"
    rows = run("scan", pictures, "--system", tiny, "--report", path, "--workers", 1, code=1).stdout
    html = path.read_text(encoding="utf-8")
    assert f"<h1>{len(rows.splitlines())} files</h1>" in html
    kinds = [json.loads(line)["verdict"] for line in rows.splitlines()]
    assert f"<strong>{kinds.count('generated')}</strong> <span>generated</span>" in html
    assert "<strong>3</strong> <span>error</span>" in html


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_a_continued_scan_reports_all_its_rows(tiny, pictures, tmp_path, suffix):
    out, path = tmp_path / f"rows.{suffix}", tmp_path / "r.html"
    always = ["--system", tiny, "--out", out, "--workers", 1]
    run("scan", pictures / "000.jpg", pictures / "001.png", *always)
    run("scan", pictures, *always, "--resume", "--report", path, code=1)
    assert "<h1>43 files</h1>" in path.read_text(encoding="utf-8")


def test_a_report_that_cannot_be_written_stops_the_command_first(tiny, pictures, tmp_path):
    photo = pictures / "001.png"
    for command in ("explain", "scan"):
        for target in (tmp_path / "no" / "r.html", tmp_path / "r.txt", photo):
            with pytest.raises(ConfigError):
                run(command, photo, "--system", tiny, "--report", target)
    assert not list(tmp_path.glob("*.png"))


def test_hostile_names_end_up_as_text(tiny, pictures, tmp_path):
    source = pictures / "001.png"
    folder = tmp_path / "hostile"
    folder.mkdir()
    names = [b"<script>alert(1)<.png", b'a\nb".png', b"not-utf8-\xff.png"]
    for name in names:
        try:
            with open(os.path.join(os.fsencode(folder), name), "wb") as file:  # noqa: PTH118
                file.write(source.read_bytes())
        except OSError:  # a file system that insists on UTF-8
            pytest.skip("no such names here")
    path = tmp_path / "r.html"
    run("scan", folder, "--system", tiny, "--report", path)
    html = path.read_text(encoding="utf-8")
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;.png" in html
    assert "a\\nb&quot;.png" in html
    assert "not-utf8-\\udcff.png" in html


def test_explain_tells_what_the_file_says(tiny, pictures, tmp_path):
    from PIL import Image

    photo = tmp_path / "told.jpg"
    block = Image.Exif()
    block[305] = "Midjourney"
    with Image.open(pictures / "001.png") as image:
        image.save(photo, exif=block)
    text = run("explain", photo, "--system", tiny, "--out", tmp_path / "f").stdout
    assert "file says    generated: Midjourney (EXIF software)" in text
