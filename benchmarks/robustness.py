"""Twenty perturbations of every picture against scoring the picture as it is: cost per cell."""

from __future__ import annotations

from support.arms import paired_rounds
from support.pictures import write_folder
from support.report import Claim, Context, Result, cpu_rate, rates, ratios

TITLE = "Robustness: one system, twenty perturbations"
CLEAN, CELLS = "evaluate, as it is", "robustness, 20 perturbations"
PERTURBATIONS = (
    *(f"jpeg({quality})" for quality in (98, 95, 90, 85, 75, 60, 45, 30)),
    *(f"webp({quality})" for quality in (95, 80, 60)),
    "resize(0.75)|crop(192)",
    "blur(0.5)",
    "blur(2)",
    "noise(2)",
    "noise(8)",
    "gamma(0.8)",
    "median(3)",
    "screenshot(0.75)",
    "combination(restated,variance)",
)
"""All leave one tile of a 256 x 256 picture: a cell is one run of the network, as the clean one is."""
WHAT = {
    CLEAN: "upprint evaluate: decode and score every picture, two decoding threads; a cell is a picture",
    CELLS: "upprint robustness: a cell is a picture under one of 20 perturbations, or as it is",
}


def run(context: Context) -> Result:
    count, repeats = context.size(8, 2), context.size(8, 1)
    fields = context.size(12, 1)
    paths = write_folder(context.folder / "p", count, 256, 256, seed=1, enlarged=0.5, fields=fields)
    warm = write_folder(context.folder / "w", context.size(4, 1), 256, 256, seed=2, fields=fields)
    texts = list(PERTURBATIONS[: context.size(len(PERTURBATIONS), 2)])
    onnx, open_arm = str(context.model.onnx), context.launcher.open
    sides = {
        CLEAN: open_arm("support.cells:evaluated", onnx=onnx, paths=paths * repeats, warm=warm),
        CELLS: open_arm("support.cells:perturbed", onnx=onnx, paths=paths, warm=warm, texts=texts),
    }
    rounds = paired_rounds(sides, context.size(3, 1))
    time = tuple(1 / value for value in ratios(rounds[CELLS], rounds[CLEAN]))
    work = tuple(1 / value for value in ratios(rounds[CELLS], rounds[CLEAN], cpu_rate))
    claims = [
        Claim("time of a perturbed cell against a clean one", 1.5, time, sense="at most"),
        Claim("processor time of a perturbed cell against a clean one", 1.5, work, sense="at most"),
    ]
    last = {name: answers[-1] for name, answers in rounds.items()}
    clean = dict(zip(last[CLEAN]["paths"], last[CLEAN]["logits"], strict=True))
    checks = {
        "cells": {name: answer["pictures"] for name, answer in last.items()},
        "largest_difference_of_clean_logits": {
            name: max(
                abs(logit - clean[path])
                for path, logit in zip(answer["paths"], answer["logits"], strict=True)
            )
            for name, answer in last.items()
            if name != CLEAN
        },
    }
    settings = {"pictures": count, "side": 256, "perturbations": ", ".join(texts), "network_runs_per_cell": 1}
    note = (
        "The rates count cells. A cell that makes several tiles (an enlargement) costs as many runs of the "
        "network; the bar is for cells of one tile."
    )
    return Result(settings, claims, rates(rounds, WHAT), checks, [note])
