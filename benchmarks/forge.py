"""Forging: twins per second of each shipped maker and of a latent decoder, 320x320, in batches."""

from __future__ import annotations

from functools import partial
from typing import Any

from support.arms import paired_rounds
from support.report import Claim, Context, Result, cpu_rate, faults, rates, ratios

TITLE = "Forging twins at 320×320"
PLAIN, OURS = "one by one, as shipped", "upprint forge, batches of 8"


def run(context: Context) -> Result:
    from upprint.forge.makers import list_shipped

    side, batch = context.size(320, 32), context.size(8, 2)
    chosen = ["taesd", *list_shipped()][: context.size(100, 2)]
    claims, arms, checks = [], {}, {}
    for maker in chosen:
        sides = {
            PLAIN: context.launcher.open("support.forging:plain", network=maker, side=side, batch=batch),
            OURS: context.launcher.open("support.forging:ours", network=maker, side=side, batch=batch),
        }
        timed = {name: partial(arm, runs=1) for name, arm in sides.items()}
        paired_rounds(timed, 1)
        rounds: dict[str, Any] = paired_rounds(timed, context.size(3, 1))
        found = ratios(rounds[OURS], rounds[PLAIN], cpu_rate)
        claims.append(Claim(f"{maker}: per second of processor time", 1.0, found))
        what = {f"{maker}: {name}": WHAT[name] for name in sides}
        arms.update(rates({f"{maker}: {name}": found for name, found in rounds.items()}, what))
        checks[maker] = {"page_faults_per_picture": faults(rounds)}
    settings = {"side": side, "batch": batch, "weights": "shipped; taesd: random, 16 latent channels"}
    return Result(settings, claims, arms, checks)


WHAT = {
    PLAIN: "the same network in eager torch, one picture at a time, NCHW, default allocator",
    OURS: "upprint.forge: channels-last, batched, allocator tuned",
}
