"""Which network is measured: the shipped one, a given one, or, where nothing is shipped, a random one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from support.pictures import pictures
from upprint.card import Calibration
from upprint.result import ConfigError
from upprint.runtime import store

SPREAD = 3.5
"""Standard deviation of the random network's logits, about that of a trained one."""


SYSTEM = "npr"
"""What the bars are about: the reference is the official NPR network."""


@dataclass(frozen=True)
class Model:
    """An exported graph with its card beside it, and the torch weights that it was made from."""

    onnx: Path
    safetensors: Path
    description: str

    def facts(self) -> dict[str, str]:
        """For the results: which network this was, without folders."""
        return {
            "file": self.onnx.name,
            "sha256": hashlib.sha256(self.onnx.read_bytes()).hexdigest(),
            "description": self.description,
        }


def resolve(path: Path | None, folder: Path) -> Model:
    """The model at `path` (.onnx with card and .safetensors beside it), the shipped one, or a random one.

    Raises:
        ConfigError: the torch weights, which the reference needs, are not beside the graph.
    """
    if path is None and SYSTEM not in store.shipped():
        return random_model(folder)
    onnx, card = store.find(SYSTEM if path is None else path)
    named = card.weights.safetensors if card.weights else ""
    weights = onnx.with_name(named) if named else onnx.with_suffix(".safetensors")
    if not weights.is_file():
        raise ConfigError(f"{weights}: not found; the torch reference needs the weights of {onnx.name}")
    return Model(onnx, weights, "shipped weights" if path is None else "weights given with --model")


def random_model(folder: Path) -> Model:
    """NPR with random weights, BatchNorm statistics of synthetic pictures, logits around 0."""
    import torch

    from upprint.checkpoints import save_safetensors
    from upprint.export import export
    from upprint.systems import create

    torch.manual_seed(0)
    detector = create("npr")
    halves = (pictures(8, 128, 128, seed=1, enlarged=enlarged) for enlarged in (False, True))
    sample = np.stack([picture for half in halves for picture in half])
    images = torch.from_numpy(sample.transpose(0, 3, 1, 2).copy())
    norms = [module for module in detector.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # the plain mean over what it sees
    head = detector.network.get_submodule("fc1")
    assert isinstance(head, torch.nn.Linear)
    with torch.no_grad():
        detector.train()(images)
        logits = detector.eval()(images)
        head.weight.mul_(SPREAD / logits.std())
        head.bias.sub_(detector(images).mean())
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    weights = folder / "npr.safetensors"
    save_safetensors(detector, weights, {"trained_on": "nothing: random weights for benchmarks"})
    scale = Calibration(
        1.0, 0.0, {"0.01": 0.5}, "0.01", -0.5, 0, "nothing: thresholds made up for benchmarks"
    )
    path = export(detector, folder, "npr", card=replace(detector.card, calibration=scale))
    return Model(path, weights, "random weights, BatchNorm statistics of synthetic pictures")
