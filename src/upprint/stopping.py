"""When training ends early, lowers its rate, and which weights it keeps: by a validation figure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from upprint.result import ConfigError


@dataclass(frozen=True)
class StoppingConfig:
    """After `patience` validations in a row without a gain the rate is lowered by `factor`, or the run ends.

    The weights of the best validation are the result, not the last ones.
    """

    metric: Literal["val_loss", "val_accuracy", "val_auroc", "val_ap"] = "val_loss"
    patience: int = 5
    margin: float = 0.0
    """A gain is more than this."""
    later_margin: float | None = None
    """The margin once the rate was lowered; the same if not given."""
    factor: float = 0.0
    """0 ends the run at once."""
    min_lr: float = 0.0
    """The run ends where the rate would fall below this."""

    def __post_init__(self) -> None:
        if self.patience < 1 or not 0 <= self.factor < 1:
            raise ConfigError(
                f"stopping: patience {self.patience} and factor {self.factor}, expected at least 1 and 0..1"
            )


class Stopping:
    """The rule in motion; `state` is all it remembers, so that a resumed run goes on alike."""

    def __init__(self, config: StoppingConfig, lr: float) -> None:
        self.config, self.lr = config, lr
        self.state = {"scale": 1.0, "best": -math.inf, "best_ever": -math.inf, "waited": 0.0, "done": 0.0}

    @property
    def scale(self) -> float:
        """What the schedule's rate is multiplied by."""
        return self.state["scale"]

    @property
    def done(self) -> bool:
        return bool(self.state["done"])

    def update(self, figure: float) -> bool:
        """Take one validation figure; True where it is the best so far, so that its weights are kept."""
        rule, state = self.config, self.state
        value = -figure if rule.metric == "val_loss" else figure
        margin = rule.margin if state["scale"] == 1 or rule.later_margin is None else rule.later_margin
        if value > state["best"] + margin or state["best"] == -math.inf:
            state["best"], state["waited"] = value, 0.0
        else:
            state["waited"] += 1
            if state["waited"] >= rule.patience:
                self._lower()
        kept = value > state["best_ever"]
        state["best_ever"] = max(value, state["best_ever"])
        return kept

    def _lower(self) -> None:
        scale = self.state["scale"] * self.config.factor
        if self.config.factor == 0 or scale * self.lr < self.config.min_lr * (1 - 1e-9):
            self.state["done"] = 1.0
            return
        self.state |= {"scale": scale, "best": -math.inf, "waited": 0.0}
