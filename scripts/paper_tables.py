"""Write docs/tables/PAPER-N.md for every table, as `upprint table PAPER N --format markdown` prints it.

python scripts/paper_tables.py            # rewrite
python scripts/paper_tables.py --check    # exit 1 if stale

The measured blocks hold what lies in results/ for the table's data sets.
"""

from __future__ import annotations

import re
from pathlib import Path

import generated
from upprint.evaluate import paper, render, tables
from upprint.evaluate.results import read_all

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "tables"


def pages() -> dict[str, str]:
    """File name -> page."""
    measured = read_all(ROOT / "results")
    found = {}
    for name in sorted(paper.papers()):
        for number in paper.numbers(name):
            text = render.markdown(*tables.blocks(name, number, measured))
            found[f"{name}-{number}.md"] = _page(text, f"upprint table {name} {number} --results results")
    return found


def _page(text: str, command: str) -> str:
    """Headings one level up, a paragraph for every note, and no table in which every cell is a dash."""
    text = re.sub(r"^##(#?) ", r"#\1 ", text, flags=re.MULTILINE)
    text = re.sub(r"\n(?=\(\d+\) |Printed numbers: )", r"\n\n", text)
    text = re.sub(
        r"^\|.*\n\| --- .*\n(?:\|[^|\n]*(?:\| – )+\|\n)+", "Nothing yet.\n", text, flags=re.MULTILINE
    )
    text = re.sub(r"\n{3,}", "\n\n", text)
    wide = "---\nhide:\n  - toc\n---\n\n"
    head = f"{wide}<!-- Made by `python scripts/paper_tables.py`. Do not edit by hand. -->"
    made = f"Made by `{command} --format markdown`. A dash is a number that is not at hand."
    return f"{head}\n\n{text.rstrip()}\n\n{made}\n"


if __name__ == "__main__":
    generated.main(FOLDER, pages(), pattern="*-*.md", command="python scripts/paper_tables.py")
