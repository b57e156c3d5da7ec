"""Whether the fast engine says the same: verdicts of OpenVINO bf16 against ONNX Runtime fp32."""

from __future__ import annotations

from collections import Counter
from typing import Any

from support.pictures import write_folder
from support.report import Claim, Context, Result, agreement

TITLE = "Verdicts of OpenVINO bf16 against fp32"


def run(context: Context) -> Result:
    if context.pictures is None:
        count, side = context.size(1000, 6), 256
        paths = write_folder(
            context.folder, count, side, side, seed=4, enlarged=0.5, fields=context.size(12, 1)
        )
    else:
        paths = [str(context.pictures)]
    rows: dict[str, list[dict[str, Any]]] = {}
    for engine in ("onnxruntime", "openvino"):
        arm = context.launcher.open("support.ours:scan_rows", onnx=str(context.model.onnx), engine=engine)
        found = arm(paths=paths)
        rows[engine] = [row for row in found if row["error"] is None]
        unreadable = len(found) - len(rows[engine])
    if not rows["onnxruntime"]:
        raise RuntimeError("no picture could be read, so there is nothing to compare")
    answers = {
        engine: {
            "logits": [row["logit"] for row in found],
            "verdicts": [row["verdict"] for row in found if row["verdict"]],
        }
        for engine, found in rows.items()
    }
    checks = agreement(answers, "onnxruntime")
    compared = checks["arms"]["openvino"]
    flips = compared.get("verdict_flips", compared["sign_flips"])
    pictures = compared["pictures"]
    claims = [Claim("same verdict", 99.9, (100 * (1 - flips / pictures),), unit="% of pictures")]
    for engine, answer in answers.items():
        checks[f"verdicts_by_{engine}"] = dict(Counter(answer["verdicts"]))
    checks["unreadable"] = unreadable
    what = "synthetic, half of them doubled" if context.pictures is None else "given with --pictures"
    notes = [] if answers["onnxruntime"]["verdicts"] else ["The card has no calibration: judged at logit 0."]
    return Result({"pictures": pictures, "what": what}, claims, {}, checks, notes)
