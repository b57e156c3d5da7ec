"""Classifiers that see no pixel: how much of a data set can be solved from headers.

A random forest on size alone, on metadata alone, and on both, by cross-validation in which all files of one
source photo are on the same side. Bytes per pixel are left out: they depend on the content.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from upprint.audit.cues import CUES, Cue
from upprint.audit.effects import codes, fold
from upprint.audit.features import Features
from upprint.audit.report import Accuracy
from upprint.data.sample import GENERATED, REAL
from upprint.evaluate.bootstrap import Scores, estimate
from upprint.evaluate.curve import Kind, mean_class_accuracy
from upprint.result import require

FOLDS, TREES, DRAWS = 5, 100, 500
MOST_PER_TREE = 20_000
"""Files that one tree is grown on at most."""
WIDTH_HEIGHT: tuple[Callable[[Features], float], ...] = (
    lambda f: float(f.width),
    lambda f: float(f.height),
    lambda f: f.width / f.height,
)
TITLES = {
    "size": "width and height alone",
    "metadata": "file format and metadata alone",
    "both": "everything but the pixels",
}


def baselines(
    features: Sequence[Features],
    labels: Sequence[int],
    sources: Sequence[Hashable],
    *,
    trees: int = TREES,
    seed: int = 0,
) -> tuple[Accuracy, ...]:
    """Balanced accuracy of the three classifiers, each with its interval.

    Args:
        features: (n,) of files that could be read.
        labels: (n,) of 0 and 1.
        sources: (n,) keys of source photos.

    Raises:
        MissingExtra: without scikit-learn.
    """
    metadata = [cue for cue in CUES if cue.group == "metadata"]
    sizes = [cue for cue in CUES if cue.group == "size" and not cue.numeric]
    size, header = matrix(features, sizes, WIDTH_HEIGHT), matrix(features, metadata)
    inputs = {"size": size, "metadata": header, "both": np.hstack([size, header])}
    return tuple(_accuracy(name, inputs[name], np.asarray(labels), sources, trees, seed) for name in TITLES)


def matrix(
    features: Sequence[Features], cues: Sequence[Cue], numbers: Sequence[Callable[[Features], float]] = ()
) -> NDArray[np.float32]:
    """(n, columns): the numbers, numeric cues with -1 where they do not apply, categories one by one."""
    columns = [np.array([number(f) for f in features], np.float32) for number in numbers]
    for cue in cues:
        values = [cue.value(f) for f in features]
        if cue.numeric:
            columns.append(np.array([-1.0 if v is None else v for v in values], np.float32))
            continue
        folded = fold(["(does not apply)" if v is None else str(v) for v in values])
        names = dict.fromkeys(folded)
        if len(names) > 1:
            columns += [np.array([v == name for v in folded], np.float32) for name in names]
    return np.stack(columns, axis=1) if columns else np.zeros((len(features), 1), np.float32)


def balanced_accuracy(
    name: str,
    title: str,
    labels: Sequence[int],
    scores: Sequence[float],
    sources: Sequence[str],
    threshold: float = 0.0,
    *,
    inclusive: bool = False,
    seed: int = 0,
) -> Accuracy:
    """Of scores at a threshold, with a bootstrap interval over sources."""
    names = {REAL: "camera-made", GENERATED: "generated"}
    missing = [word for label, word in names.items() if label not in labels]
    if missing:
        return Accuracy(name, title, undefined=f"no {' and no '.join(missing)} pictures")
    kind = Kind(
        mean_class_accuracy(threshold, inclusive=inclusive), frozenset((REAL, GENERATED)), True, title
    )
    found = estimate(
        {title: Scores(np.asarray(labels), np.asarray(scores), sources)}, {name: kind}, draws=DRAWS, seed=seed
    )
    e = found.subsets[title][name]
    return Accuracy(name, title, e.value, e.low, e.high, e.undefined)


def _accuracy(
    name: str,
    inputs: NDArray[np.float32],
    labels: NDArray[np.int_],
    sources: Sequence[Hashable],
    trees: int,
    seed: int,
) -> Accuracy:
    groups = codes(sources)
    counts = [len(np.unique(groups[labels == label])) for label in (REAL, GENERATED)]
    if min(counts) < 2:
        reason = f"cross-validation needs 2 source photos per class; there are {counts[0]} and {counts[1]}"
        return Accuracy(name, TITLES[name], undefined=reason)
    scores = _cross_validated(inputs, labels, groups, min(FOLDS, *counts), trees, seed)
    if scores is None:
        reason = "a part of the cross-validation is left without one of the classes: too few source photos"
        return Accuracy(name, TITLES[name], undefined=reason)
    keys = [str(group) for group in groups]
    return balanced_accuracy(name, TITLES[name], labels.tolist(), scores.tolist(), keys, seed=seed)


def _cross_validated(
    inputs: NDArray[np.float32],
    labels: NDArray[np.int_],
    groups: NDArray[np.int64],
    folds: int,
    trees: int,
    seed: int,
) -> NDArray[np.float64] | None:
    """Scores (n,), positive for generated, by forests that never saw a file of the same source."""
    purpose = "training the audit's baselines"
    selection = require("sklearn.model_selection", extra="train", purpose=purpose)
    ensemble = require("sklearn.ensemble", extra="train", purpose=purpose)
    scores = np.zeros(len(labels))
    split = selection.StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for trained, held in split.split(inputs, labels, groups):
        if len(np.unique(labels[trained])) < 2:
            return None
        forest = ensemble.RandomForestClassifier(
            trees,
            class_weight="balanced",
            min_samples_leaf=2,
            max_samples=None if len(trained) <= MOST_PER_TREE else MOST_PER_TREE,
            random_state=seed,
        )
        forest.fit(inputs[trained], labels[trained])
        scores[held] = forest.predict_proba(inputs[held])[:, 1] - 0.5
    # Shares of votes: equal evidence for both classes is no vote for generated, whatever the last bit says.
    return np.round(scores, 9)
