"""Write the pages of the benchmarks (`PAGES`) from the logits in results/benchmark/.

python scripts/benchmark_page.py            # rewrite
python scripts/benchmark_page.py --check    # exit 1 if a page is stale

The logits are those of `upprint benchmark CONFIG --results results/benchmark/NAME`.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

from rich.progress import Progress, TaskID

from upprint.evaluate.benchmark.kept import read
from upprint.evaluate.benchmark.page import page

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "benchmark"
DOCS = ROOT / "docs"
PAGES = {
    "systems": "comparison.md",
    "default": "side-by-side.md",
    "inputs": "inputs.md",
    "chroma": "colours.md",
}
"""Folder of results -> page."""
MADE = "<!-- Made by `python scripts/benchmark_page.py`. Do not edit by hand. -->"
WIDE = "---\nhide:\n  - toc\n---"


def _show(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the pages of the benchmarks.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    check = parser.parse_args().check
    stale = []
    for folder, name in PAGES.items():
        with Progress() as bar:
            task = bar.add_task(name)
            made = page(read(RESULTS / folder), progress=partial(_show, bar, task))
        text = f"{WIDE}\n\n{MADE}\n\n{made}"
        path = DOCS / name
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
    sys.exit(f"docs: stale: {', '.join(stale)}; run python scripts/benchmark_page.py" if stale else 0)


if __name__ == "__main__":
    main()
