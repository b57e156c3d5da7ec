"""`upprint calibrate`: a threshold for a false-positive rate on the user's own photos."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upprint.cli._app import EXIT_FILES_FAILED, app, console, stderr
from upprint.result import printable

if TYPE_CHECKING:
    from upprint.evaluate.calibrate import Coverage
    from upprint.evaluate.own_calibration import Outcome, Pictures
    from upprint.runtime.settings import Settings

EXIT_INTERRUPTED = 130
_LISTED = 10


class Method(StrEnum):
    BOTH = "both"
    TEMPERATURE = "temperature"
    BIAS = "bias"


@app.command()
def calibrate(
    reals: Annotated[list[str], typer.Option(help="Photos that are surely camera-made; may be repeated.")],
    fpr: Annotated[str, typer.Option(help="Share of such photos that may be called generated.")] = "0.01",
    confidence: Annotated[float, typer.Option(help="With which that share is kept.")] = 0.95,
    generated: Annotated[
        list[str] | None, typer.Option(help="Generated pictures, for the probability; may be repeated.")
    ] = None,
    method: Annotated[
        Method, typer.Option(help="With --generated: what of (logit - bias) / temperature is fitted.")
    ] = Method.BOTH,
    inconclusive: Annotated[
        float, typer.Option(help="Share of the photos that may be inconclusive or worse.")
    ] = 0.1,
    system: Annotated[str | None, typer.Option(help="Name of a shipped system, or an .onnx file.")] = None,
    tiles: Annotated[str | None, typer.Option(help="Tiles per picture, or 'all', as in the scan.")] = None,
    engine: Annotated[str, typer.Option(help="onnxruntime or openvino, as in the scan.")] = "onnxruntime",
    workers: Annotated[
        int | None, typer.Option(help="Processes; by default one per core if worth it.")
    ] = None,
    max_pixels: Annotated[int | None, typer.Option(help="Width x height that is decoded at most.")] = None,
    out: Annotated[Path, typer.Option(help="The file for `upprint scan --calibration`.")] = Path(
        "calibration.json"
    ),
    figure: Annotated[
        Path | None, typer.Option(help="With --generated: reliability diagram, .png or .svg (extra train).")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on after a kill, or with photos added since.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start anew.")] = False,
) -> None:
    """Set a threshold on your own photos, so that at most a chosen share is called generated.

    Scores are kept beside --out, in .reals.jsonl and .generated.jsonl. Exit code 1 when a file failed, 2 when
    there are too few photos; then it says how many are needed.
    """
    from upprint.evaluate import own_calibration
    from upprint.result import ConfigError, ResumeError
    from upprint.runtime import calibration_file
    from upprint.runtime.settings import Settings

    rate = own_calibration.parse_rate(fpr)
    if not rate < inconclusive < 1:
        raise ConfigError(f"--inconclusive {inconclusive:g}: expected more than --fpr {fpr}, below 1")
    if figure is not None and not generated:
        raise ConfigError("--figure shows probabilities: give --generated pictures too")
    if out.suffix != ".json":
        raise ConfigError(f"--out {str(out)!r}: expected a name ending in .json")
    if out.exists() and not (resume or overwrite):
        raise ResumeError(f"{str(out)!r} exists; go on with --resume or start anew with --overwrite")
    settings = Settings.resolve(system, tiles=tiles, engine=engine, max_pixels=max_pixels)
    score = partial(_score, settings=settings, resume=resume, overwrite=overwrite, workers=workers)
    photos = score(reals, out.with_suffix(".reals.jsonl"), "photos")
    fakes = None
    if generated:
        fakes = score(generated, out.with_suffix(".generated.jsonl"), "generated")
    for pictures in (photos, fakes):
        if pictures is not None:
            _list_failures(pictures)
    outcome = own_calibration.calibrate(
        settings,
        photos,
        fakes,
        fpr=fpr,
        confidence=confidence,
        inconclusive_fpr=inconclusive,
        method=method.value,
        data=", ".join(Path(path).name or "." for path in [*reals, *(generated or [])]),
    )
    calibration_file.write(outcome.file, out)
    _print(outcome, photos, settings)
    if figure is not None and outcome.reliability is not None:
        from upprint.evaluate.reliability import draw

        draw(outcome.reliability, figure, f"{settings.card.name}, {outcome.file.data}, left-out folds")
    console.print(f"written: {printable(str(out))}", markup=False, highlight=False, soft_wrap=True)
    if photos.failed or (fakes is not None and fakes.failed):
        raise typer.Exit(EXIT_FILES_FAILED)


def _score(
    paths: list[str],
    out: Path,
    name: str,
    *,
    settings: Settings,
    resume: bool,
    overwrite: bool,
    workers: int | None,
) -> Pictures:
    """Score what is below `paths` into `out`, and read those rows."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from upprint.evaluate.own_calibration import distinct
    from upprint.images import find_images
    from upprint.result import DataError
    from upprint.runtime.formats import format_of
    from upprint.runtime.output import Output
    from upprint.runtime.scan import scan_files

    files = list(find_images(paths))
    if not files:
        raise DataError(f"{', '.join(map(repr, paths))}: no image found; expected folders of pictures")
    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with (
            Output(out, settings, resume=resume, overwrite=overwrite) as output,
            Progress(*columns, console=stderr, transient=True) as bar,
        ):
            unseen = list(output.unseen(files))
            task = bar.add_task(name, total=len(files), completed=len(files) - len(unseen))
            for row in scan_files(settings, unseen, workers=workers):
                output.write(row)
                bar.advance(task)
            output.finish()
    except KeyboardInterrupt:
        stderr.out(f"interrupted; go on with --resume, the rows so far are beside {out}", highlight=False)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    wanted = set(files)
    return distinct(row for row in format_of(out).read(out) if row.path in wanted)


