"""Write docs/reach.md and its figure: what more photos, makers, steps or parameters buy on real generators.

    python scripts/reach_page.py            # rewrite
    python scripts/reach_page.py --check    # exit 1 if the page is stale

Photos and makers are varied for the default's counts (results/choose.json, `scripts/choose_default.py`),
steps and width for the network of local scores (results/benchmark/inputs,
`upprint benchmark configs/benchmark_inputs.toml`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from judging import EQUALISED
from upprint.evaluate.benchmark.kept import read
from upprint.evaluate.benchmark.page import measured_on

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reach.md"
FIGURE = ROOT / "docs" / "assets" / "reach.svg"
MADE = "<!-- Made by `python scripts/reach_page.py`. Do not edit by hand. -->"
BAR = 90.0
"""Mean AUROC in per cent that was aimed at."""


@dataclass(frozen=True)
class Point:
    """One run: how much of something, and the mean AUROC in per cent, with its 95 % interval if any."""

    amount: float
    label: str
    value: float
    low: float | None = None
    high: float | None = None

    def text(self) -> str:
        interval = "" if self.low is None else f" [{self.low:.1f}, {self.high:.1f}]"
        return f"{self.value:.1f}{interval}"


@dataclass(frozen=True)
class Curve:
    """What is varied, of which detector, and its points."""

    title: str
    unit: str
    detector: str
    points: Sequence[Point]


def curves() -> list[Curve]:
    """The four curves."""
    chosen = json.loads((ROOT / "results" / "choose.json").read_text(encoding="utf-8"))
    rows = {(row["group"], row["title"]): _percent(row) for row in chosen["rows"]}
    whole = rows["residuals", next(title for group, title in rows if group == "residuals")]
    photos = chosen["photos"]
    shares = [(0.125, "12%"), (0.25, "25%"), (0.5, "50%")]
    by_photos = [
        Point(photos * share, f"{photos * share:.0f}", *rows["photos", f"{name} of the photos"])
        for share, name in shares
    ] + [Point(photos, str(photos), *whole)]
    used = [title.removeprefix("all but ") for _, title in rows if title.startswith("all but ")]
    every = sum(title.endswith(" alone") for group, title in rows if group == "makers")
    by_makers = [
        Point(1, "1 (mean)", mean(rows["makers", f"{name} alone"][0] for name in used)),
        Point(
            len(used) - 1, f"{len(used) - 1} (mean)", mean(rows["makers", f"all but {n}"][0] for n in used)
        ),
        Point(len(used), str(len(used)), *whole),
        Point(every, f"{every}, fewer pairs of each further one", *rows["makers", "all makers"]),
    ]
    return [
        Curve("Photos", "training photos", "the default's counts", by_photos),
        Curve("Makers", "makers of twins", "the default's counts", by_makers),
        *_network_curves(),
    ]


def _percent(row: dict[str, dict[str, dict[str, list[float]]]]) -> tuple[float, float, float]:
    value, low, high = (100 * x for x in row["auroc"][EQUALISED]["mean"])
    return value, low, high


def _network_curves() -> list[Curve]:
    found = read(ROOT / "results" / "benchmark" / "inputs")
    test = found.tests["equalised"]

    def point(name: str, *, by_steps: bool) -> Point:
        system = found.system(name)
        auroc = measured_on(test, system, system.logits["equalised"]).mean["auroc"]
        amount = (system.steps if by_steps else system.parameters) or 0
        if auroc.value is None or auroc.low is None or auroc.high is None:
            sys.exit(f"{name}: no AUROC on real generators; score it first")
        return Point(amount, f"{amount:,}", *(100 * x for x in (auroc.value, auroc.low, auroc.high)))

    steps = ("localnet-phases-60", "localnet-phases", "localnet-phases-960")
    widths = ("localnet-phases-half", "localnet-phases", "localnet-phases-double")
    return [
        Curve("Steps", "steps of 16 pairs", "localnet", [point(name, by_steps=True) for name in steps]),
        Curve("A larger net", "parameters", "localnet", [point(name, by_steps=False) for name in widths]),
    ]


def draw(found: Sequence[Curve], path: Path) -> None:
    """One panel per curve, logarithmic along what is varied."""
    figure = Figure(figsize=(11, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, curve in zip(figure.subplots(1, len(found), sharey=True), found, strict=True):
        x = [point.amount for point in curve.points]
        axes.plot(x, [point.value for point in curve.points], marker="o")
        held = [p for p in curve.points if p.low is not None and p.high is not None]
        axes.vlines([p.amount for p in held], [p.low for p in held], [p.high for p in held], alpha=0.5)
        axes.axhline(BAR, color="0.4", linestyle="--", linewidth=1)
        axes.axhline(50, color="0.7", linewidth=1)
        axes.set_xscale("log")
        axes.set_xticks(x, [f"{amount:,.0f}" for amount in x], rotation=30, ha="right", fontsize="small")
        axes.set_xticks([], minor=True)
        axes.set_title(f"{curve.title} ({curve.detector})", fontsize="small")
        axes.set_xlabel(curve.unit)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("mean AUROC, 11 generators, %")
    figure.savefig(path, metadata={"Date": None})


def page(found: Sequence[Curve]) -> str:
    """docs/reach.md."""
    lines = [
        MADE,
        "",
        "# What more would buy",
        "",
        ABOUT,
        "",
        "![Mean AUROC over photos, makers, steps and parameters](assets/reach.svg)",
    ]
    for curve in found:
        lines += ["", f"| {curve.unit} ({curve.detector}) | mean AUROC, % |", "| --- | ---: |"]
        lines += [f"| {point.label} | {point.text()} |" for point in curve.points]
    return "\n".join([*lines, "", READING, ""])


READING = """\
What this says:

- **Photos** bought much up to about 350 and next to nothing after that.
- **Makers**: from one to several buys most; after that it matters which, not how many. What is missing
  is not more of our own small autoencoders but decoders like those of the generators that do worst: code
  books of 16 pixels (dalle_mini), large latent diffusion. TAEF2 was the only decoder of a published
  generator at hand; others are the next unit to buy, and `upprint forge` takes them.
- **Steps** teach a network its makers, not generators: on makers that it never saw it keeps rising
  ([table](inputs.md)), on real generators it stays near chance.
- **A larger net** buys nothing, and a smaller one loses nothing; so there is nothing to distil either:
  no large network was better than the 513 numbers of the default.
- **Another input** buys more than any of these: counts and the median residual carry where the plain
  picture and phases do not. Not every input that looks good is: see [colours](colours.md)."""


ABOUT = f"""\
The aim for the default detector was a mean AUROC of {BAR:.0f} % over real generators that it was not
trained on, both classes as `{EQUALISED}`. The shipped weights reach what [their
page](systems/upprint.md) says, which is less. Four curves say what more of something would buy; the
tests are those of [Choosing the default detector](default.md) for counts, and of [What a detector is
given](inputs.md) for networks."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Write docs/reach.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
    check = parser.parse_args().check
    found = curves()
    text = page(found)
    if check:
        sys.exit(0 if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text else f"{PAGE.name}: stale")
    PAGE.write_text(text, encoding="utf-8")
    draw(found, FIGURE)


if __name__ == "__main__":
    main()
