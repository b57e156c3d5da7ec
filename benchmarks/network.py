"""The network alone in fp32: GFLOP/s against the matrix product of the same run."""

from __future__ import annotations

from support.arms import Answer
from support.report import Claim, Context, Result

TITLE = "Network alone, fp32"
SHAPES = ((256, 1), (256, 4), (256, 8), (256, 32), (128, 32), (512, 4))
"""(side, batch); 8 tiles of 256 is what a scan runs at most."""


def run(context: Context) -> Result:
    seconds = 0.0 if context.quick else 0.7
    size = context.size(3072, 64)
    shapes = ((64, 1), (96, 2)) if context.quick else SHAPES
    open_arm = context.launcher.open
    products = {
        library: open_arm("support.peak:product", library=library, size=size)
        for library in ("torch", "numpy")
    }
    graph = open_arm("support.peak:network", onnx=str(context.model.onnx), engine="onnxruntime")
    work = open_arm("support.peak:flops", sides=sorted({side for side, _ in shapes}))()
    peaks: dict[str, list[float]] = {library: [] for library in products}
    speeds: dict[tuple[int, int], list[float]] = {shape: [] for shape in shapes}
    for _ in range(context.size(5, 1)):
        for library, product in products.items():
            peaks[library].append(product(seconds=seconds)["gflops"])
        for side, batch in shapes:
            answer: Answer = graph(side=side, batch=batch, seconds=seconds)
            speeds[side, batch].append(work[str(side)] * batch / answer["seconds"])
    peak = [max(found) for found in zip(*peaks.values(), strict=True)]
    claims = [
        Claim(
            f"{side}×{side}, batch {batch}",
            85,
            tuple(100 * speed / top for speed, top in zip(found, peak, strict=True)),
            unit="% of the matrix product's peak",
        )
        for (side, batch), found in speeds.items()
    ]
    arms = {
        **{f"{library}, {size}² matrices": {"gflops": found} for library, found in peaks.items()},
        **{f"network, {side}², batch {batch}": {"gflops": found} for (side, batch), found in speeds.items()},
    }
    checks = {"gflop_per_picture": work, "peak_gflops": peak}
    return Result({"engine": "onnxruntime", "seconds_per_shape": seconds}, claims, arms, checks)
