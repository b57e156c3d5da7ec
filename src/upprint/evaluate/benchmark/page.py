"""The tables of a benchmark, in Markdown, computed from what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from statistics import median

from upprint.data.sample import REAL
from upprint.evaluate.benchmark.kept import Kept, System, Test
from upprint.evaluate.bootstrap import Estimate, Estimates, Scores, estimate
from upprint.evaluate.compare import Difference, difference
from upprint.result import Progress

HOW = """\
Every system scored the same pictures. Figures are per cent with 95 % bootstrap intervals over sources; the
worst AUROC is that of the sub-set on which a system does worst. Accuracy is at logit 0. What the systems were
trained on is part of what is compared, and stands at the end."""
SHIPPED = "Balanced accuracy and the share found are at the shipped threshold, for systems that have one."
SAME = "same pictures, paired intervals"


def page(found: Kept, *, progress: Progress = lambda _done, _total: None) -> str:
    """All tables of a benchmark.

    Args:
        found: what is kept.
        progress: called with (steps done, steps), for intervals take a while.
    """
    measured = [one for one in found.systems if not one.missing]
    tests = {name: test for name, test in found.tests.items() if not test.real_only}
    others = [one for one in measured if one.name != found.reference]
    done, total = 0, len(tests) * (len(measured) + len(others))

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, total)

    parts = [f"# {found.title}"]
    parts += [found.introduction] if found.introduction else []
    parts.append(HOW)
    for name, test in tests.items():
        figures = {}
        for one in measured:
            figures[one.name] = measured_on(test, one, one.logits[name])
            step()
        parts += [f"## {test.title}", f"{test.data}.", "\n".join(_table(found, figures))]
        if len(test.subsets) > 1:
            parts.append("AUROC by sub-set:")
            parts.append("\n".join(_matrix(test, figures)))
    if photos := "\n".join(_flagged(found, measured)):
        parts += ["## Photos called generated", photos]
    if others:
        parts += [f"## Less {found.reference}", f"A system minus {found.reference}, {SAME}."]
        parts.append("\n".join(_less(found, tests, others, step)))
        detailed = [one for one in others if one.threshold is not None]
        if found.system(found.reference).threshold is not None and detailed:
            parts.append("\n".join(_less_shipped(found, tests, detailed)))
    parts += ["## What they cost", "\n".join(_costs(found, measured))]
    parts += ["## The systems", "\n".join(_describe(one) for one in found.systems)]
    commands = dict.fromkeys(one.command for one in found.systems if one.command)
    parts.append(f"Measured by {', '.join(f'`{command}`' for command in commands)}.")
    return "\n\n".join(part for part in parts if part) + "\n"


def measured_on(test: Test, system: System, logits: Sequence[float]) -> Estimates:
    """A system's figures on every sub-set of a test, and their means, with 95 % intervals over sources."""
    paired = test.paired({system.name: logits})
    values = paired.logits[system.name]
    scores = {}
    for name in test.subsets:
        i = [at for at, subset in enumerate(paired.subsets) if subset == name]
        scores[name] = Scores(paired.labels[i], values[i], [paired.sources[k] for k in i])
    return estimate(scores, system.kinds())


def _table(found: Kept, figures: Mapping[str, Estimates]) -> Iterator[str]:
    shipped = any(one.threshold is not None for one in found.systems)
    columns = ["system", "mean AUROC", "worst AUROC", "mean AP", "accuracy"]
    columns += ["balanced accuracy", "found"] if shipped else []
    yield f"| {' | '.join(columns)} |"
    yield f"| --- |{' ---: |' * (len(columns) - 1)}"
    for one in found.systems:
        if one.missing:
            yield f"| {one.name} | not measured ([why](#the-systems)) |{' – |' * (len(columns) - 2)}"
            continue
        at = figures[one.name]
        worst = min(at.subsets, key=lambda name: at.subsets[name]["auroc"].value or 0.0)
        cells = [
            text(at.mean["auroc"]),
            f"{text(at.subsets[worst]['auroc'])} ({worst})",
            text(at.mean["average_precision"]),
            text(at.mean["accuracy"]),
        ]
        if shipped:
            cells += [text(at.mean.get(key)) for key in ("balanced_accuracy_shipped", "generated_shipped")]
        yield f"| {one.name} | {' | '.join(cells)} |"
    if shipped:
        yield ""
        yield SHIPPED


def _matrix(test: Test, figures: Mapping[str, Estimates]) -> Iterator[str]:
    yield f"| system | {' | '.join(test.subsets)} |"
    yield f"| --- |{' ---: |' * len(test.subsets)}"
    for name, at in figures.items():
        yield f"| {name} | {' | '.join(_short(at.subsets[s]['auroc']) for s in test.subsets)} |"


