"""Turn results/benchmarks/*.json and results/page.json into docs/benchmarks.md.

python benchmarks/table.py            write it
python benchmarks/table.py --check    exit 1 if it is stale
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
INTRODUCTION = """# Benchmarks

Made by `python benchmarks/table.py` from `results/benchmarks/*.json`, which `python benchmarks/run.py` and
its neighbours measure. Do not edit by hand.

Every figure is a ratio against a reference that ran in the same minutes on the same machine: the arms take
turns (A B C, A B C, ...), and a ratio is taken within each round. The tables give the median and, in
brackets, the lowest and highest round. "Official" is the published way of working, restated: Pillow, resize
to 256×256, ImageNet normalisation, eager torch. "Tuned" is the same with the C library's allocator told to
keep its pages.
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write docs/benchmarks.md from the results.")
    parser.add_argument("--results", type=Path, default=ROOT / "results" / "benchmarks")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if the page is stale")
    parser.add_argument("--print", action="store_true", help="write nothing; print the page")
    options = parser.parse_args(arguments)
    beside = options.results.parent / "page.json"
    browser = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else None
    text = page(read(options.results), browser)
    if options.print:
        print(text, end="")
        return 0
    if options.check:
        stale = not options.page.is_file() or options.page.read_text(encoding="utf-8") != text
        if stale:
            print(f"{options.page.name} is stale: run python benchmarks/table.py", file=sys.stderr)
        return int(stale)
    options.page.parent.mkdir(parents=True, exist_ok=True)
    options.page.write_text(text, encoding="utf-8")
    return 0


def read(folder: Path) -> list[dict[str, Any]]:
    """The results in `folder`, by name; those of --quick are refused."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    quick = [data["name"] for data in found if data["quick"]]
    if quick:
        raise SystemExit(f"{', '.join(quick)}: made with --quick, which measures nothing; run them in full")
    return found


REASONS = """
## Where a bar is missed

- **Scans in fp32.** The network is nearly all of the time and runs close to what a matrix product reaches
  on the same machine, so no scheduling meets a bar above that ratio in fp32. With two processes of one thread
  each (what `upprint scan` does by default on two cores) the official protocol gains some more: see the arms.
- **12-megapixel pictures in fp32.** Nine tiles are nine runs of the network, the same on both sides; decoding
  is several times quicker, but it is the smaller part. Fewer tiles would raise the ratio and lower the
  evidence.
- **OpenVINO bf16.** The engine answers one request with all threads. Two streams of one thread each gave 84
  instead of 71 pictures/s at batch 8 and 82 instead of 80 at batch 32 (one trial, 2026-11-20), but leave a
  single tile one thread; not adopted.
- **`upprint scan FILE`.** The command line itself (typer, rich) costs what the library call does not.
- **The scan on Ray.** Ray's own processes run on the two cores that the actors use. In the run of 2026-11-20
  tests ran beside it at the lowest priority in two of the three rounds, so that it may be a little better.
