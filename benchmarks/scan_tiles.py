"""The same folder as `upprint.scan` does it by default, on native tiles: pictures per second."""

from __future__ import annotations

from support.arms import paired_rounds
from support.pictures import write_folders
from support.report import Claim, Context, Result, agreement, cpu_rate, rates, ratios

TITLE = "Scan of 512×512 JPEGs, native tiles"
TUNED = "Pillow + torch, tuned"
DEFAULT, ONE, BF16 = "upprint.scan", "upprint.scan, workers=1", "upprint.scan, OpenVINO bf16, workers=1"
WHAT = {
    TUNED: "Pillow, the same tiles, eager torch fp32 NCHW, 32 tiles a batch, allocator tuned",
    DEFAULT: "upprint.scan(folder): simplejpeg, ONNX Runtime, one process per core",
    ONE: "the same in one process",
    BF16: "upprint.scan(folder, engine='openvino', workers=1)",
}


def run(context: Context) -> Result:
    count, side = context.size(48, 4), context.size(512, 160)
    places = write_folders(context, count, context.size(8, 2), side)
    model, open_arm = context.model, context.launcher.open
    scan, graph = "support.ours:scan_folder", str(model.onnx)
    sides = {
        TUNED: open_arm(
            "support.official:tiled_folder",
            safetensors=str(model.safetensors),
            card=str(model.onnx.with_suffix(".json")),
            tuned=True,
            quick=context.quick,
            **places,
        ),
        DEFAULT: open_arm(scan, onnx=graph, engine="onnxruntime", workers=None, **places),
        ONE: open_arm(scan, onnx=graph, engine="onnxruntime", workers=1, **places),
        BF16: open_arm(scan, onnx=graph, engine="openvino", workers=1, **places),
    }
    rounds = paired_rounds(sides, context.size(5, 1))
    claims = [
        Claim("fp32, default settings, against tuned torch", 1.7, ratios(rounds[DEFAULT], rounds[TUNED])),
        Claim("OpenVINO bf16 against tuned torch", 3.4, ratios(rounds[BF16], rounds[TUNED])),
    ]
    checks = agreement({name: answers[-1] for name, answers in rounds.items()}, ONE)
    checks["tiles_per_picture"] = rounds[ONE][-1]["tiles"] / count
    checks["pictures_per_cpu_second_ratio"] = {
        name: ratios(rounds[name], rounds[TUNED], cpu_rate) for name in (DEFAULT, ONE, BF16)
    }
    checks["loader_workers"] = rounds[TUNED][0]["loader_workers"]
    settings = {"pictures": count, "side": side, "quality": 90, "tiles": "the card's budget"}
    notes = ["Bars are those of the official protocol; none is set for this arrangement."]
    return Result(settings, claims, rates(rounds, WHAT), checks, notes)
