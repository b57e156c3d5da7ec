"""The laboratory's figures: a heat map for every variant, and one chart of all variants."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from upprint.evaluate.laboratory.report import Report
from upprint.evaluate.laboratory.statistics import Matrix
from upprint.result import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("svg", "png")
BELOW, CHANCE, BEST = "#d95f0e", "#f7fbff", "#08306b"
BARS = {"diagonal": "#9ecae1", "transfer": "#2171b5", "held_out": "#54278f"}
LABELS = {
    "diagonal": "tested on the same maker",
    "transfer": "on another maker",
    "held_out": "trained on all but the maker tested",
}
SUMMARY = "summary"


def draw(report: Report, folder: Path, formats: tuple[str, ...] = FORMATS) -> list[Path]:
    """Write `matrix-<variant>` for every variant and `summary`, in each format; returns the files.

    Raises:
        MissingExtra: without matplotlib.
    """
    matplotlib = require("matplotlib", extra="train", purpose="drawing the matrices")
    folder.mkdir(parents=True, exist_ok=True)
    figures = {f"matrix-{name}": _heat_maps(shown) for name, shown in _by_variant(report).items()}
    figures[SUMMARY] = _chart(report)
    written = []
    # Equal reports give equal files.
    with matplotlib.rc_context({"svg.hashsalt": "upprint", "svg.fonttype": "path"}):
        for name, figure in figures.items():
            for form in formats:
                path = folder / f"{name}.{form}"
                metadata = {"Date": None} if form == "svg" else {"Software": None}
                figure.savefig(path, format=form, dpi=150, metadata=metadata)
                written.append(path)
    return written


def _by_variant(report: Report) -> dict[str, list[Matrix]]:
    found: dict[str, list[Matrix]] = {}
    for m in report.matrices:
        found.setdefault(m.variant, []).append(m)
    return found


def _heat_maps(matrices: list[Matrix]) -> Figure:
    """One panel per test, side by side; one colour scale from 0.5 to 1, below 0.5 in another colour."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.figure import Figure

    first = matrices[0]
    width = 1.2 + 0.62 * len(first.columns)
    height = 1.9 + 0.42 * len(first.rows)
    figure = Figure(figsize=(1.5 + width * len(matrices), height), layout="constrained")
    colours = LinearSegmentedColormap.from_list("auroc", [CHANCE, "#6baed6", BEST]).with_extremes(under=BELOW)
    scale = Normalize(0.5, 1.0)
    panels = figure.subplots(1, len(matrices), squeeze=False, sharey=True)[0]
    for axes, m in zip(panels, matrices, strict=True):
        _heat_map(axes, m, ScalarMappable(scale, colours))
    panels[0].set_ylabel("trained on")
    bar = figure.colorbar(ScalarMappable(scale, colours), ax=list(panels), extend="min", shrink=0.85)
    bar.set_label("AUROC; 0.5 is chance")
    seeds = f"{len(first.seeds)} seed{'s' if len(first.seeds) > 1 else ''}"
    figure.suptitle(f"{first.title}: AUROC, mean of {seeds}, 95 % interval over source photos", fontsize=10)
    return figure


def _heat_map(axes: Axes, m: Matrix, colours: Any) -> None:
    values = [[cell.value for cell in row] for row in m.cells]
    axes.imshow(values, cmap=colours.get_cmap(), norm=colours.norm, aspect="auto", interpolation="nearest")
    for j, row in enumerate(m.cells):
        for k, cell in enumerate(row):
            red, green, blue, _ = colours.to_rgba(cell.value)
            ink = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
            axes.text(k, j - 0.14, f"{cell.value:.2f}", ha="center", va="center", color=ink, fontsize=8.5)
            spread = f"{cell.low:.2f}–{cell.high:.2f}"
            axes.text(k, j + 0.26, spread, ha="center", va="center", color=ink, fontsize=5.5)
    axes.set_xticks(range(len(m.columns)), m.columns, rotation=40, ha="right", fontsize=8)
    axes.set_yticks(range(len(m.rows)), m.rows, fontsize=8)
    singles = sum(row in m.columns for row in m.rows)
    if 0 < singles < len(m.rows):
        axes.axhline(singles - 0.5, color="black", linewidth=1.5)
    axes.set_title(m.test, fontsize=9)
    axes.set_xlabel("tested on")
    axes.tick_params(length=0)


def _chart(report: Report) -> Figure:
    """Bars from 0.5: own maker, another maker, all but the one tested; intervals, and a dot for each seed."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    tests = list(dict.fromkeys(m.test for m in report.matrices))
    bars = [name for name in BARS if any(m.summary[name] is not None for m in report.matrices)]
    titles = list(
        dict.fromkeys(m.title for m in report.matrices if any(m.summary[name] is not None for name in bars))
    )
    size = (2.5 + 3.6 * len(tests), 1.6 + 0.24 * len(bars) * len(titles))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(1, len(tests), squeeze=False, sharey=True, sharex=True)[0]
    step = 0.8 / len(bars)
    for axes, test in zip(panels, tests, strict=True):
        for m in (m for m in report.matrices if m.test == test and m.title in titles):
            for index, name in enumerate(bars):
                number = m.summary[name]
                if number is None:
                    continue
                at = titles.index(m.title) + (index - (len(bars) - 1) / 2) * step
                axes.barh(at, number.value - 0.5, step * 0.9, left=0.5, color=BARS[name])
                axes.plot([number.low, number.high], [at, at], color="black", linewidth=1)
                axes.plot(number.seeds, [at] * len(number.seeds), "o", color="black", markersize=2)
        axes.axvline(0.5, color="black", linewidth=0.8)
        axes.set_title(test, fontsize=9)
        axes.set_xlabel("AUROC; 0.5 is chance")
        axes.grid(axis="x", alpha=0.3)
    panels[0].set_yticks(range(len(titles)), titles, fontsize=8)
    panels[0].set_ylim(len(titles) - 0.5, -0.5)
    panels[0].set_xlim(right=1.0)
    handles = [Patch(color=BARS[name], label=LABELS[name]) for name in bars]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(bars), fontsize=8, frameon=False)
    return figure
