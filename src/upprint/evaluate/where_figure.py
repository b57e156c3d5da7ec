"""A system's maps in one figure: how well each ranks pixels, and what its probabilities are worth."""

from __future__ import annotations

from pathlib import Path

from upprint.evaluate.where_results import WhereResult
from upprint.result import ConfigError, require


def draw(result: WhereResult, path: Path) -> None:
    """Write the figure.

    Args:
        result: what was measured.
        path: ends in a suffix that matplotlib writes (.png, .svg, .pdf).

    Raises:
        ConfigError: another suffix, or a file that cannot be written.
        MissingExtra: matplotlib is not installed.
    """
    require("matplotlib", extra="train", purpose="drawing maps' results")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    FigureCanvasAgg(figure)
    ranks, trust = figure.subplots(1, 2)
    names = [m.name for m in result.maps]
    for index, local in enumerate(result.maps):
        for offset, marker, estimate in ((0.1, "o", local.auroc), (-0.15, "x", local.auroc_null)):
            if estimate.value is None or estimate.low is None or estimate.high is None:
                continue
            reach = [[estimate.value - estimate.low], [estimate.high - estimate.value]]
            ranks.errorbar(
                [estimate.value],
                [index + offset],
                xerr=reach,
                fmt=marker,
                color=f"C{index}" if marker == "o" else "0.5",
                capsize=3,
            )
        points = local.calibration
        if points:
            x, y = [p.probability for p in points], [p.share for p in points]
            trust.plot(x, y, marker="o", color=f"C{index}", label=local.name)
    ranks.axvline(0.5, color="0.6", linewidth=1)
    ranks.set_yticks(range(len(names)), names)
    ranks.invert_yaxis()
    ranks.set_xlabel("pixel AUROC per composite (o), on controls (x); 95 % intervals")
    ranks.set_title(
        f"{result.system}: {result.composites} composites of {result.sources} photos", fontsize="medium"
    )
    trust.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    trust.set(xlim=(0, 1), ylim=(0, 1), xlabel="local probability", ylabel="share generated (classes alike)")
    trust.set_title("Local probabilities", fontsize="medium")
    if trust.get_legend_handles_labels()[1]:
        trust.legend()
    for axes in (ranks, trust):
        axes.grid(alpha=0.3)
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{str(path)!r}: the figure cannot be written ({error})") from error
