"""Every command and every Python example of the README and the documentation runs, or is checked.

Blocks count as shell when they are fenced as `bash`, or fenced without a language or indented and begin with
a program of `CHECKS`. The commands of a page run in their order in one folder, which holds `examples/`,
`configs/`, and small stand-ins for a reader's own pictures (`photo.jpg`, `photos/`, `generated/`). Python
blocks run between them, and TOML blocks with a title are written there. `upprint serve` is started for real
and `curl` asks it.

A command is checked and not run when a word of it is in capitals (it stands for something of the reader's:
`DATASET`, `RUN/npr.safetensors`, `s3://BUCKET/photos`) or names another machine, or when its block follows a
line `<!-- not run: REASON -->`. Then the parser of `upprint` must take it, and the values that can be judged
without data must be valid.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image

import upprint
from upprint.result import UpprintError

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PLACEHOLDER = re.compile(r"[A-Z][A-Z0-9_]+(\.[a-z0-9]+)?")
SECONDS = 180


@dataclass(frozen=True)
class Step:
    """Something that a page tells its reader to do: a shell command, Python code, or a file to save."""

    line: int
    kind: str
    text: str
    title: str = ""
    not_run: str = ""


# --- reading pages -----------------------------------------------------------------------------------------


def steps(text: str) -> list[Step]:
    """The commands, examples and files of a page in their order."""
    found: list[Step] = []
    for number, language, attributes, body, not_run in _blocks(text.splitlines()):
        title = re.search(r'title="([^"]+)"', attributes)
        first = body.split(maxsplit=1)[0] if body.strip() else ""
        if language == "bash" or (language == "" and _program(first) in CHECKS):
            found += [Step(number + at, "shell", line, not_run=not_run) for at, line in _commands(body)]
        elif language == "python" or (language == "toml" and title):
            found.append(Step(number, language, body, title[1] if title else "", not_run))
    return found


def _blocks(lines: list[str]) -> Iterator[tuple[int, str, str, str, str]]:
    """(line, language, attributes, body, why it is not run) of fenced and indented blocks."""
    at, not_run = 0, ""
    while at < len(lines):
        line, start = lines[at], at + 1
        if mark := re.fullmatch(r"<!-- not run: (.+) -->", line):
            not_run = mark[1]
        elif fence := re.match(r"```(\w*)(.*)", line):
            at = lines.index("```", start)
            yield start, fence[1], fence[2], "\n".join(lines[start:at]), not_run
            not_run = ""
        elif line.startswith("    ") and not lines[at - 1].strip():
            while at + 1 < len(lines) and (lines[at + 1].startswith("    ") or not lines[at + 1].strip()):
                at += 1
            yield start - 1, "", "", "\n".join(text[4:] for text in lines[start - 1 : at + 1]), not_run
            not_run = ""
        elif line.strip():
            not_run = ""
        at += 1


def _commands(body: str) -> Iterator[tuple[int, str]]:
    """(line, command) with continued lines joined; chains of && come apart."""
    joined = re.sub(r"\s*\\\n\s*", " ", body)
    for at, line in enumerate(joined.splitlines(), start=1):
        words = shlex.split(line, comments=True)
        if words:
            bare = line if "#" not in line else shlex.join(words).replace("'&&'", "&&")
            yield from ((at, part.strip()) for part in bare.split("&&"))


def _program(word: str) -> str:
    return word.rpartition("/")[2] if word.startswith(".venv/bin/") else word


def reason_not_to_run(step: Step) -> str:
    """Why a command is checked only; "" if it runs."""
    words = shlex.split(step.text)
    program = _program(words[0])
    if step.not_run or program in NEVER_RUN or (program == "python" and words[1] != "-c"):
        return step.not_run or "a tool of its own"
    for word in words[1:]:
        if any(PLACEHOLDER.fullmatch(part) for part in word.split("/")):
            return f"{word} is the reader's"
        if "://" in word and "127.0.0.1" not in word:
            return f"{word} is another machine's"
    return ""


# --- checking ----------------------------------------------------------------------------------------------


def commands() -> dict[str, Any]:
    for path in (ROOT / "src" / "upprint" / "cli").glob("[!_]*.py"):
        import_module(f"upprint.cli.{path.stem}")
    group: Any = typer.main.get_command(import_module("upprint.cli._app").app)
    return dict(group.commands)


def check_upprint(words: list[str]) -> None:
    """The parser takes the command, and what can be judged without data is valid."""
    from upprint.data.layouts import LAYOUTS
    from upprint.data.protocol import named
    from upprint.evaluate import paper
    from upprint.perturb import parse
    from upprint.train import read_run

    name, *rest = words
    known = commands()
    assert name in known, f"no command {name!r}"
    given = known[name].make_context(name, rest).params
    if given.get("perturb"):
        parse(given["perturb"])
    if given.get("protocol"):
        named(given["protocol"])
    if given.get("layout"):
        assert given["layout"] in LAYOUTS
    if given.get("fpr"):
        assert 0 < float(given["fpr"]) < 1
    if given.get("tiles") not in (None, True, False):
        assert given["tiles"] == "all" or int(given["tiles"]) > 0
    if name == "table":
        assert given["number"] in paper.numbers(given["paper"])
    if name == "train" and Path(given["config"]).parts[0] == "configs":
        read_run(ROOT / given["config"])


def check_pip(words: list[str]) -> None:
    assert words[0] == "install"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    for names in re.findall(r"\[([^\]]*)\]", " ".join(words)):
        assert set(names.split(",")) <= set(extras), f"no such extra: {names}"
    if "-c" in words:
        assert (ROOT / words[words.index("-c") + 1]).is_file()


def check_python(words: list[str]) -> None:
    if words[0].endswith(".py"):
        check = [sys.executable, str(ROOT / words[0]), "--help"]
        told = subprocess.run(check, check=True, capture_output=True, text=True, timeout=SECONDS).stdout
        assert all(word in told for word in words[1:] if word.startswith("--"))
    else:
        assert words[0] in ("-c", "-m")
        assert words[0] == "-c" or words[1] in ("venv", "pytest")


def check_nothing(words: list[str]) -> None:
    """A tool whose options are not ours to check."""


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "upprint": check_upprint,
    "pip": check_pip,
    "python": check_python,
    "python3": check_python,
    **dict.fromkeys(("chmod", "cp", "curl", "mkdir", "mypy", "ruff"), check_nothing),
}
"""Programs that pages may call, and what is checked of their words; a page with another one fails."""
NEVER_RUN = ("pip", "python3", "mypy", "ruff")
"""Installing, and what CI runs beside the tests."""


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_are_valid(page: Path) -> None:
    for step in steps(page.read_text(encoding="utf-8")):
        if step.kind == "shell":
            program, *words = shlex.split(step.text)
            words = words[: words.index(">")] if ">" in words else words
            try:
                CHECKS[_program(program)](words)
            except (Exception, SystemExit) as error:
                pytest.fail(f"{page.name}, line {step.line}: {step.text}: {type(error).__name__}: {error}")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_and_options_in_sentences_exist(page: Path) -> None:
    known = commands()
    options = {option for command in known.values() for p in command.params for option in p.opts}
    options |= {"--help", "--check", "--strict"}
    for code in re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8")):
        program, *words = code.split()
        if program == "upprint" and words and re.fullmatch("[a-z][a-z-]*", words[0]):
            assert words[0] in known, f"{page.name}: {code}"
        if program in ("upprint", *options) or program.startswith("--"):
            assert all(w in options for w in code.split() if w.startswith("--")), f"{page.name}: {code}"


# --- running -----------------------------------------------------------------------------------------------


@cache
def stand_ins() -> tuple[list[Image.Image], list[Image.Image]]:
    """Parts of the examples, 24 with the lower scores and 24 with the higher: what a calibration needs."""
    score = upprint.load()
    parts = []
    for path in sorted((ROOT / "examples").glob("*.jpg")):
        with Image.open(path) as picture:
            corners = [(left, top) for top in (0, 192) for left in range(0, 512, 128)]
            parts += [picture.crop((left, top, left + 128, top + 128)) for left, top in corners]
    parts.sort(key=lambda part: score(part).logit or 0.0)
    return parts[:24], parts[24:]


class Reader:
    """Does what a page says, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._server, self._url = folder / "work", None, ""
        tools = folder / "bin"
        tools.mkdir()
        for name, command in (("upprint", '-m upprint "$@"'), ("python", '"$@"')):
            tool = tools / name
            tool.write_text(f"#!/bin/sh\nexec '{sys.executable}' {command}\n", encoding="utf-8")
            tool.chmod(0o755)
        self._environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
        self._server: subprocess.Popen[bytes] | None = None
        for name in ("examples", "configs"):
            shutil.copytree(ROOT / name, self.folder / name)
        shutil.copyfile(ROOT / "examples" / "bricks.jpg", self.folder / "photo.jpg")
        for name, part in zip(("photos", "generated"), stand_ins(), strict=True):
            (self.folder / name).mkdir()
            for index, picture in enumerate(part):
                picture.save(self.folder / name / f"{index:02d}.png")

    def do(self, step: Step) -> None:
        if step.kind == "toml":
            (self.folder / step.title).write_text(step.text, encoding="utf-8")
            from upprint.evaluate.benchmark import config as benchmark
            from upprint.train import read_config

            read = benchmark.read_config if "[systems." in step.text else read_config
            read(self.folder / step.title)
        elif step.kind == "python":
            self._run([sys.executable, "-c", step.text])
        elif not reason_not_to_run(step):
            program, *words = shlex.split(step.text)
            if (program, words[0]) == ("upprint", "serve"):
                self._serve(words)
                return
            text = step.text.removeprefix(".venv/bin/")
            if program == "curl":
                text = text.replace("curl ", "curl --fail ", 1).replace("http://127.0.0.1:8000/", self._url)
            self._run(["bash", "-euo", "pipefail", "-c", text])

    def close(self) -> None:
        """Stop the service as Ctrl-C does."""
        if self._server is not None:
            self._server.send_signal(signal.SIGINT)
            code = self._server.wait(SECONDS)
            self._server = None
            assert code == 0, (self.folder / "server.log").read_text()

    def _run(self, command: list[str]) -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"

    def _serve(self, words: list[str]) -> None:
        self.close()
        log = self.folder / "server.log"
        command = [sys.executable, "-m", "upprint", *words, "--port", "0"]
        with log.open("wb") as file:
            self._server = subprocess.Popen(
                command, cwd=self.folder, env=self._environment, stdout=file, stderr=file
            )
        give_up = time.monotonic() + SECONDS
        while not (found := re.search(r"listens on (http\S+)", log.read_text())):
            assert self._server.poll() is None, log.read_text()
            assert time.monotonic() < give_up, log.read_text()
            time.sleep(0.1)
        self._url = found[1]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    made = Reader(tmp_path)
    yield made
    made.close()


