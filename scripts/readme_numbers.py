"""Write the default system's numbers from its card into README.md, and NPR's beside them.

python scripts/readme_numbers.py            # rewrite
python scripts/readme_numbers.py --check    # exit 1 if stale
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from upprint.card import Number, SystemCard
from upprint.runtime.store import DEFAULT_SYSTEM

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / "src" / "upprint" / "weights"
OTHER = "npr"
"""Trained on the same twins, shown beside the default."""
BEGIN, END = "<!-- numbers:begin -->\n", "<!-- numbers:end -->"
TITLES = {
    "auroc": "AUROC",
    "average_precision": "AP",
    "balanced_accuracy_shipped": "balanced accuracy at the shipped threshold",
    "generated_shipped": "generated pictures found at the shipped threshold",
    "fpr_shipped": "photos called generated at the shipped threshold",
    "tpr_at_1_fpr": "found at 1 % false positives",
}
FLAGGED = "photos_flagged_at_"


def table(cards: Sequence[SystemCard]) -> str:
    """One Markdown table per test, then the shares of flagged photos; the first card is the default's."""
    parts = []
    judged = [n for card in cards for n in card.numbers if n.metric in TITLES]
    for data in dict.fromkeys(n.data for n in judged):
        columns = [(card, kind) for card in cards for kind in _kinds(card, data)]
        lines = [f"**{data}**", ""]
        lines.append(f"| in % | {' | '.join(f'{card.name}, {kind}' for card, kind in columns)} |")
        lines.append("|---" * (len(columns) + 1) + "|")
        for metric in dict.fromkeys(n.metric for n in judged if n.data == data):
            cells = []
            for card, kind in columns:
                found = [n for n in card.numbers if (n.data, n.metric, _kind(n)) == (data, metric, kind)]
                cells.append(_cell(found[0]) if found else "–")
            lines.append(f"| {TITLES[metric]} | {' | '.join(cells)} |")
        parts.append("\n".join(lines))
    parts += [_flagged(cards[0])] if any(n.metric.startswith(FLAGGED) for n in cards[0].numbers) else []
    first = cards[0].numbers[0]
    parts.append(
        f"Measured {first.date} by `{first.command}`; native tiles, 95 % bootstrap intervals over source "
        "photos; one result file per sub-set in `results/`. Mean and worst are over generators or makers."
    )
    return "\n\n".join(parts) + "\n"


def _flagged(card: SystemCard) -> str:
    """Share of held-out photos above each threshold, by what was done to them."""
    numbers = [n for n in card.numbers if n.metric.startswith(FLAGGED)]
    rates = list(dict.fromkeys(n.metric for n in numbers))
    titles = [f"at the {100 * float(rate.removeprefix(FLAGGED)):g} % threshold" for rate in rates]
    lines = [f"| photos flagged, in % | {' | '.join(titles)} |", "|---" * (len(rates) + 1) + "|"]
    for data in dict.fromkeys(n.data for n in numbers):
        cells = [_cell(n) for rate in rates for n in numbers if (n.metric, n.data) == (rate, data)]
        lines.append(f"| {data} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _kind(number: Number) -> str:
    if "worst" in number.protocol:
        return "worst"
    return "mean" if "mean" in number.protocol else "all"


def _kinds(card: SystemCard, data: str) -> list[str]:
    return list(dict.fromkeys(_kind(n) for n in card.numbers if n.data == data))


def _cell(number: Number) -> str:
    text = f"{100 * number.value:.1f}"
    if number.low is not None and number.high is not None:
        text += f" [{100 * number.low:.1f}, {100 * number.high:.1f}]"
    _, worst, name = number.protocol.partition("worst ")
    return f"{text} ({name.partition(', ')[2]})" if worst else text


def rendered(readme: str, cards: Sequence[SystemCard]) -> str:
    """The README with its block of numbers made anew."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table(cards)}{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the cards' numbers into README.md.")
    parser.add_argument("--check", action="store_true")
    path = ROOT / "README.md"
    old = path.read_text(encoding="utf-8")
    names = dict.fromkeys((DEFAULT_SYSTEM, OTHER))
    new = rendered(old, [SystemCard.read(WEIGHTS / f"{name}.json") for name in names])
    if parser.parse_args().check:
        sys.exit(
            0 if old == new else "README.md: its numbers are stale; run python scripts/readme_numbers.py"
        )
    path.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
