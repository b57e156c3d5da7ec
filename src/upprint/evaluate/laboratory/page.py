"""The laboratory's page in Markdown, made from its report and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from upprint.evaluate.laboratory.claims import text
from upprint.evaluate.laboratory.figure import SUMMARY
from upprint.evaluate.laboratory.report import Report
from upprint.evaluate.laboratory.statistics import Interval, Matrix

HEAD = """# The up-sampling laboratory

NPR's paper says that the trace of up-sampling generalises: learnt from one generator, it finds others.
The laboratory asks this of makers whose up-sampling is known. A network is trained on aligned twins of
one maker (label 1) and their photos (label 0), and tested on the twins of every maker. Photo and twin
show the same content, have the same size and JPEG history, and see the same random draws, so little but
the maker's trace is left to learn. Photos that test are never trained on, for no maker.

Beside NPR, and NPR with other blocks and anchors, the same network reads the plain picture, its log-DCT
and its log-spectrum; logistic regressions on spectra are the cheapest controls. If the plain picture
carries as far as NPR, it is not NPR that generalises."""

RUN = """## Run it

    upprint laboratory TWINS --out RUN

`TWINS` are one or more folders that `upprint forge` wrote; every maker in them becomes a row and a
column. `configs/laboratory.toml` says which variants run with which seeds, how long, and under which
tests; give a changed copy with `--config`. Every trained network is one small file below `RUN/cells`: a
killed run goes on where it stopped, further variants, seeds and rows can be added, and settings that
would mix two experiments are refused. `--partial` reports what is there and trains nothing. `RUN` also
receives `laboratory.json` (every number), `laboratory.md` (this page) and the figures.

## Choose makers

- At least three makers, better eight; the columns are the claim. A matrix of six variants of one decoder
  says little about a seventh kind.
- Cover the up-sampling units: nearest, bilinear, transposed convolutions of even and odd kernels, pixel
  shuffle, un-pooling, a latent decoder. Name families in the config (`[families]`), two makers or more in
  some, so that transfer within and between families can be told apart.
- Forge all makers from the same photos: only sources that every maker has take part.
- Add a maker that does nothing (its twin is the photo): its row and column must lie at 0.5.
- Photos that are JPEG files give twins with the photo's own JPEG history. For lossless pairs forge from
  photos that were reduced and saved without loss."""

READ = """## Read it

Numbers are AUROC, 0.5 is chance. Brackets are 95 % intervals over source photos: other photos, the same
makers and networks. Several seeds are averaged; the spread over seeds is given beside the means. "With
the makers drawn anew" treats the makers as a sample too; it is the interval to read when the question is
about a maker that is not in the matrix. Differences are paired: the same photos, makers and seeds on both
sides. A control that was trained on fewer makers or seeds is compared over the common ones. Where a
network hardly finds its own maker (the diagonal), nothing can be said about the others: take more steps."""

COLUMNS = {
    "diagonal": "same maker",
    "transfer": "another maker",
    "gap": "difference",
    "same_family": "same family",
    "other_family": "another family",
    "held_out": "all but the one tested",
}
SIGNED = ("gap", "family_gap", "held_out_gain")


def page(report: Report | None, figures: str = "", head: str = HEAD) -> str:
    """The page.

    Args:
        report: of a run; None says that there is none.
        figures: folder of the figures, as a link from the page; ends with "/" unless empty.
        head: title and introduction of the experiment.
    """
    parts = [head]
    parts += (
        ["## Results\n\nNo run is recorded in the repository yet."]
        if report is None
        else _results(report, figures)
    )
    return "\n\n".join([*parts, RUN, READ]) + "\n"


def _results(report: Report, figures: str) -> Iterator[str]:
    yield f"## Results\n\n{_facts(report)}"
    if report.done < report.wanted:
        yield f"**Unfinished:** {report.done} of {report.wanted} networks are trained."
    for test in dict.fromkeys([*report.config["tests"], *(c.test for c in report.claims)]):
        asked = [c for c in report.claims if c.test == test]
        if asked:
            yield f"### {_upper(test)}: what can be said"
            yield _table(
                ("question", "answer", "numbers"), ((c.question, c.verdict, c.sentence) for c in asked)
            )
    yield "### All variants"
    yield f"![Mean AUROC of every variant]({figures}{SUMMARY}.svg)"
    for test in report.config["tests"]:
        shown = [m for m in report.matrices if m.test == test]
        yield f"{_upper(test)}:"
        yield _table(("trained networks", *COLUMNS.values(), "seeds apart by"), (_summary(m) for m in shown))
    for variant in dict.fromkeys(m.variant for m in report.matrices):
        yield from _variant(report, variant, figures)


def _facts(report: Report) -> str:
    config = report.config
    tests = "; ".join(
        f"{name} ({f'`{how}`' if how else 'no further change'})" for name, how in config["tests"].items()
    )
    trained = f"`{config['augment']}`" if config["augment"] else "nothing"
    families: dict[str, list[str]] = {}
    for maker, family in report.families.items():
        families.setdefault(family, []).append(maker)
    named = "; ".join(
        f"{name}: {', '.join(makers)}" if makers != [name] else name for name, makers in families.items()
    )
    several = (
        f" {report.left_out} further photos lack a twin of some maker or are too small, and take no part."
        if report.left_out
        else ""
    )
    return (
        f"Twins: {report.data}. {report.train_sources} source photos train, {report.test_sources} "
        f"test.{several} {config['steps']} steps of {config['batch'] // 2} pairs of {config['crop']} × "
        f"{config['crop']} crops per network, training windows "
        f"perturbed by {trained}, pairs alike. Tests: {tests}; one central crop of each "
        f"picture, both classes alike. Makers by family: {named}. Measured {report.date} with upprint "
        f"{report.version} by `{report.command}`; {config['draws']} bootstrap draws of source photos."
    )


def _variant(report: Report, variant: str, figures: str) -> Iterator[str]:
    shown = [m for m in report.matrices if m.variant == variant]
    train, test = report.seconds[variant]
    yield f"### {shown[0].title}"
    seeds = ", ".join(map(str, shown[0].seeds))
    yield f"Seeds {seeds}; {train} s to train and {test} s to test each network."
    yield f"![AUROC of {shown[0].title}, trained on rows, tested on columns]({figures}matrix-{variant}.svg)"
    for m in shown:
        yield f"{_upper(m.test)}, trained on rows, tested on columns:"
        cells = ((row, *(text(cell) for cell in line)) for row, line in zip(m.rows, m.cells, strict=True))
        yield _table(("trained on", *m.columns), cells)


def _summary(m: Matrix) -> tuple[str, ...]:
    transfer = m.summary["transfer"]
    values = (text(m.summary[name], signed=name in SIGNED) for name in COLUMNS)
    return (m.title, *values, _apart(transfer))


def _apart(number: Interval | None) -> str:
    """How far the seeds' means on another maker lie apart."""
    if number is None or len(number.seeds) < 2:
        return "–"
    return f"{max(number.seeds) - min(number.seeds):.3f}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _upper(name: str) -> str:
    return name[:1].upper() + name[1:]
