"""Write docs/where.md from results/where/*.where.json: which maps show what is generated, and which do not.

upprint where TWINS --out OUT --config configs/npr_twins.toml --card     # --count N for fewer pairs
cp OUT/npr.where.json results/where/
python scripts/where_page.py            # rewrite
python scripts/where_page.py --check    # exit 1 if stale
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import generated
from upprint.evaluate.bootstrap import Estimate
from upprint.evaluate.where_results import SUFFIX, MapResult, WhereResult, read

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "where"
COMMAND = "python scripts/where_page.py"
HEADS = (
    "map",
    "pixel AUROC",
    "lossless",
    "JPEG",
    "on controls",
    "above centre",
    "pooled",
    "IoU",
    "beats chance",
)


INTRO = """\
A map that lights up is not yet a map that is right. Here every map of a system is tested on composites: in a
photo one region, of random shape, is replaced by its generated twin, over a soft seam, and the whole is
encoded again. A map is judged pixel by pixel against the known region. `upprint explain` repeats what was
found beside the map, and says so where a map did not beat chance.

Chance is 0.5. Places are drawn so that a guess at the centre is no better (`centre` shows how far that came
off). A map may also respond to pasting rather than to generation, which the controls show: the same regions,
with a re-saved copy of the photo itself pasted in. A map beats chance when the intervals of all three
differences (to 0.5, to the centre guess, to its own controls) lie above zero."""


def page(results: Sequence[WhereResult]) -> str:
    """The whole page."""
    parts = [
        f"<!-- Made by `{COMMAND}` from results/where/. Do not edit by hand. -->",
        "# Do the maps show where?",
        INTRO,
    ]
    for result in results:
        parts += _section(result)
    if not results:
        parts.append("Nothing was measured yet.")
    return "\n\n".join(parts) + "\n"


def _section(result: WhereResult) -> Iterator[str]:
    yield f"## {result.system}"
    at = ""
    if result.threshold is not None:
        rate = f"the threshold for {result.threshold_fpr} false positives, logit {result.threshold:.3f}"
        at = f" IoU is taken at {rate}, which was set for whole pictures."
    yield (
        f"{result.data}; {result.controls} controls. Regions cover {100 * result.share:.1f} % on average. "
        f"Weights `{result.weights_sha256[:12]}`, trained on {result.trained_on}. Measured {result.date} by "
        f"`{result.command}`; means over composites, 95 % intervals from {result.draws} bootstrap draws over "
        f"{result.sources} sources.{at}"
    )
    yield _table(HEADS, [_row(local) for local in result.maps])
    everything = result.maps[0].iou_everything
    yield f"Marking every pixel has IoU {_text(everything)}."
    yield "\n".join(f"- `{local.name}`: {local.title}; {local.rule}." for local in result.maps)
    told = [local for local in result.maps if local.calibration]
    if told:
        yield (
            "Local probabilities, from the system's own scale, against the share of pixels generated, "
            "both classes weighing alike:"
        )
        rows = [
            (local.name, ", ".join(f"{p.probability:.2f} → {p.share:.2f}" for p in local.calibration))
            for local in told
        ]
        yield _table(("map", "probability given → share generated"), rows)


def _row(local: MapResult) -> tuple[str, ...]:
    numbers = (
        local.auroc,
        local.auroc_lossless,
        local.auroc_jpeg,
        local.auroc_null,
        local.over_centre,
        local.auroc_pooled,
        local.iou,
    )
    return (f"`{local.name}`", *map(_text, numbers), "**yes**" if local.beats_chance else "no")


def _text(estimate: Estimate) -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    results = [read(path) for path in sorted(RESULTS.glob(f"*{SUFFIX}"))]
    generated.main(ROOT / "docs", {"where.md": page(results)}, pattern="where.md", command=COMMAND)


if __name__ == "__main__":
    main()