- **A single tile.** Batch 1 lies below the larger batches and varies most from round to round.
"""


def page(results: list[dict[str, Any]], browser: dict[str, Any] | None = None) -> str:
    summary = ["| what | bar | measured | |", "|---|---|---|---|"]
    summary += [
        f"| {data['title']}: {claim['text']} | {_bar(claim)} | {_figure(claim)} | {_word(claim)} |"
        for data in results
        for claim in data["claims"]
    ]
    parts = [INTRODUCTION.strip(), "\n".join(summary), REASONS.strip(), *map(section, results)]
    if browser is not None:
        parts.append(browser_section(browser))
    return "\n\n".join(parts) + "\n"


def browser_section(data: dict[str, Any]) -> str:
    """`benchmarks/page.py`: from a dropped picture to its verdict."""
    settings, machine = data["settings"], data["machine"]
    rows = [
        f"| {name.replace('_', ' ')} | {arm['threads']} | {arm['seconds_until_page_is_ready']:g} s | "
        f"{arm['median_seconds']:g} s | {arm['python_median_seconds']:g} s | "
        f"{arm['largest_logit_difference']:.1g} |"
        for name, arm in data["arms"].items()
    ]
    head = (
        "| page | threads | until it is ready | in the page | in Python | largest difference of the logit |"
    )
    what = (
        f"{data['what'][0].upper()}{data['what'][1:]}: {settings['picture']}; median of {settings['rounds']} "
        "rounds, the page and `upprint.load` on the same bytes in turns."
    )
    where = (
        f"{data['date']}, `{data['command']}`; {machine['cores']} cores of {machine['cpu']}, headless "
        f"Chromium {next(iter(data['arms'].values()))['browser']}. Network SHA-256 {settings['model'][:12]}."
    )
    table = "\n".join([head, "|---|---|---|---|---|---|", *rows])
    return "\n\n".join(["## The page in a browser", what, table, where])


def section(data: dict[str, Any]) -> str:
    """One benchmark: its claims, its arms, what was checked, and where it ran."""
    parts = [f"## {data['title']}"]
    if data["quick"]:
        parts.append("Tiny sizes (`--quick`): the figures mean nothing.")
    parts.append(
        "\n".join(
            ["| claim | bar | median (lowest – highest round) | |", "|---|---|---|---|"]
            + [f"| {c['text']} | {_bar(c)} | {_figure(c)} | {_word(c)} |" for c in data["claims"]]
        )
    )
    if data["arms"]:
        parts.append("\n".join(_arms(data["arms"])))
    parts += data["notes"]
    parts.append("\n".join(_facts("Checked in the same run", data["checks"])))
    parts.append("\n".join(_facts("Settings", data["settings"])))
    parts.append(_machine(data))
    return "\n\n".join(part for part in parts if part)


def _arms(arms: dict[str, Any]) -> list[str]:
    figures = [key for key in next(iter(arms.values())) if key != "what"]
    lines = ["| arm | " + " | ".join(key.replace("_", " ") for key in figures) + " | what |"]
    lines.append("|---" * (len(figures) + 2) + "|")
    for name, arm in arms.items():
        cells = [_spread(arm[key]) for key in figures]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {arm.get('what', '')} |")
    return lines


def _facts(title: str, facts: dict[str, Any]) -> list[str]:
    return [f"{title}:", "", *_items(facts, 0)] if facts else []


def _items(facts: dict[str, Any], depth: int) -> list[str]:
    lines = []
    for key, value in facts.items():
        name = "  " * depth + f"- {key.replace('_', ' ')}"
        if isinstance(value, dict):
            lines += [name, *_items(value, depth + 1)]
        elif isinstance(value, list):
            lines.append(f"{name}: {_spread(value)}")
        else:
            lines.append(f"{name}: {value}")
    return lines


def _machine(data: dict[str, Any]) -> str:
    machine, model = data["machine"], data["model"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items() if number)
    return (
        f"{data['date']}, `{data['command']}`, {data['seconds']} s; {machine['cores']} cores of "
        f"{machine['cpu']} ({' '.join(machine['flags'])}), {machine['memory_gib']} GiB, {machine['libc']}, "
        f"Python {machine['python']}, {versions}; load before {machine['load_before']}. "
        f"Network: {model['file']}, {model['description']}, SHA-256 {model['sha256'][:12]}."
    )


def _bar(claim: dict[str, Any]) -> str:
    return f"{'≥' if claim['sense'] == 'at least' else '≤'} {claim['bar']:g} {claim['unit']}"


def _figure(claim: dict[str, Any]) -> str:
    if claim["rounds"] == 1:
        return f"{claim['median']:g}"
    return f"**{claim['median']:g}** ({claim['min']:g} – {claim['max']:g})"


def _word(claim: dict[str, Any]) -> str:
    return "reached" if claim["reached"] else "missed"


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:g}"
    middle = sorted(values)[len(values) // 2]
    return f"{middle:g} ({min(values):g} – {max(values):g})"


if __name__ == "__main__":
    sys.exit(main())