RUN = [page for page in PAGES if steps(page.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("page", RUN, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_the_page_works(page: Path, reader: Reader) -> None:
    for step in steps(page.read_text(encoding="utf-8")):
        try:
            reader.do(step)
        except (AssertionError, UpprintError, subprocess.TimeoutExpired) as error:
            pytest.fail(f"{page.name}, line {step.line}: {step.text}\n{error}", pytrace=False)


def test_most_commands_run() -> None:
    """Markers must not grow until nothing is left; tutorials run most of theirs."""
    told = [s for page in RUN for s in steps(page.read_text(encoding="utf-8")) if s.kind == "shell"]
    run = [s for s in told if not reason_not_to_run(s)]
    assert len(run) >= len(told) / 2, f"{len(run)} of {len(told)} commands run"
    for page in (page for page in RUN if page.parent.name == "tutorials"):
        told = [s for s in steps(page.read_text(encoding="utf-8")) if s.kind == "shell"]
        run = [s for s in told if not reason_not_to_run(s)]
        assert len(run) >= 0.6 * len(told), f"{page.name}: {len(run)} of {len(told)} commands run"


def test_blocks_are_found() -> None:
    text = """
Text.

    upprint scan a  # why
    upprint scan b \\
        --resume

<!-- not run: takes days -->

```bash
pip install . && upprint scan 'c d'
```

```python
x = 1
```

```
not a command
```
"""
    found = steps(text)
    assert [(s.line, s.kind, s.text, s.not_run) for s in found] == [
        (4, "shell", "upprint scan a", ""),
        (5, "shell", "upprint scan b --resume", ""),
        (11, "shell", "pip install .", "takes days"),
        (11, "shell", "upprint scan 'c d'", "takes days"),
        (14, "python", "x = 1", ""),
    ]


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("upprint scan examples", True),
        ("upprint scan PHOTOS", False),
        ("upprint scan RUN/npr.safetensors", False),
        ("upprint scan s3://bucket/x", False),
        ("curl -H 'X-API-Key: K' http://127.0.0.1:8000/v1/scan", True),
        ("pip install .", False),
    ],
)
def test_capitals_and_addresses_are_not_run(text: str, runs: bool) -> None:
    assert (reason_not_to_run(Step(1, "shell", text)) == "") == runs


@pytest.mark.parametrize(
    "text",
    [
        "upprint scna examples",
        "upprint scan",
        "upprint scan examples --outt x",
        "upprint evaluate DATASET --perturb jpg(75)",
        "upprint evaluate DATASET --protocol other",
        "upprint table npr 99",
        "pip install '.[nothing]'",
    ],
)
def test_a_wrong_command_is_noticed(text: str) -> None:
    program, *words = shlex.split(text)
    with pytest.raises((Exception, SystemExit)):
        CHECKS[program](words)
