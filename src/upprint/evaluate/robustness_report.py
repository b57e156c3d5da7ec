"""What a robustness run says: metrics of every cell with intervals, as JSON and as one Markdown table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from upprint import __version__
from upprint.data.sample import GENERATED, REAL
from upprint.evaluate import bootstrap, results
from upprint.evaluate.bootstrap import Estimate, Scores
from upprint.evaluate.curve import Kind, class_accuracy, false_positive_rate, kinds
from upprint.evaluate.model import Model
from upprint.evaluate.predictions import Row
from upprint.evaluate.results import Interval, Worst
from upprint.evaluate.robustness import FAKES_ONLY, Measured
from upprint.evaluate.robustness_grid import CLEAN, Curve
from upprint.record import build
from upprint.result import DataError, Progress

RANKING = ("auroc", "tpr_at_1_fpr")
"""Metrics that compare scores with each other: undefined where all are equal."""
TITLES = {
    "auroc": "AUROC",
    "tpr_at_1_fpr": "TPR at 1 % FPR",
    "photos_called": "photos called generated",
    "generated_called": "generated called generated",
}
"""Metric -> heading. The last two are judged at the shipped threshold, or at logit 0 where there is none."""


@dataclass(frozen=True)
class System:
    """A system that was measured; `threshold` is the logit from which it says "generated"."""

    name: str
    weights: str
    weights_sha256: str
    engine: str
    threshold: float
    threshold_fpr: str | None
    trained_on: str

    @classmethod
    def of(cls, model: Model) -> System:
        """The facts of a model; without calibration it is judged at logit 0."""
        scale, weights = model.card.calibration, model.card.weights
        return cls(
            name=model.card.name,
            weights=model.weights,
            weights_sha256=model.sha256,
            engine=model.engine,
            threshold=scale.thresholds[scale.default_fpr] if scale else 0.0,
            threshold_fpr=scale.default_fpr if scale else None,
            trained_on=weights.trained_on if weights else "",
        )


@dataclass(frozen=True)
class CellResult:
    """One system under one perturbation: the mean over sub-sets, the worst of them, and each of them."""

    system: int
    text: str
    errors: int
    mean: dict[str, Estimate]
    worst: dict[str, Worst]
    subsets: dict[str, dict[str, Estimate]]


@dataclass(frozen=True)
class Report:
    """A whole run. Metrics are fractions in [0, 1]; `treated` says which classes were perturbed."""

    data: str
    protocol: str
    before: str
    treated: str
    samples_sha256: str
    pictures: int
    real: int
    generated: int
    sources: int
    subsets: tuple[str, ...]
    systems: tuple[System, ...]
    curves: tuple[Curve, ...]
    cells: tuple[CellResult, ...]
    interval: Interval
    date: str = ""
    command: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    schema: int = 1

    def __post_init__(self) -> None:
        if self.schema != 1:
            raise DataError(f"robustness report of schema {self.schema}; this version reads schema 1")

    def cell(self, system: int, text: str) -> CellResult:
        """The cell of a system (by its place) and a text."""
        return next(c for c in self.cells if (c.system, c.text) == (system, text))


def metrics(threshold: float, *, inclusive: bool) -> dict[str, Kind]:
    """The metrics of a cell, by name."""
    standard = kinds()
    called = false_positive_rate(threshold, inclusive=inclusive)
    found = class_accuracy(GENERATED, threshold, inclusive=inclusive)
    return {
        **{name: standard[name] for name in RANKING},
        "photos_called": Kind(called, frozenset((REAL,)), False, TITLES["photos_called"]),
        "generated_called": Kind(found, frozenset((GENERATED,)), True, TITLES["generated_called"]),
    }


def measure(
    measured: Measured,
    systems: Mapping[str, System],
    curves: Sequence[Curve],
    *,
    draws: int = bootstrap.DRAWS,
    level: float = bootstrap.LEVEL,
    seed: int = 0,
    command: str = "",
    progress: Progress = lambda _done, _total: None,
) -> Report:
    """All metrics of a run.

    Args:
        measured: what `robustness.run` returned.
        systems: `robustness.key` -> facts, in the order of the report.
        curves: what was asked for.
        draws, level, seed: of the bootstrap over sources; the same draws for every cell.
        command: what the user called.
        progress: called with (cells done, cells).
    """
    cells, total = [], sum(len(measured.rows[name]) for name in systems)
    for place, (name, system) in enumerate(systems.items()):
        for text, rows in measured.rows[name].items():
            cells.append(_cell(place, text, rows, system, draws, level, seed))
            progress(len(cells), total)
    rows = next(iter(measured.rows.values()))[CLEAN]
    unique = {(row.path, row.label, row.source): row for row in rows}
    about = measured.header
    return Report(
        data=about.data,
        protocol=about.protocol,
        before=about.before,
        treated=about.treated,
        samples_sha256=about.samples_sha256,
        pictures=about.pictures,
        real=sum(row.label == REAL for row in unique.values()),
        generated=sum(row.label == GENERATED for row in unique.values()),
        sources=len({row.source for row in rows}),
        subsets=tuple(dict.fromkeys(row.subset for row in rows)),
        systems=tuple(systems.values()),
        curves=tuple(curves),
        cells=tuple(cells),
        interval=Interval(draws, level, seed),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        versions=results.versions(__version__),
    )


def _cell(
    place: int, text: str, rows: Sequence[Row], system: System, draws: int, level: float, seed: int
) -> CellResult:
    chosen = metrics(system.threshold, inclusive=system.threshold_fpr is not None)
    names = list(dict.fromkeys(row.subset for row in rows))
    scored = {name: [r for r in rows if r.subset == name and r.logit is not None] for name in names}
    usable = {
        name: Scores([r.label for r in found], [r.logit or 0.0 for r in found], [r.source for r in found])
        for name, found in scored.items()
        if found
    }
    constant = {
        name: f"all {len(found)} scores are equal"
        for name, found in scored.items()
        if len(found) > 1 and len({r.logit for r in found}) == 1
    }
    ranked = {name: scores for name, scores in usable.items() if name not in constant}
    options = {"draws": draws, "level": level, "seed": seed}
    parts = (
        (ranked, {m: k for m, k in chosen.items() if m in RANKING}),
        (usable, {m: k for m, k in chosen.items() if m not in RANKING}),
    )
    mean: dict[str, Estimate] = {}
    subsets: dict[str, dict[str, Estimate]] = {name: {} for name in names}
    for some, kinds_of in parts:
        found = bootstrap.estimate(some, kinds_of, **options) if some else None  # type: ignore[arg-type]
        for metric in kinds_of:
            for name in names:
                reason = constant.get(name, "no picture could be scored")
                subsets[name][metric] = (
                    found.subsets[name][metric]
                    if found and name in some
                    else Estimate(None, undefined=reason)
                )
            known = found is not None and found.mean[metric].value is not None
            mean[metric] = found.mean[metric] if found and known else _undefined(subsets, metric)
    return CellResult(
        place,
        text,
        len({(r.path, r.source) for r in rows if r.error is not None}),
        mean,
        {metric: w for metric, kind in chosen.items() if (w := _worst(subsets, metric, kind))},
        subsets,
    )


def _undefined(subsets: Mapping[str, Mapping[str, Estimate]], metric: str) -> Estimate:
    reasons = dict.fromkeys(str(by[metric].undefined) for by in subsets.values())
    return Estimate(None, undefined="; ".join(reasons))


def _worst(subsets: Mapping[str, Mapping[str, Estimate]], metric: str, kind: Kind) -> Worst | None:
    defined = [(e.value, name) for name, by in subsets.items() if (e := by[metric]).value is not None]
    if not defined:
        return None
    name = (min if kind.higher_is_better else max)(defined, key=lambda pair: pair[0])[1]
    return Worst(name, subsets[name][metric])


def write(report: Report, path: Path) -> None:
    """Write the report as JSON, replacing an older one as a whole; never NaN."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(report), indent=1, ensure_ascii=True, allow_nan=False)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text + "\n", encoding="utf-8")
    temporary.replace(path)


