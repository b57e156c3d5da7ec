"""Re-Synthesis: residuals of a picture, a detector's training step, memory of a 12-megapixel picture."""

from __future__ import annotations

from functools import partial
from typing import Any

from support.arms import Answer, paired_rounds
from support.report import Claim, Context, Result, cpu_rate, rates, ratios

TITLE = "Re-Synthesis: residuals and training, light size"
WHOLE, TILED, NARROW = "authors' arrangement", "tiles, exact", "tiles, margin of 32"
LAID_OUT, NARROWED = "whole, channels-last", "tiles, Φ in bf16"
EAGER, EXPORTED = "logits, eager", "logits, exported graph"
COMPUTED, KEPT = "f in every step", "kept residuals"
WHAT = {
    WHOLE: "the whole picture, eager torch fp32 NCHW, default allocator",
    TILED: "tiles of 512² with all of the networks' reach as margin, channels-last, allocator tuned",
    NARROW: "the same tiles, 32 pixels around each: another value beside the seams",
    LAID_OUT: "the whole picture, eager torch fp32, channels-last, allocator tuned",
    NARROWED: "the exact tiles with Φ in bf16, which upprint keeps out of f: for the difference, see below",
    EAGER: "f and D on tiles of 256², eager torch fp32 NCHW, default allocator",
    EXPORTED: "the same detector exported, in ONNX Runtime as `scan` runs it",
    COMPUTED: "f and D, eager torch fp32 NCHW, SGD, default allocator",
    KEPT: "D alone on residuals from the disk's half precision, channels-last, allocator tuned",
}
SIZE = [32, 32, 4, 4]


def run(context: Context) -> Result:
    side, tile = context.size(1024, 64), context.size(512, 32)
    size = [4, 4, 1, 1] if context.quick else SIZE
    shape: dict[str, Any] = {"size": size, "height": side, "width": side}
    open_arm = context.launcher.open
    extraction = {
        WHOLE: open_arm("support.resynthesis:whole", **shape),
        TILED: open_arm("support.resynthesis:tiled", **shape, tile=tile, margin=None),
        NARROW: open_arm("support.resynthesis:tiled", **shape, tile=tile, margin=32),
        LAID_OUT: open_arm("support.resynthesis:laid_out", **shape),
        NARROWED: open_arm("support.resynthesis:narrowed", **shape, tile=tile),
    }
    warm = paired_rounds(extraction, 1)
    rounds = paired_rounds(extraction, context.size(5, 1))
    scoring = {
        name: open_arm(f"support.resynthesis:{how}", size=size, side=context.size(256, 32), batch=8)
        for name, how in ((EAGER, "eager"), (EXPORTED, "exported"))
    }
    scored_first = paired_rounds(scoring, 1)
    scored = paired_rounds(scoring, context.size(5, 1))
    crop, batch = context.size(128, 32), context.size(32, 4)
    steps = {
        COMPUTED: open_arm("support.resynthesis:step_computed", size=size, side=crop, batch=batch),
        KEPT: open_arm("support.resynthesis:step_kept", size=size, side=crop, batch=batch),
    }
    timed = {name: partial(arm, steps=context.size(4, 1)) for name, arm in steps.items()}
    first = paired_rounds(timed, 1)
    stepped = paired_rounds(timed, context.size(5, 1))
    large = _large(context, size, tile)
    claims = [
        Claim("residuals per second of processor time", 1.0, ratios(rounds[TILED], rounds[WHOLE], cpu_rate)),
        Claim("training step on kept residuals", 2.0, ratios(stepped[KEPT], stepped[COMPUTED], cpu_rate)),
        Claim("logits of an exported graph", 1.0, ratios(scored[EXPORTED], scored[EAGER], cpu_rate)),
        Claim(
            "memory of a 12-megapixel picture, tiles against the whole",
            0.5,
            (large[TILED]["megabytes"] / large[WHOLE]["megabytes"],),
            sense="at most",
        ),
    ]
    checks = {
        "largest_difference_from_the_plain_path": {
            name: _apart(warm[name][0], warm[WHOLE][0]) for name in (TILED, NARROW, LAID_OUT, NARROWED)
        }
        | {EXPORTED: _apart(scored_first[EXPORTED][0], scored_first[EAGER][0])},
        "mean_residual": warm[WHOLE][0]["mean"],
        "losses": {name: [*first[name][0]["losses"], *stepped[name][0]["losses"]] for name in steps},
        "megabytes": {name: answer["megabytes"] for name, answer in large.items()},
    }
    settings = {"phi": size, "side": side, "tile": tile, "crop": crop, "batch": batch, "weights": "random"}
    return Result(settings, claims, rates(rounds | scored | stepped, WHAT), checks)


def _large(context: Context, size: list[int], tile: int) -> dict[str, Answer]:
    """One picture of 4000 x 3000 pixels, each arrangement in a process of its own."""
    height, width = context.size(3000, 96), context.size(4000, 128)
    shape: dict[str, Any] = {"size": size, "height": height, "width": width}
    arms = {
        WHOLE: context.launcher.open("support.resynthesis:whole", **shape),
        TILED: context.launcher.open("support.resynthesis:tiled", **shape, tile=tile, margin=None),
    }
    return {name: arm() for name, arm in arms.items()}


def _apart(one: Answer, other: Answer) -> float:
    return float(max(abs(a - b) for a, b in zip(one["sample"], other["sample"], strict=True)))
