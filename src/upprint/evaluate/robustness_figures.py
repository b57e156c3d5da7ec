"""One figure per curve: AUROC on the left, what is called generated on the right, over the perturbation."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from upprint.evaluate.bootstrap import Estimate
from upprint.evaluate.robustness_grid import CLEAN, Curve
from upprint.evaluate.robustness_report import Report
from upprint.result import ConfigError, require

FORMATS = ("svg", "png")
_COLOURS = ("#0b6e99", "#c2571a", "#5b7f2b", "#7a4fa3", "#a8324a", "#4d4d4d")
_UNITS = {
    "quality": "quality",
    "factor": "scale factor",
    "sigma": "standard deviation",
    "side": "side of the crop in pixels",
    "size": "side of the window in pixels",
}


def file_name(curve: Curve) -> str:
    """The figure's name without its suffix."""
    return re.sub(r"[^a-z0-9]+", "-", curve.name.lower()).strip("-")


def digest(report: Report) -> str:
    """What a figure is drawn from, as a hash; it stands in the SVG."""
    drawn = asdict(report)
    for name in ("date", "command", "versions"):
        drawn.pop(name)
    return hashlib.sha256(json.dumps(drawn, sort_keys=True).encode("ascii")).hexdigest()[:16]


def draw(report: Report, folder: Path, *, form: str = "svg") -> list[Path]:
    """Draw every curve of a report; the same report gives the same SVG.

    Raises:
        ConfigError: another format.
        MissingExtra: matplotlib is not installed.
    """
    if form not in FORMATS:
        raise ConfigError(f"figures as {form!r}: expected one of {', '.join(FORMATS)}")
    matplotlib = require("matplotlib", extra="train", purpose="figures")
    require("matplotlib.figure", extra="train", purpose="figures")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    settings = {
        "svg.hashsalt": "upprint",
        "svg.fonttype": "none",
        "font.size": 9,
        "font.family": "sans-serif",
    }
    with matplotlib.rc_context(settings):
        for curve in report.curves:
            path = folder / f"{file_name(curve)}.{form}"
            metadata = {"Date": None, "Description": digest(report)} if form == "svg" else {}
            figure = _figure(matplotlib, report, curve)
            figure.savefig(path, metadata=metadata, dpi=150)
            paths.append(path)
    return paths


def _figure(matplotlib: Any, report: Report, curve: Curve) -> Any:
    figure = matplotlib.figure.Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    texts = [CLEAN, *(point.text for point in curve.points)]
    labels = ["none", *(point.value for point in curve.points)]
    several = len(report.subsets) > 1
    for place, system in enumerate(report.systems):
        colour, name = _COLOURS[place % len(_COLOURS)], system.name
        cells = [report.cell(place, text) for text in texts]
        _line(
            left,
            [cell.mean["auroc"] for cell in cells],
            colour,
            "-",
            "o",
            f"{name}, mean" if several else name,
        )
        if several:
            worst = [w.estimate if (w := cell.worst.get("auroc")) else Estimate(None) for cell in cells]
            _line(left, worst, colour, ":", "v", f"{name}, worst sub-set", band=False)
        for metric, style, mark, who in (
            ("generated_called", "-", "o", "generated"),
            ("photos_called", "--", "s", "photos"),
        ):
            _line(right, [cell.mean[metric] for cell in cells], colour, style, mark, f"{name}, {who}")
    left.axhline(50, color="#888888", linewidth=0.8)
    judged = (
        "at the shipped threshold" if all(s.threshold_fpr for s in report.systems) else "at the threshold"
    )
    for axes, title in ((left, "AUROC, %"), (right, f"called generated {judged}, %")):
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_ylim(-3, 103)
        long = max(map(len, labels)) > 8
        axes.set_xticks(
            range(len(labels)), labels, rotation=20 if long else 0, ha="right" if long else "center"
        )
        axes.set_xlabel(f"{curve.name}: {_UNITS.get(curve.axis, curve.axis)}")
        axes.grid(axis="y", linewidth=0.4, alpha=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7, frameon=False)
    return figure


def _line(
    axes: Any,
    estimates: Sequence[Estimate],
    colour: str,
    style: str,
    mark: str,
    label: str,
    *,
    band: bool = True,
) -> None:
    """One line; undefined points are left out, and the clean picture is not joined to the rest."""
    points = [(x, e) for x, e in enumerate(estimates) if e.value is not None]
    look = {"linestyle": style, "marker": mark, "markersize": 4, "linewidth": 1.3, "color": colour}
    for part in ([p for p in points if p[0] == 0], [p for p in points if p[0] > 0]):
        if part:
            axes.plot([x for x, _ in part], [100 * (e.value or 0.0) for _, e in part], label=label, **look)
            label = "_" + label  # the second part has no entry of its own in the legend
    bars = [(x, e.low, e.high) for x, e in points if e.low is not None and e.high is not None]
    if band and bars:
        ends = [[100 * low for _, low, _ in bars], [100 * high for _, _, high in bars]]
        axes.vlines([x for x, _, _ in bars], *ends, color=colour, linewidth=1.0, alpha=0.55)
