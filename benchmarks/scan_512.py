"""Folder of 512x512 JPEGs, official protocol (resize to 256x256): pictures per second."""

from __future__ import annotations

from collections.abc import Callable

from support.arms import Answer, paired_rounds, together
from support.pictures import write_folder
from support.report import Claim, Context, Result, agreement, cpu_rate, faults, rates, ratios

TITLE = "Scan of 512×512 JPEGs, official protocol"
SHIPPED, TUNED = "official, as shipped", "official, tuned"
FP32, HALVES, BF16 = "upprint, fp32", "upprint, fp32, two processes", "upprint, OpenVINO bf16"
WHAT = {
    SHIPPED: "Pillow, eager torch fp32 NCHW, batches of 32, default allocator",
    TUNED: "the same with the allocator tuned",
    FP32: "predict() with protocol npr-resize256: simplejpeg, ONNX Runtime",
    HALVES: "two such processes with one engine thread each, half of the pictures each",
    BF16: "predict() with protocol npr-resize256: simplejpeg, OpenVINO",
}


def run(context: Context) -> Result:
    count, side = context.size(160, 6), context.size(512, 96)
    folder, warm = context.folder / "pictures", context.folder / "warm"
    fields = context.size(12, 1)
    paths = write_folder(folder, count, side, side, seed=1, enlarged=0.5, fields=fields)
    first = write_folder(warm, context.size(32, 2), side, side, seed=2, fields=fields)
    model, open_arm = context.model, context.launcher.open
    reference = {"safetensors": str(model.safetensors), "folder": str(folder), "warm": str(warm)}
    ours = {"onnx": str(model.onnx), "warm": first}
    official, predict = "support.official:resized_folder", "support.ours:predict_resized"
    halves = [
        open_arm(predict, **ours, paths=part, engine="onnxruntime", threads=1)
        for part in (paths[: count // 2], paths[count // 2 :])
    ]
    sides: dict[str, Callable[[], Answer]] = {
        SHIPPED: open_arm(official, **reference, tuned=False, quick=context.quick),
        TUNED: open_arm(official, **reference, tuned=True, quick=context.quick),
        FP32: open_arm(predict, **ours, paths=paths, engine="onnxruntime"),
        HALVES: together(halves),
        BF16: open_arm(predict, **ours, paths=paths, engine="openvino"),
    }
    rounds = paired_rounds(sides, context.size(5, 1))
    claims = [
        Claim("fp32 against official as shipped", 3.5, ratios(rounds[FP32], rounds[SHIPPED])),
        Claim("fp32 against official tuned", 1.7, ratios(rounds[FP32], rounds[TUNED])),
        Claim("OpenVINO bf16 against official tuned", 3.4, ratios(rounds[BF16], rounds[TUNED])),
    ]
    checks = agreement({name: answers[-1] for name, answers in rounds.items()}, TUNED)
    checks["pictures_per_cpu_second_ratio"] = {
        f"{ours} against {theirs}": ratios(rounds[ours], rounds[theirs], cpu_rate)
        for ours in (FP32, HALVES, BF16)
        for theirs in (SHIPPED, TUNED)
    }
    checks["page_faults_per_picture"] = faults(rounds)
    checks["loader_workers"] = {name: rounds[name][0]["loader_workers"] for name in (SHIPPED, TUNED)}
    settings = {"pictures": count, "side": side, "quality": 90, "protocol": "npr-resize256", "batch": 32}
    return Result(settings, claims, rates(rounds, WHAT), checks)
