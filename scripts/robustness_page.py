"""Write docs/robustness.md and its figures from results/robustness/*.json.

python scripts/robustness_page.py            # rewrite both; figures need matplotlib
python scripts/robustness_page.py --check    # exit 1 if page or figures are stale; needs no matplotlib

Every report has its section. A figure holds the hash of what it was drawn from.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from upprint.evaluate import robustness_figures
from upprint.evaluate.robustness_grid import CLEAN
from upprint.evaluate.robustness_report import Report, head, percent, read, table

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "robustness"
PAGE = ROOT / "docs" / "robustness.md"
FIGURES = ROOT / "docs" / "assets" / "robustness"
INTRODUCTION = """\
---
hide:
  - toc
---

<!-- Made by `python scripts/robustness_page.py` from results/robustness/. Do not edit by hand. -->

# Robustness

How far a system's scores carry once a picture has been saved again, resized or otherwise handled. Both
classes are perturbed alike: if only generated pictures were saved as JPEG, a detector of JPEG would look like
a detector of generators. Each section says what came first to make the classes alike. The
[steps](reference/perturbations.md) are the rows; `upprint robustness` makes such a report of any system and
data set.

Left in each figure, AUROC: the mean over sub-sets with its interval, and the worst sub-set. Right, the share
of each class called generated at the system's own threshold: photos should stay at the bottom. An interval is
of the pictures drawn, not of other photos or generators: read differences smaller than it as none. A crop
leaves a picture's history as it was: in the row "none" photos may have been JPEG where generated pictures
were not, and a first save makes the classes more alike. A share of 0 or 100 has an empty bootstrap interval;
0 of n photos still allows a rate of 3 / n.
"""


def page(reports: dict[str, Report]) -> str:
    """The page's text from the reports by name."""
    if not reports:
        return INTRODUCTION + "\nNothing measured yet.\n"
    return "\n".join([INTRODUCTION, *(section(name, report) for name, report in reports.items())])


def section(name: str, report: Report) -> str:
    """One report: what was measured, what it says in a sentence, figures, and the table."""
    figures = "\n\n".join(
        f"![{curve.name}: {report.systems[0].name}](assets/robustness/{name}/"
        f"{robustness_figures.file_name(curve)}.svg)"
        for curve in report.curves
    )
    return f"## {name}\n\n{head(report)}\n\n{said(report)}\n\n{figures}\n\n{table(report)}"


def said(report: Report) -> str:
    """The extremes of the first system's mean AUROC, in words that follow from the numbers."""
    texts = dict.fromkeys(point.text for curve in report.curves for point in curve.points)
    means = {text: report.cell(0, text).mean["auroc"] for text in [CLEAN, *texts]}
    defined = {text: e for text, e in means.items() if e.value is not None}
    if len(defined) < 2:
        return "No AUROC is defined."
    clean = f"As they are: AUROC {percent(means[CLEAN])}."
    lowest, highest = (pick(defined, key=lambda t: defined[t].value or 0.0) for pick in (min, max))
    parts = [
        f"{word} {percent(defined[t])} under {_named(t)}"
        for word, t in (("lowest", lowest), ("highest", highest))
    ]
    chance = [t for t, e in defined.items() if e.low is None or e.high is None or e.low <= 0.5 <= e.high]
    if len(chance) == len(defined):
        verdict = " No condition is told from chance."
    elif chance:
        verdict = f" In {len(chance)} of {len(defined)} conditions the interval holds 50, which is chance."
    else:
        verdict = ""
    return f"{clean} Of all conditions: {', '.join(parts)}.{verdict}"


def _named(text: str) -> str:
    return f"`{text}`" if text else "none"


def stale(reports: dict[str, Report]) -> list[str]:
    """Files that are not what the reports make."""
    found = [] if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page(reports) else [PAGE.name]
    wanted = {
        FIGURES / name / f"{robustness_figures.file_name(curve)}.svg": robustness_figures.digest(report)
        for name, report in reports.items()
        for curve in report.curves
    }
    for path, digest in wanted.items():
        if not path.is_file() or digest not in path.read_text(encoding="utf-8"):
            found.append(f"{path.parent.name}/{path.name}")
    return found + [f"{p.parent.name}/{p.name}" for p in FIGURES.glob("*/*") if p not in wanted]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write docs/robustness.md from results/robustness/*.json.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if something is stale")
    reports = {path.stem: read(path) for path in sorted(RESULTS.glob("*.json"))}
    if parser.parse_args().check:
        old = stale(reports)
        sys.exit(f"stale: {', '.join(old)}; run python scripts/robustness_page.py" if old else 0)
    PAGE.write_text(page(reports), encoding="utf-8")
    for path in FIGURES.glob("*/*"):
        path.unlink()
    for name, report in reports.items():
        robustness_figures.draw(report, FIGURES / name)


if __name__ == "__main__":
    main()