def _flagged(found: Kept, measured: Sequence[System]) -> Iterator[str]:
    """False positives at shipped thresholds, over every test's photos."""
    systems = [one for one in measured if one.threshold is not None]
    tests = {name: test for name, test in found.tests.items() if any(row[1] == REAL for row in test.rows)}
    if not systems:
        return
    yield f"| system | threshold for | {' | '.join(test.title for test in tests.values())} |"
    yield f"| --- | ---: |{' ---: |' * len(tests)}"
    for one in systems:
        cells = []
        for name, test in tests.items():
            paired = test.photos({one.name: one.logits[name]})
            scores = Scores(paired.labels, paired.logits[one.name], paired.sources)
            kind = {"fpr_shipped": one.kinds()["fpr_shipped"]}
            cells.append(text(estimate({"": scores}, kind).subsets[""]["fpr_shipped"]))
        yield f"| {one.name} | {100 * float(one.threshold_fpr or 0):g} % | {' | '.join(cells)} |"


def _less(
    found: Kept, tests: Mapping[str, Test], others: Sequence[System], step: Callable[[], None]
) -> Iterator[str]:
    base = found.system(found.reference)
    columns = [f"{test.title}: {what}" for test in tests.values() for what in ("mean AUROC", "worst AUROC")]
    yield f"| system | {' | '.join(columns)} |"
    yield f"| --- |{' ---: |' * len(columns)}"
    for one in others:
        cells = []
        for name, test in tests.items():
            paired = test.paired({s.name: s.logits[name] for s in (one, base)})
            chosen = {s.name: s.kinds()["auroc"] for s in (one, base)}
            cells += [
                _signed(difference(paired, one.name, base.name, chosen, worst=worst))
                for worst in (False, True)
            ]
            step()
        yield f"| {one.name} | {' | '.join(cells)} |"


def _less_shipped(found: Kept, tests: Mapping[str, Test], others: Sequence[System]) -> Iterator[str]:
    """What depends on thresholds, for systems that have one like the reference."""
    base = found.system(found.reference)
    yield f"| at the shipped threshold | {base.name} | other | {base.name} less it |"
    yield "| --- | ---: | ---: | ---: |"
    for one in others:
        for name, test in tests.items():
            paired = test.paired({s.name: s.logits[name] for s in (base, one)})
            chosen = {s.name: s.kinds()["balanced_accuracy_shipped"] for s in (base, one)}
            got = difference(paired, base.name, one.name, chosen)
            yield _line(f"{one.name}, {test.title}: mean balanced accuracy", got)
        for name, test in found.tests.items():
            if not any(label == REAL for _, label, _ in test.rows):
                continue
            photos = test.photos({s.name: s.logits[name] for s in (base, one)})
            chosen = {s.name: s.kinds()["fpr_shipped"] for s in (base, one)}
            got = difference(photos, base.name, one.name, chosen)
            yield _line(f"{one.name}, {test.title}: photos called generated (less is better)", got)


def _line(title: str, got: Difference) -> str:
    first, second = (f"{100 * value:.1f}" for value in got.values)
    return f"| {title} | {first} | {second} | {_signed(got)} |"


def _costs(found: Kept, measured: Sequence[System]) -> Iterator[str]:
    yield f"| system | parameters | trained here for | pictures per second | against {found.reference} |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for one in measured:
        length = "–"
        if one.steps is not None or one.train_seconds is not None:
            steps = f"{one.steps} steps" if one.steps is not None else "one pass"
            length = steps if one.train_seconds is None else f"{steps}, {one.train_seconds:.0f} s"
        speed = f"{median(one.speed):.3g}" if one.speed else "–"
        relative = f"{median(one.relative_speed):.2f}×" if one.relative_speed else "–"
        if one.relative_speed:
            relative += f" [{min(one.relative_speed):.2f}, {max(one.relative_speed):.2f}]"
        yield f"| {one.name} | {one.parameters:,} | {length} | {speed} | {relative} |"
    sides = {one.side for one in measured if one.speed}
    if sides:
        yield ""
        yield (
            f"Speed: pictures of {', '.join(map(str, sorted(sides)))} pixels squared from memory to logit, "
            "systems in turns in one process; the median of the rounds, and of their ratios with least and "
            "most. Training times are wall clock, with other work on the machine."
        )


def _describe(one: System) -> str:
    if one.missing:
        return f"- **{one.name}**: not measured: {one.missing}." + (f" {one.note}" if one.note else "")
    options = ", ".join(f"{key} = {value}" for key, value in one.options.items())
    words = [
        f"- **{one.name}**: system `{one.system}`" + (f" ({options})" if options else ""),
        f"weights `{one.weights_sha256[:12]}`",
        f"trained on {one.trained_on}",
    ]
    return f"{', '.join(words)}; scored {one.date}." + (f" {one.note}" if one.note else "")


def text(found: Estimate | None) -> str:
    """ "64.1 [59.6, 69.0]", per cent; a dash for nothing."""
    if found is None or found.value is None:
        return "–"
    if found.low is None or found.high is None:
        return f"{100 * found.value:.1f}"
    return f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def _short(found: Estimate) -> str:
    if found.value is None or found.low is None or found.high is None:
        return text(found)
    return f"{100 * found.value:.0f} [{100 * found.low:.0f}, {100 * found.high:.0f}]"


def _signed(got: Difference) -> str:
    return f"{100 * got.difference:+.1f} [{100 * got.low:+.1f}, {100 * got.high:+.1f}]"
