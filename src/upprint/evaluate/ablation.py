"""NPR's Table 7 from one command: train every variant, score a data set, print the table.

Each variant has its own folder below `out`, and a killed run goes on where it stopped. Everything but
block size and anchor is the recipe's. The paper's differences between variants are about as large as
those between two trainings of one variant.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upprint.data import layouts
from upprint.data import protocol as protocols
from upprint.data.layouts import Dataset
from upprint.data.sample import GENERATED, REAL, Sample
from upprint.data.split import split as deal
from upprint.evaluate import bootstrap, predictions, results, tables
from upprint.evaluate import paper as paper_tables
from upprint.evaluate import predict as predicting
from upprint.evaluate.model import open_model
from upprint.evaluate.paper import PaperTable
from upprint.evaluate.results import Result
from upprint.evaluate.tables import Block
from upprint.result import ConfigError, DataError, require

if TYPE_CHECKING:
    from upprint.train import DataConfig

TEST_SHARE, SEED = 0.2, 7
"""Held out of a data set without splits; another seed than training uses for its validation."""

PAPER, NUMBER = "npr", 7


def variants() -> dict[str, dict[str, Any]]:
    """Folder name -> builder options of Table 7's twelve rows, in the paper's order."""
    rows = paper_tables.load(PAPER, NUMBER).rows
    return {f"block{row.options['block']}-{row.options['anchor']}": dict(row.options) for row in rows}


def check(paper: str, number: int) -> None:
    """Raise `ConfigError` unless the table is one that can be run."""
    if (paper, number) != (PAPER, NUMBER):
        raise ConfigError(
            f"--run trains the variants of table {PAPER} {NUMBER}; {paper} {number} has none to train"
        )


def default_config() -> Path:
    """The paper's recipe, in the installed package or the source tree.

    Raises:
        ConfigError: upprint is installed without it.
    """
    here = Path(__file__).resolve()
    places = (here.parents[1] / "configs", here.parents[3] / "configs")
    path = next((p / "npr_paper.toml" for p in places if (p / "npr_paper.toml").is_file()), None)
    if path is None:
        raise ConfigError(
            "the paper's recipe is not installed; give one with --config (see configs/ in the source)"
        )
    return path


def data_sets(
    root: Path, layout: str | None, recipe: DataConfig, *, out: Path, train: Path | None, split: str | None
) -> tuple[DataConfig, Dataset, str]:
    """Training data, test data, and a sentence saying which is which.

    With `train`, the recipe's own data at that root train and all of `root` tests. Otherwise `root` does
    both: by its published train and test (or val) splits where it has them, else a fifth of its
    sources is held out for the test, written down in `out/manifest.csv`.

    Raises:
        ConfigError: a split was asked for without `train`.
        DataError: the data are laid out otherwise, or hold too few sources.
    """
    if train is not None:
        test = layouts.read(root, layout, **({"split": split} if split else {}))
        return replace(recipe, root=str(train)), test, f"training on {train}, testing on all of {root}"
    if split is not None:
        raise ConfigError("a split of the test data needs training data of their own: give --train")
    name = layout or layouts.detect(root).layout
    for first, second in (("train", "test"), ("train", "val")):
        options = {**(recipe.options if recipe.layout == name else {}), "split": first}
        try:
            layouts.read(root, name, **options)
            test = layouts.read(root, name, split=second)
        except (ConfigError, DataError) as problem:
            reason = str(problem)
            continue
        return (
            replace(recipe, root=str(root), layout=name, options=options),
            test,
            f"its {first} and {second} splits",
        )
    whole = layouts.read(root, name)
    parts = deal(whole.samples, {"train": 1 - TEST_SHARE, "test": TEST_SHARE}, SEED)
    if any({s.label for s in part} != {REAL, GENERATED} for part in parts.values()):
        raise DataError(f"{root}: too few sources to hold out a fifth of them with both classes on each side")
    manifest = _manifest(parts, out)
    training = replace(recipe, root=str(manifest), layout="manifest", options={"split": "train"}, hold_out=())
    test = replace(whole, samples=parts["test"], name=f"{whole.name}, a fifth of its sources")
    return (
        training,
        test,
        f"no published splits to use ({reason}); a fifth of the sources tests, see {manifest}",
    )


def _manifest(parts: Mapping[str, Sequence[Sample]], out: Path) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    path = out / "manifest.csv"
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "subset", "generator", "source", "split"])
            for name, samples in parts.items():
                for s in samples:
                    writer.writerow([Path(s.path).resolve(), s.label, s.subset, s.generator, s.source, name])
    except UnicodeEncodeError as error:
        raise DataError(f"{path}: a picture's name is not UTF-8 ({error}); rename it") from error
    return path


def run(
    data: Path,
    layout: str | None,
    *,
    out: Path,
    config: Path | None = None,
    train: Path | None = None,
    split: str | None = None,
    protocol: str | None = None,
    draws: int = bootstrap.DRAWS,
    workers: int = 2,
    command: str = "",
    note: Callable[[str], None] = lambda _text: None,
) -> list[Result]:
    """Train and evaluate all variants; returns their results.

    Args:
        data: root of the test data; also of the training data unless `train` is given, see `data_sets`.
        layout: its layout; guessed if None.
        out: one folder per variant is made below it.
        config: the training recipe, the paper's if None; its options and out are replaced per variant.
        train: root of the recipe's training data.
        split: of the test data, with `train`.
        protocol: how test pictures reach the network, instead of the data set's own.
        draws: bootstrap draws.
        workers: decoding threads.
        command: what the user called.
        note: told what happens next.

    Raises:
        ConfigError: the recipe trains another system, or a folder holds a run with other settings.
        ResumeError: a folder holds predictions of another run.
    """
    require("torch", extra="train", purpose="training the variants")
    from upprint.train import fit, read_config

    config = config or default_config()
    recipe = read_config(config)
    if recipe.system != PAPER:
        raise ConfigError(f"{config}: trains {recipe.system!r}; Table {NUMBER} needs system = {PAPER!r}")
    training, test, how = data_sets(data, layout, recipe.data, out=out, train=train, split=split)
    note(how)
    chosen = protocols.named(protocol) if protocol else test.protocol
    found: list[Result] = []
    for name, options in variants().items():
        folder = out / name
        note(f"{name}: training")
        weights = fit(replace(recipe, data=training, options=options, out=str(folder)), resume=True)
        target = folder / "predictions.jsonl"
        note(f"{name}: scoring {len(test.samples)} pictures")
        predicting.predict(
            test.samples,
            open_model(PAPER, weights),
            chosen,
            out=target,
            data=test.name,
            resume=True,
            workers=workers,
            command=command,
        )
        for measured in results.measure(predictions.read(target), draws=draws, command=command).results:
            result = tables.with_reported(measured)
            results.write(result, folder)
            found.append(result)
    return found


def table(paper: str, number: int, found: list[Result]) -> tuple[PaperTable, list[Block]]:
    """The table with the measured block of a run, over the run's own sub-sets."""
    content, blocks = tables.blocks(paper, number)
    return content, [*blocks[:-1], tables.measured_block(content, found, own_columns=True)]
