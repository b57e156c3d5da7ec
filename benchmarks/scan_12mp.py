"""4000x3000 JPEGs at the default tile budget: file to verdict, one picture at a time and in a stream."""

from __future__ import annotations

from pathlib import Path
from statistics import median

from support.arms import Answer, paired_rounds
from support.pictures import write_folder
from support.report import Claim, Context, Result, agreement, cpu_rate, rates, ratios

TITLE = "12-megapixel JPEGs, default tile budget"
TORCH, TORCH_STREAM = "Pillow + torch, tuned, one by one", "Pillow + torch, tuned, stream"
FP32, BF16 = "upprint.load, fp32, one by one", "upprint.load, OpenVINO bf16, one by one"
STREAM, TWO = "upprint.scan, fp32", "upprint.scan, fp32, workers=2"
STREAM_BF16 = "upprint.scan, OpenVINO bf16"
WHAT = {
    TORCH: "Pillow, the same tiles, eager torch fp32 NCHW, allocator tuned, a picture's tiles as one batch",
    TORCH_STREAM: "the same with a loader, up to 32 tiles a batch",
    FP32: "upprint.load()(path): simplejpeg, ONNX Runtime",
    BF16: "upprint.load(engine='openvino')(path)",
    STREAM: "upprint.scan(folder, workers=1): decodes ahead in a thread",
    TWO: "upprint.scan(folder, workers=2)",
    STREAM_BF16: "upprint.scan(folder, engine='openvino', workers=1)",
}


def run(context: Context) -> Result:
    count = context.size(6, 2)
    height, width = (200, 280) if context.quick else (3000, 4000)
    folder, warm = context.folder / "pictures", context.folder / "warm"
    paths = write_folder(folder, count, height, width, seed=1, fields=context.size(2, 1))
    write_folder(warm, 2, height, width, seed=2, fields=context.size(2, 1))
    model, open_arm = context.model, context.launcher.open
    places = {"folder": str(folder), "warm": str(warm)}
    torch = {"safetensors": str(model.safetensors), "card": str(model.onnx.with_suffix(".json"))}
    graph, scan, load = str(model.onnx), "support.ours:scan_folder", "support.ours:one_by_one"
    sides = {
        TORCH: open_arm("support.official:one_by_one", folder=str(folder), **torch),
        FP32: open_arm(load, onnx=graph, paths=paths, engine="onnxruntime"),
        BF16: open_arm(load, onnx=graph, paths=paths, engine="openvino"),
        TORCH_STREAM: open_arm(
            "support.official:tiled_folder", tuned=True, quick=context.quick, **torch, **places
        ),
        STREAM: open_arm(scan, onnx=graph, engine="onnxruntime", workers=1, **places),
        TWO: open_arm(scan, onnx=graph, engine="onnxruntime", workers=2, **places),
        STREAM_BF16: open_arm(scan, onnx=graph, engine="openvino", workers=1, **places),
    }
    rounds = paired_rounds(sides, context.size(5, 1))
    claims = [
        Claim("fp32, latency", 2.5, ratios(rounds[FP32], rounds[TORCH], _per_second)),
        Claim("OpenVINO bf16, latency", 2.5, ratios(rounds[BF16], rounds[TORCH], _per_second)),
        Claim("fp32, stream", 2.5, ratios(rounds[STREAM], rounds[TORCH_STREAM])),
        Claim("OpenVINO bf16, stream", 2.5, ratios(rounds[STREAM_BF16], rounds[TORCH_STREAM])),
    ]
    checks = agreement({name: answers[-1] for name, answers in rounds.items()}, FP32)
    checks["median_seconds_per_picture"] = {
        name: [1 / _per_second(answer) for answer in rounds[name]] for name in (TORCH, FP32, BF16)
    }
    checks["pictures_per_cpu_second_ratio"] = {
        FP32: ratios(rounds[FP32], rounds[TORCH], cpu_rate),
        BF16: ratios(rounds[BF16], rounds[TORCH], cpu_rate),
        TWO: ratios(rounds[TWO], rounds[TORCH_STREAM], cpu_rate),
    }
    checks["two_workers_against_torch_stream"] = ratios(rounds[TWO], rounds[TORCH_STREAM])
    checks["megabytes_per_file"] = sum(Path(path).stat().st_size for path in paths) / count / 1e6
    settings = {"pictures": count, "height": height, "width": width, "quality": 90}
    return Result(settings, claims, rates(rounds, WHAT), checks)


def _per_second(answer: Answer) -> float:
    """From the median picture: one slow picture does not count for all."""
    return float(1 / median(answer["each"]))
