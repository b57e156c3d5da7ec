"""Write the laboratory's pages, their figures and docs/findings.md from results/laboratory/*.json.

python scripts/laboratory_page.py                              # rewrite
python scripts/laboratory_page.py --run RUN --name NAME        # take over the report of a run first
python scripts/laboratory_page.py --check                      # exit 1 if a page is stale

NAME is `upsampling` (configs/laboratory.toml) or `resynthesis` (configs/laboratory_resynthesis.toml).
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from upprint.evaluate.laboratory.claims import Claim
from upprint.evaluate.laboratory.figure import draw
from upprint.evaluate.laboratory.page import HEAD, page
from upprint.evaluate.laboratory.report import NAME, Report, read

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "laboratory"
DOCS = ROOT / "docs"
FIGURES = Path("assets", "laboratory")
MADE = "<!-- Made by `python scripts/laboratory_page.py`. Do not edit by hand. -->"

RESYNTHESIS = """# Residuals of re-synthesis against spectra

Beyond the Spectrum (IJCAI 2021) rebuilds a picture from its 4 × 4 block means with a super-resolution
network Φ that saw photos alone, and looks at what Φ could not rebuild. The paper says that this holds
where detectors of spectra fail: under a mixture of perturbations (+P), when spectra are equalised (+E),
and on generators trained to have a photo's spectrum (+R); that generated pictures leave more residual;
and that Φ gets better when it learns to colour (SR+C) or to denoise (SR+D) as well.

Here the [laboratory](laboratory.md) asks this in miniature. Φ is small (3,000 steps of four patches), its
residual goes through the same network as every other input, and +E brings each picture's azimuthal
spectrum to the mean of other photos, both classes alike. Losses are counted on the makers that a network
was trained on."""


@dataclass(frozen=True)
class Experiment:
    """A page of the laboratory's, with its introduction."""

    page: str
    head: str


EXPERIMENTS = {
    "upsampling": Experiment("laboratory.md", HEAD),
    "resynthesis": Experiment("laboratory-resynthesis.md", RESYNTHESIS),
}


@dataclass(frozen=True)
class Finding:
    """A claim of a paper, and which questions of which experiment ask for it."""

    claim: str
    source: str
    experiment: str
    asks: tuple[str, ...]
    """Parts of the questions that ask for it."""

    def asked(self, report: Report) -> list[Claim]:
        """What the report answers of it."""
        return [claim for claim in report.claims if any(part in claim.question for part in self.asks)]


NPR = "NPR (CVPR 2024)"
BEYOND = "Beyond the Spectrum (IJCAI 2021)"
FINDINGS = (
    Finding(
        "The trace of up-sampling generalises from one generator to others",
        f"{NPR}, Tables 1–6",
        "upsampling",
        ("Does the trace",),
    ),
    Finding(
        "Relations between neighbours carry further than spectra of the picture",
        f"{NPR}, section 4",
        "upsampling",
        ("first pixel carry further than log-", "first pixel carry further than azimuthal"),
    ),
    Finding(
        "Blocks of two with their first pixel as anchor are the best choice",
        f"{NPR}, Table 7",
        "upsampling",
        ("first pixel carry further than NPR",),
    ),
    Finding(
        "Residuals of re-synthesis are steadier than spectra under +P, +E and +R",
        f"{BEYOND}, Tables 2 and 3",
        "resynthesis",
        ("steadier",),
    ),
    Finding(
        "Generated pictures leave larger residuals",
        f"{BEYOND}, Fig. 4",
        "resynthesis",
        ("larger in generated",),
    ),
    Finding(
        "Colourisation (SR+C) and denoising (SR+D) help",
        f"{BEYOND}, Table 1",
        "resynthesis",
        ("residual of SR carry further than residual of SR+",),
    ),
)
OPENING = """# Findings

What two papers claim, asked in miniature of makers whose up-sampling is known, with one command each. The
answers are about small networks, trained for minutes on small crops of twins of some hundred photos: they say
what holds there, not what the papers' own models do on the papers' data. "Not shown" means that the interval
includes chance or zero: it is not a "no"."""


def rendered(name: str, report: Report | None) -> str:
    """An experiment's page as it stands in the documentation."""
    text = page(report, f"{(FIGURES / name).as_posix()}/", EXPERIMENTS[name].head)
    return f"---\nhide:\n  - toc\n---\n\n{MADE}\n\n{text}"


def findings(reports: Mapping[str, Report | None]) -> str:
    """docs/findings.md."""
    parts = [f"---\nhide:\n  - toc\n---\n\n{MADE}", OPENING, _summary(reports)]
    for one in FINDINGS:
        parts += [f"## {one.claim}", f"Claimed in {one.source}.", *_answers(one, reports[one.experiment])]
    return "\n\n".join(parts) + "\n"


def _summary(reports: Mapping[str, Report | None]) -> str:
    """Every claim with the answers it got, and how often each."""
    lines = ["| claim | answers |", "| --- | --- |"]
    for one in FINDINGS:
        report = reports[one.experiment]
        verdicts = Counter(claim.verdict for claim in one.asked(report)) if report is not None else Counter()
        found = "; ".join(f"{verdict} ({count})" for verdict, count in verdicts.items())
        lines.append(f"| {one.claim} | {found or 'not measured yet'} |")
    return "\n".join(lines)


def _answers(one: Finding, report: Report | None) -> Iterator[str]:
    if report is None:
        yield "Not measured yet."
        return
    asked = one.asked(report)
    if not asked:
        yield "Not measured yet."
        return
    rows = [f"| {c.question} | {c.test} | {c.verdict} | {c.sentence} |" for c in asked]
    yield "\n".join(["| question | under | answer | numbers |", "| --- | --- | --- | --- |", *rows])
    yield (
        f"[All of it]({EXPERIMENTS[one.experiment].page}). {report.train_sources} photos train, "
        f"{report.test_sources} test; {report.done} of {report.wanted} networks trained; measured "
        f"{report.date} by `{report.command}`."
    )


def pages(reports: Mapping[str, Report | None]) -> dict[str, str]:
    """File name -> text."""
    found = {one.page: rendered(name, reports[name]) for name, one in EXPERIMENTS.items()}
    return {**found, "findings.md": findings(reports)}


def recorded() -> dict[str, Report | None]:
    """The reports that are in the repository, by experiment."""
    paths = {name: RESULTS / f"{name}.json" for name in EXPERIMENTS}
    return {name: read(path) if path.exists() else None for name, path in paths.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the laboratory's pages.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    parser.add_argument("--run", type=Path, help="folder of a run, whose report is taken over")
    parser.add_argument("--name", choices=[*EXPERIMENTS], default="upsampling", help="which experiment it is")
    options = parser.parse_args()
    if options.run is not None:
        read(options.run / NAME)
        RESULTS.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(options.run / NAME, RESULTS / f"{options.name}.json")
    reports = recorded()
    made = pages(reports)
    if options.check:
        stale = [
            name
            for name, text in made.items()
            if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != text
        ]
        sys.exit(f"docs: stale: {', '.join(stale)}; run python scripts/laboratory_page.py" if stale else 0)
    for name, text in made.items():
        (DOCS / name).write_text(text, encoding="utf-8")
    for name, report in reports.items():
        if report is not None:
            draw(report, DOCS / FIGURES / name, formats=("svg",))


if __name__ == "__main__":
    main()
