"""Write the shipped system's numbers from its card into README.md, between the two markers.

python scripts/readme_numbers.py            # rewrite
python scripts/readme_numbers.py --check    # exit 1 if stale
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from upprint.card import Number, SystemCard

ROOT = Path(__file__).parent.parent
CARD = ROOT / "src" / "upprint" / "weights" / "npr.json"
BEGIN, END = "<!-- numbers:begin -->\n", "<!-- numbers:end -->"
TITLES = {
    "auroc": "AUROC",
    "average_precision": "AP",
    "fpr_shipped": "photos called generated at the shipped threshold",
    "tpr_at_1_fpr": "found at 1 % false positives",
}


def table(card: SystemCard) -> str:
    """One Markdown table per test, metrics as rows, mean and worst as columns; then how it was measured."""
    parts = []
    for data in dict.fromkeys(number.data for number in card.numbers):
        numbers = [n for n in card.numbers if n.data == data]
        columns = list(dict.fromkeys("worst" if "worst" in n.protocol else "mean" for n in numbers))
        lines = [f"**{data}**", ""]
        lines.append(f"| in % | {' | '.join(columns) if len(columns) > 1 else 'all'} |")
        lines.append("|---" * (len(columns) + 1) + "|")
        for metric in dict.fromkeys(n.metric for n in numbers if n.metric in TITLES):
            row = {"worst" if "worst" in n.protocol else "mean": n for n in numbers if n.metric == metric}
            cells = [_cell(row[column]) if column in row else "–" for column in columns]
            lines.append(f"| {TITLES[metric]} | {' | '.join(cells)} |")
        parts.append("\n".join(lines))
    first = card.numbers[0]
    parts.append(
        f"Measured {first.date} by `{first.command}`; native tiles, 95 % bootstrap intervals over source "
        "photos; one result file per generator in `results/npr_twins/`. Mean and worst are over generators."
    )
    return "\n\n".join(parts) + "\n"


def _cell(number: Number) -> str:
    text = f"{100 * number.value:.1f}"
    if number.low is not None and number.high is not None:
        text += f" [{100 * number.low:.1f}, {100 * number.high:.1f}]"
    _, _, name = number.protocol.partition("worst generator, ")
    return f"{text} ({name})" if name else text


def rendered(readme: str, card: SystemCard) -> str:
    """The README with its block of numbers made anew."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table(card)}{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the card's numbers into README.md.")
    parser.add_argument("--check", action="store_true")
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    new = rendered(old, SystemCard.read(CARD))
    if parser.parse_args().check:
        sys.exit(
            0 if old == new else "README.md: its numbers are stale; run python scripts/readme_numbers.py"
        )
    path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
