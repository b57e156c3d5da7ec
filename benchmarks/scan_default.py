"""The same folder with the default system: no slower per picture than the official NPR network."""

from __future__ import annotations

from support.arms import paired_rounds
from support.pictures import write_folders
from support.report import Claim, Context, Result, rates, ratios
from upprint.runtime import store

TITLE = "Scan of 512×512 JPEGs with the default system, native tiles"
TUNED = "NPR, Pillow + torch, tuned"
DEFAULT, NPR = "upprint.scan, default system", "upprint.scan, NPR"
WHAT = {
    TUNED: "Pillow, the same tiles, the official NPR network in eager torch fp32 NCHW, allocator tuned",
    DEFAULT: "upprint.scan(folder): one process per core",
    NPR: "upprint.scan(folder, system='npr'): one process per core",
}


def run(context: Context) -> Result:
    count, side = context.size(48, 4), context.size(512, 160)
    places = write_folders(context, count, context.size(8, 2), side)
    graph, card = store.find(store.DEFAULT_SYSTEM)
    model, open_arm = context.model, context.launcher.open
    scan = "support.ours:scan_folder"
    sides = {
        TUNED: open_arm(
            "support.official:tiled_folder",
            safetensors=str(model.safetensors),
            card=str(graph.with_suffix(".json")),
            tuned=True,
            quick=context.quick,
            **places,
        ),
        DEFAULT: open_arm(scan, onnx=str(graph), engine="onnxruntime", workers=None, **places),
        NPR: open_arm(scan, onnx=str(model.onnx), engine="onnxruntime", workers=None, **places),
    }
    rounds = paired_rounds(sides, context.size(5, 1))
    claims = [Claim("default system against NPR in tuned torch", 1.0, ratios(rounds[DEFAULT], rounds[TUNED]))]
    checks = {"default_against_npr": ratios(rounds[DEFAULT], rounds[NPR]), "system": card.name}
    settings = {"pictures": count, "side": side, "quality": 90, "tiles": "the card's budget"}
    return Result(settings, claims, rates(rounds, WHAT), checks, [])