def read(path: Path) -> Report:
    """Read a report strictly: unknown, missing or mistyped keys raise `DataError`."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a robustness report ({error})") from error
    return build(Report, raw, str(path), DataError)


def percent(estimate: Estimate | None) -> str:
    """A value in percent with its interval; "undefined" where it is."""
    if estimate is None or estimate.value is None:
        return "undefined"
    value = f"{100 * estimate.value:.1f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{100 * estimate.low:.1f}, {100 * estimate.high:.1f}]"


def head(report: Report) -> str:
    """A paragraph: what was measured on what, and what was done to which class."""
    alike = f"first `{report.before}` for all, then the perturbation" if report.before else "the perturbation"
    who = f"to {report.treated}"
    warning = (
        " **Photos stay as they are, so a detector of formats looks better here than it is.**"
        if report.treated == FAKES_ONLY
        else ""
    )
    several = len(report.subsets) > 1
    mean = f"means over {len(report.subsets)} sub-sets, the worst beside them" if several else "one set"
    draws = report.interval.draws
    how = (
        f"{100 * report.interval.level:.0f} % intervals from {draws} bootstrap draws over "
        f"{report.sources} sources"
        if draws
        else "no intervals"
    )
    return (
        f"{report.real} photos and {report.generated} generated pictures ({report.data}), protocol "
        f"`{report.protocol}`; {alike}, {who}.{warning} In %, {mean}; {how}. {report.date[:10]}, "
        f"`{report.command}`."
    )


def table(report: Report) -> str:
    """One Markdown table per system: a line per perturbation; then why a cell is undefined, if any is."""
    parts = []
    several = len(report.subsets) > 1
    for place, system in enumerate(report.systems):
        judged = (
            f"the shipped threshold for {100 * float(system.threshold_fpr):g} % false positives "
            f"(logit {system.threshold:.2f})"
            if system.threshold_fpr
            else "logit 0: the system has no shipped threshold"
        )
        titles = ["perturbation", TITLES["auroc"], *(["worst AUROC"] if several else [])]
        titles += [TITLES[m] for m in ("tpr_at_1_fpr", "photos_called", "generated_called")]
        lines = [titles, ["---", *["---:"] * (len(titles) - 1)]]
        notes: dict[str, None] = {}
        texts = dict.fromkeys([CLEAN, *(p.text for c in report.curves for p in c.points)])
        for text in texts:
            cell = report.cell(place, text)
            worst = cell.worst.get("auroc")
            worst_text = f"{percent(worst.estimate)} ({worst.subset})" if worst else "undefined"
            numbers = [percent(cell.mean["auroc"]), *([worst_text] if several else [])]
            numbers += [percent(cell.mean[m]) for m in ("tpr_at_1_fpr", "photos_called", "generated_called")]
            lines.append([f"`{text}`" if text else "none", *numbers])
            if cell.errors:
                notes[f"{text or 'none'}: {cell.errors} pictures could not be scored"] = None
            for metric, estimate in cell.mean.items():
                if estimate.undefined:
                    notes[f"{text or 'none'}, {TITLES[metric]}: {estimate.undefined}"] = None
        body = "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines)
        title = f"**{system.name}** ({system.weights}, SHA-256 {system.weights_sha256[:12]}, {system.engine})"
        after = "\n".join(f"- {note}" for note in notes)
        parts.append(f"{title}; calls are judged at {judged}.\n\n{body}" + (f"\n\n{after}" if after else ""))
    return "\n\n".join(parts) + "\n"
