"""A training step at 224x224, batch 32: pictures per second of processor time."""

from __future__ import annotations

from functools import partial

from support.arms import paired_rounds
from support.report import Claim, Context, Result, cpu_rate, faults, rates, ratios

TITLE = "Training step at 224×224, batch 32"
OFFICIAL, OURS = "official, as shipped", "upprint train, bf16-mixed"
WHAT = {
    OFFICIAL: "eager torch fp32 NCHW, Adam, BCE, default allocator",
    OURS: "upprint.train.training_step: Fabric bf16-mixed, channels-last, allocator tuned",
}


def run(context: Context) -> Result:
    side, batch, steps = context.size(224, 32), context.size(32, 4), context.size(2, 1)
    shape = {"side": side, "batch": batch}
    sides = {
        OFFICIAL: context.launcher.open("support.steps:official", **shape),
        OURS: context.launcher.open("support.steps:ours", **shape),
    }
    timed = {name: partial(arm, steps=steps) for name, arm in sides.items()}
    warm = paired_rounds(timed, 1)
    rounds = paired_rounds(timed, context.size(5, 1))
    losses = {
        name: [loss for answer in [*warm[name], *rounds[name]] for loss in answer["losses"]] for name in sides
    }
    apart = [abs(a - b) for a, b in zip(losses[OFFICIAL], losses[OURS], strict=True)]
    claims = [
        Claim("per second of processor time", 3.5, ratios(rounds[OURS], rounds[OFFICIAL], cpu_rate)),
        Claim("per second", 3.5, ratios(rounds[OURS], rounds[OFFICIAL])),
    ]
    checks = {
        "losses": losses,
        "loss_difference_of_each_step": apart,
        "largest_loss_difference_of_the_first_3_steps": max(apart[:3]),
        "page_faults_per_picture": faults(rounds),
    }
    settings = {**shape, "steps_per_round": steps, "optimiser": "Adam, 2e-4", "weights": "random, the same"}
    return Result(settings, claims, rates(rounds, WHAT), checks)
