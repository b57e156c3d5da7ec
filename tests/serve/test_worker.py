"""The worker's side of the pipe, and what it brings along."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO

from upprint.result import EmptyFile, ScanResult
from upprint.serve import worker

HEAVY = ("fastapi", "lightning_fabric", "pyarrow", "scipy", "starlette", "torch", "uvicorn")


def score(data: bytes, name: str) -> ScanResult:
    if not data:
        raise EmptyFile(name, "zero bytes", "some", "none")
    return ScanResult(name, "test", logit=float(len(data)))


def answers_to(questions: bytes, seconds: float = 30.0) -> list[dict[str, object]]:
    answers = BytesIO()
    worker.serve(score, "test", seconds, BytesIO(questions), answers)
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def question(name: str, data: bytes) -> bytes:
    return json.dumps({"name": name, "bytes": len(data)}).encode() + b"\n" + data


def test_questions_are_lines_and_bytes_and_answers_are_rows() -> None:
    found = answers_to(question("a", b"\n{}\n") + question("b", b"") + question("c", b"x" * 70_000))
    assert [(row["path"], row["logit"]) for row in found] == [("a", 4), ("b", None), ("c", 70_000)]
    assert found[1]["error"] == "EmptyFile: zero bytes; expected some; none"


def test_a_question_that_is_cut_off_has_no_answer() -> None:
    assert len(answers_to(question("a", b"1") + question("b", b"12345")[:-1])) == 1


def test_a_worker_nobody_watches_ends_itself() -> None:
    code = (
        "import io, time\n"
        "from upprint.serve import worker\n"
        "slow = lambda data, name: time.sleep(60)\n"
        'worker.serve(slow, \'s\', 0.2, io.BytesIO(b\'{"name": "a", "bytes": 1}\\n1\'), io.BytesIO())\n'
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=50)
    assert done.returncode == -14  # SIGALRM


def test_a_worker_brings_nothing_of_the_server_along() -> None:
    code = f"import sys, upprint.serve.worker; print(sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
