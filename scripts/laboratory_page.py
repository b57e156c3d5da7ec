"""Write docs/laboratory.md and its figures from results/laboratory/laboratory.json.

python scripts/laboratory_page.py              # rewrite
python scripts/laboratory_page.py --run RUN    # take over the report of a run first
python scripts/laboratory_page.py --check      # exit 1 if the page is stale
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from upprint.evaluate.laboratory.figure import draw
from upprint.evaluate.laboratory.page import page
from upprint.evaluate.laboratory.report import NAME, Report, read

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "laboratory" / NAME
PAGE = ROOT / "docs" / "laboratory.md"
FIGURES = Path("assets", "laboratory")


def rendered(report: Report | None) -> str:
    """The page as it stands in the documentation."""
    made = "<!-- Made by `python scripts/laboratory_page.py`. Do not edit by hand. -->"
    return f"---\nhide:\n  - toc\n---\n\n{made}\n\n{page(report, f'{FIGURES.as_posix()}/')}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the laboratory's page.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
    parser.add_argument("--run", type=Path, help="folder of a finished run, whose report is taken over")
    options = parser.parse_args()
    if options.run is not None:
        read(options.run / NAME)
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(options.run / NAME, RESULTS)
    report = read(RESULTS) if RESULTS.exists() else None
    text = rendered(report)
    if options.check:
        stale = not PAGE.exists() or PAGE.read_text(encoding="utf-8") != text
        sys.exit("docs/laboratory.md is stale; run python scripts/laboratory_page.py" if stale else 0)
    PAGE.write_text(text, encoding="utf-8")
    if report is not None:
        draw(report, PAGE.parent / FIGURES, formats=("svg",))


if __name__ == "__main__":
    main()
