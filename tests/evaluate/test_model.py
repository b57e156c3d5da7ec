from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from upprint.checkpoints import save_safetensors
from upprint.evaluate.model import open_model
from upprint.result import ConfigError, UnknownSystem, WeightsError
from upprint.systems import create


@pytest.mark.parametrize("options", [{}, {"block": 3, "anchor": "max"}])
def test_trained_weights_score_as_their_detector(options: dict[str, object], tmp_path: Path) -> None:
    torch.manual_seed(0)
    detector = create("npr", **options).eval()
    path = tmp_path / "npr.safetensors"
    digest = save_safetensors(detector, path, {})
    model = open_model(weights=path)
    batch = np.random.default_rng(0).integers(0, 256, (3, 36, 48, 3), np.uint8)
    with torch.inference_mode():
        expected = detector(torch.from_numpy(batch).permute(0, 3, 1, 2)).numpy()
    found = model.score(batch)
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)
    assert (model.weights, model.sha256, model.engine) == ("npr.safetensors", digest, "torch cpu")
    assert model.card.options == {"block": 2, "anchor": 1, **options}


def test_a_score_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    detector = create("npr")
    with torch.no_grad():
        detector.network.fc1.bias.fill_(float("nan"))  # type: ignore[union-attr]
    save_safetensors(detector, tmp_path / "npr.safetensors", {})
    with pytest.raises(WeightsError, match="not finite"):
        open_model("npr", tmp_path / "npr.safetensors").score(np.zeros((1, 32, 32, 3), np.uint8))


def test_weights_of_another_system_are_refused(tmp_path: Path) -> None:
    save_safetensors(create("npr"), tmp_path / "npr.safetensors", {})
    assert open_model("npr", tmp_path / "npr.safetensors").card.name == "npr"
    with pytest.raises(WeightsError, match="asked for 'nrp'"):
        open_model("nrp", tmp_path / "npr.safetensors")


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"named \.onnx \(exported\) or \.safetensors"):
        open_model("npr", tmp_path / "npr.pth")
    with pytest.raises(UnknownSystem, match="exists"):
        open_model("npr", tmp_path / "none.onnx")


def test_evaluation_of_a_graph_needs_no_torch() -> None:
    modules = (
        "upprint.evaluate.predict, upprint.evaluate.model, upprint.evaluate.tables, upprint.cli.evaluate"
    )
    heavy = "torch", "pyarrow", "sklearn", "matplotlib", "scipy"
    code = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
