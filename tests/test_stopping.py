"""The rule of CNNDetection's authors, and plain early stopping."""

from __future__ import annotations

import pytest

from upprint.result import ConfigError
from upprint.stopping import Stopping, StoppingConfig


def test_plain_early_stopping_keeps_the_best() -> None:
    rule = Stopping(StoppingConfig("val_loss", patience=2), lr=1.0)
    kept = [rule.update(loss) for loss in (3.0, 2.0, 2.5, 1.0, 1.5)]
    assert kept == [True, True, False, True, False]
    assert not rule.done
    rule.update(1.0)
    assert rule.done


def test_three_phases_of_rates() -> None:
    """A flat accuracy: 1 + 5 validations a phase, rates 1e-4, 1e-5, 1e-6, then the end."""
    config = StoppingConfig(
        "val_accuracy", patience=5, margin=0.001, later_margin=0.002, factor=0.1, min_lr=1e-6
    )
    rule = Stopping(config, lr=1e-4)
    rates = []
    while not rule.done:
        rates.append(rule.lr * rule.scale)
        rule.update(0.75)
    assert rates == pytest.approx([1e-4] * 6 + [1e-5] * 6 + [1e-6] * 6)


def test_a_gain_below_the_margin_is_none_but_its_weights_are_kept() -> None:
    config = StoppingConfig("val_accuracy", patience=2, margin=0.01, later_margin=0.1, factor=0.5)
    rule = Stopping(config, lr=1.0)
    assert [rule.update(a) for a in (0.5, 0.505, 0.509)] == [True, True, True]
    assert rule.scale == 0.5
    rule.update(0.5)
    rule.update(0.55)
    assert rule.state["waited"] == 1


def test_state_resumes() -> None:
    config = StoppingConfig("val_loss", patience=3, factor=0.5, min_lr=0.2)
    one, two = Stopping(config, 1.0), Stopping(config, 1.0)
    figures = [1.0, 1.1, 1.2, 1.3, 1.4, 0.9, 1.0, 1.0, 1.0, 1.1, 1.2, 1.3]
    for figure in figures[:5]:
        one.update(figure)
    two.state = dict(one.state)
    assert [one.update(f) for f in figures[5:]] == [two.update(f) for f in figures[5:]]
    assert one.state == two.state


@pytest.mark.parametrize("options", [{"patience": 0}, {"factor": 1.0}])
def test_impossible_rules_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        StoppingConfig(**options)  # type: ignore[arg-type]
