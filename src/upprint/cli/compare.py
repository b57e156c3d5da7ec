"""upprint compare: is one system better than another on the same pictures?"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upprint.cli._app import app, console, stderr

if TYPE_CHECKING:
    from upprint.evaluate.compare import Comparison
    from upprint.evaluate.predictions import Predictions


@app.command()
def compare(
    predictions: Annotated[
        list[Path], typer.Argument(help="Predictions files of `upprint evaluate`, two or more, same samples.")
    ],
    metric: Annotated[str, typer.Option(help="auroc, average_precision or tpr_at_1_fpr.")] = "auroc",
    subsets: Annotated[
        bool, typer.Option("--subsets", help="Compare on each sub-set too; all count in the correction.")
    ] = False,
    alpha: Annotated[float, typer.Option(help="Accepted chance of any false 'better'.")] = 0.05,
    draws: Annotated[int, typer.Option(help="Draws of bootstrap and permutation.", min=1)] = 1000,
    seed: Annotated[int, typer.Option(help="Of both.", min=0)] = 0,
    out: Annotated[Path | None, typer.Option(help="Also write the comparisons here, as JSON.")] = None,
) -> None:
    """Compare systems on the same pictures; "better" is printed only when it holds.

    Pictures of one source stay together. Holm's correction covers all comparisons of the call.
    """
    from rich.progress import Progress

    from upprint.evaluate import predictions as files
    from upprint.evaluate.compare import compare as run
    from upprint.evaluate.compare import pair

    found = {path: files.read(path) for path in predictions}
    paired = pair(dict(zip(_labels(found), found.values(), strict=True)))
    with Progress(console=stderr, transient=True) as bar:
        task = bar.add_task("comparing")
        rows = run(
            paired,
            metric=metric,
            by_subset=subsets,
            alpha=alpha,
            draws=draws,
            seed=seed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _print(rows, metric)
    generated = int(paired.labels.sum())
    several = "s" if len(rows) > 1 else ""
    how = (
        f"{len(paired.labels) - generated} camera-made and {generated} generated pictures of "
        f"{len(set(paired.sources))} sources; {100 * (1 - alpha):g} % intervals from {draws} bootstrap "
        f"draws over sources; p from {draws} permutations over sources, corrected (Holm) for {len(rows)} "
        f"comparison{several}. Better: corrected p at most {alpha:g}, and an interval without zero."
    )
    console.print(how, markup=False, highlight=False)
    if paired.left_out:
        stderr.print(f"{paired.left_out} pictures left out: a system could not score them")
    if out is not None:
        _write(out, rows, metric, alpha, draws, seed, paired.left_out)


def _labels(found: dict[Path, Predictions]) -> list[str]:
    """A name per file: the system, and as much more as tells them apart."""
    headers = [predictions.header for predictions in found.values()]
    forms = [
        [h.system for h in headers],
        [f"{h.system} [{h.weights_sha256[:8]}]" for h in headers],
        [f"{h.system} [{h.weights_sha256[:8]}] {h.protocol} {h.perturbation}".rstrip() for h in headers],
        [f"{h.system} {path}" for h, path in zip(headers, found, strict=True)],
    ]
    return next((form for form in forms if len(set(form)) == len(form)), forms[-1])


def _print(rows: list[Comparison], metric: str) -> None:
    from rich.table import Table
    from rich.text import Text

    from upprint.evaluate.curve import STANDARD

    title = STANDARD[metric].title
    table = Table()
    table.add_column("systems")
    if len({row.subset for row in rows}) > 1:
        table.add_column("sub-set")
    for name in (title, "difference", "p", "p corrected", "p DeLong"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("finding")
    for row in rows:
        names = [Text(f"{row.first}\n{row.second}")]
        if len(table.columns) > 7:
            names.append(Text(row.subset))
        delong = "–" if row.p_delong is None else f"{row.p_delong:.4f}"
        finding = "no difference shown" if row.better is None else f"{row.better} better"
        table.add_row(
            *names,
            "\n".join(f"{100 * value:.1f}" for value in row.values),
            f"{100 * row.difference:+.1f} [{100 * row.low:+.1f}, {100 * row.high:+.1f}]",
            f"{row.p:.4f}",
            f"{row.p_corrected:.4f}",
            delong,
            Text(finding, style="bold" if row.better else ""),
        )
    console.print(table)


def _write(
    out: Path, rows: list[Comparison], metric: str, alpha: float, draws: int, seed: int, left_out: int
) -> None:
    from dataclasses import asdict
    from datetime import UTC, datetime

    from upprint import __version__
    from upprint.result import ConfigError

    content = {
        "metric": metric,
        "alpha": alpha,
        "draws": draws,
        "seed": seed,
        "left_out": left_out,
        "comparisons": [asdict(row) for row in rows],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["upprint", *sys.argv[1:]]),
        "version": __version__,
    }
    try:
        out.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"{str(out)!r}: cannot be written ({error.strerror}); choose another --out"
        ) from error