def _list_failures(pictures: Pictures) -> None:
    for row in pictures.failed[:_LISTED]:
        stderr.print(f"left out: {row.path!r}: {row.error}", markup=False, highlight=False)
    if len(pictures.failed) > _LISTED:
        stderr.print(f"left out: {len(pictures.failed) - _LISTED} more files")


def _print(outcome: Outcome, photos: Pictures, settings: Settings) -> None:
    """What was found, one fact a line."""
    file, scale = outcome.file, settings.card.calibration
    repeated = f", {len(photos.duplicates)} repeated files left out" if photos.duplicates else ""
    facts = [
        ("system", f"{file.system}, weights {file.weights_sha256[:12]}, {file.engine}"),
        ("photos", f"{file.photos:,}{repeated}"),
        ("threshold", f"logit {file.threshold:+.3f}: {file.promise()}"),
        (
            "inconclusive",
            f"from logit {file.inconclusive:+.3f}, which {100 * file.inconclusive_fpr:g} % reach",
        ),
        ("photos decided", _decided(outcome.photos, "no trace found")),
    ]
    if scale is not None and outcome.card_errors is not None:
        own = scale.thresholds[scale.default_fpr]
        share = f"{outcome.card_errors} of {file.photos:,}"
        facts.insert(3, ("system's own", f"logit {own:+.3f} calls {share} of these photos generated"))
    if outcome.generated is not None and outcome.reliability is not None:
        error = outcome.reliability
        facts.append(("generated decided", _decided(outcome.generated, "generated")))
        fitted = f"temperature {file.temperature:.3f}, bias {file.bias:+.3f} ({file.scale})"
        held = f"calibration error {error.ece:.3f} [{error.low:.3f}, {error.high:.3f}] on left-out folds"
        facts.append(("probability", f"{fitted}; {held}"))
    else:
        facts.append(("probability", "the system's own scale, without --generated"))
    highest = sorted(photos.rows, key=lambda row: row.logit or 0.0, reverse=True)[:3]
    facts += [("highest photo", f"{row.logit:+.3f} {printable(row.path)}") for row in highest]
    for name, value in facts:
        console.print(f"{name:<18} {value}", markup=False, highlight=False, soft_wrap=True)


def _decided(found: Coverage, right: str) -> str:
    low, high = found.decided_interval
    text = f"{100 * found.decided_share:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
    if found.accuracy is None or found.accuracy_interval is None:
        return text
    low, high = found.accuracy_interval
    return f"{text}, of those {right!r} {100 * found.accuracy:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"
