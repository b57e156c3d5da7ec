from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from upprint.evaluate import metrics
from upprint.result import MetricError

Scored = tuple[np.ndarray, np.ndarray]


@st.composite
def scored(draw: st.DrawFn) -> Scored:
    """Labels with both classes present, and scores with many ties."""
    n = draw(st.integers(2, 60))
    labels = draw(st.lists(st.integers(0, 1), min_size=n, max_size=n))
    labels[0], labels[1] = 0, 1
    few = st.integers(-3, 3).map(float)
    some = st.floats(-20, 20, allow_nan=False)
    logits = draw(st.lists(draw(st.sampled_from([few, some, few | some])), min_size=n, max_size=n))
    return np.array(labels), np.array(logits)


def reference_eer(labels: np.ndarray, logits: np.ndarray) -> float:
    """By bisection on scikit-learn's ROC, point by point along its straight pieces."""
    false, true, _ = sk.roc_curve(labels, logits, drop_intermediate=False)
    low, high = 0.0, float(len(false) - 1)
    positions = np.arange(len(false))

    def excess(at: float) -> float:
        return float(np.interp(at, positions, false) - 1 + np.interp(at, positions, true))

    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
    return float(np.interp(high, positions, false))


def reference_tpr(labels: np.ndarray, logits: np.ndarray, limit: float) -> float:
    """Every threshold tried: just below each score, and above all."""
    best = 0.0
    for threshold in [*logits, np.inf]:
        called = logits >= threshold
        if called[labels == 0].mean() <= limit:
            best = max(best, float(called[labels == 1].mean()))
    return best


@settings(max_examples=150, deadline=None)
@given(scored())
def test_ranking_metrics_equal_scikit_learn(case: Scored) -> None:
    labels, logits = case
    assert metrics.auroc(labels, logits) == pytest.approx(sk.roc_auc_score(labels, logits), abs=1e-12)
    reference = sk.average_precision_score(labels, logits)
    assert metrics.average_precision(labels, logits) == pytest.approx(reference, abs=1e-12)
    assert metrics.eer(labels, logits) == pytest.approx(reference_eer(labels, logits), abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(scored(), st.sampled_from([0.0, 0.01, 0.1, 0.29, 0.5, 1.0]))
def test_tpr_at_fpr_equals_trying_every_threshold(case: Scored, limit: float) -> None:
    labels, logits = case
    assert metrics.tpr_at_fpr(labels, logits, limit) == pytest.approx(
        reference_tpr(labels, logits, limit), abs=1e-12
    )


@settings(max_examples=100, deadline=None)
@given(scored(), st.integers(-3, 3), st.booleans())
def test_threshold_metrics_equal_scikit_learn(case: Scored, threshold: int, inclusive: bool) -> None:
    labels, logits = case
    called = (logits >= threshold if inclusive else logits > threshold).astype(int)
    near = pytest.approx
    given_ = {"threshold": float(threshold), "inclusive": inclusive}
    assert metrics.accuracy(labels, logits, **given_) == near(sk.accuracy_score(labels, called), abs=1e-12)
    balanced = sk.balanced_accuracy_score(labels, called)
    assert metrics.balanced_accuracy(labels, logits, **given_) == near(balanced, abs=1e-12)
    recalls = sk.recall_score(labels, called, labels=[0, 1], average=None)
    assert metrics.real_accuracy(labels, logits, **given_) == near(recalls[0], abs=1e-12)
    assert metrics.generated_accuracy(labels, logits, **given_) == near(recalls[1], abs=1e-12)
    assert metrics.fpr(labels, logits, **given_) == near(1 - recalls[0], abs=1e-12)


def test_fpr_limit_is_not_lost_to_rounding() -> None:
    labels = np.array([0] * 100 + [1])
    logits = np.array([*range(100), 70.5])
    assert metrics.tpr_at_fpr(labels, logits, 0.29) == 1.0  # 29 reals lie above 70.5, and 0.29 * 100 < 29
    assert metrics.tpr_at_fpr(labels, logits, 0.28) == 0.0


def test_equal_scores_separate_nothing() -> None:
    labels, logits = np.array([0, 0, 0, 1]), np.zeros(4)
    assert metrics.auroc(labels, logits) == 0.5
    assert metrics.average_precision(labels, logits) == 0.25
    assert metrics.eer(labels, logits) == 0.5
    assert metrics.tpr_at_fpr(labels, logits) == 0.0
    assert metrics.accuracy(labels, logits) == 0.75  # the papers' rule: probability above 0.5
    assert metrics.accuracy(labels, logits, inclusive=True) == 0.25


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_has_only_its_own_accuracy(label: int) -> None:
    labels, logits = np.full(4, label), np.array([-1.0, -2.0, -3.0, 1.0])
    own, other = [metrics.real_accuracy, metrics.generated_accuracy][:: 1 - 2 * label]
    assert own(labels, logits) == (0.25 if label else 0.75)
    assert metrics.accuracy(labels, logits) == own(labels, logits)
    missing = "camera-made" if label else "generated"
    for undefined in (
        other,
        metrics.auroc,
        metrics.average_precision,
        metrics.eer,
        metrics.balanced_accuracy,
    ):
        with pytest.raises(MetricError, match=f"wild: no {missing} pictures among 4"):
            undefined(labels, logits, name="wild")


@pytest.mark.parametrize(
    ("labels", "logits", "message"),
    [
        ([], [], "no scored pictures"),
        ([0, 1], [0.0, float("nan")], "1 of 2 scores are not finite"),
        ([0, 1], [float("inf"), 0.0], "not finite"),
        ([0, 2], [0.0, 1.0], r"labels \[0, 2\]"),
        ([0, 1], [0.0], "expected two"),
    ],
)
def test_undefined_cases_name_the_set(labels: list[int], logits: list[float], message: str) -> None:
    every: list[Callable[..., float]] = [metrics.accuracy, metrics.auroc, metrics.eer, metrics.tpr_at_fpr]
    for metric in every:
        with pytest.raises(MetricError, match=f"^stylegan: .*{message}"):
            metric(np.array(labels), np.array(logits), name="stylegan")
