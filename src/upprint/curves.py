"""Learning curves: the parts that a resumed run logged, read as one, and a picture of them."""

from __future__ import annotations

import csv
from pathlib import Path

from upprint.result import require


def read_curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Name -> (step, value) pairs in step order; of a step logged twice the later part counts.

    Args:
        folder: holds part_0/metrics.csv, part_1/metrics.csv, ...
    """
    values: dict[str, dict[int, float]] = {}
    parts = sorted(folder.glob("part_*/metrics.csv"), key=lambda p: int(p.parent.name.removeprefix("part_")))
    for part in parts:
        with part.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for name, text in row.items():
                    if text and name != "step":
                        values.setdefault(name, {})[int(row["step"])] = float(text)
    return {name: sorted(points.items()) for name, points in values.items()}


def draw_curves(folder: Path, picture: Path) -> None:
    """Draw every curve in `folder` into one PNG: losses together, the other figures one panel each.

    Writes nothing where nothing was logged, as in a run shorter than `log_every`.
    """
    require("matplotlib", extra="train", purpose="drawing learning curves")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves = read_curves(folder)
    if not curves:
        return
    panels: dict[str, list[str]] = {}
    for name in curves:
        panels.setdefault("loss" if name.endswith("loss") else name, []).append(name)
    figure = Figure(figsize=(4.5 * min(3, len(panels)), 3 * -(-len(panels) // 3)), layout="constrained")
    FigureCanvasAgg(figure)
    for index, (title, names) in enumerate(panels.items(), 1):
        axes = figure.add_subplot(-(-len(panels) // 3), min(3, len(panels)), index)
        for name in names:
            steps, points = zip(*curves[name], strict=True)
            axes.plot(steps, points, label=name, linewidth=1, marker="." if len(points) < 40 else "")
        axes.set_title(title)
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend()
    figure.savefig(picture, dpi=120)
