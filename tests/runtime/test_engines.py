from __future__ import annotations

import numpy as np
import pytest

from upprint.runtime.session import Session
from upprint.runtime.store import find


def test_a_card_that_rules_bf16_out_is_computed_in_float32() -> None:
    pytest.importorskip("openvino")
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(0, 2, (256, 256, 3)), 0) + 128
    tile = np.clip(smooth, 0, 255).astype(np.uint8)[None]
    graph, card = find("upprint")
    assert not card.narrow
    exact, other = (Session(graph, card, threads=1, engine=name) for name in ("onnxruntime", "openvino"))
    for found, expected in zip(other.run(tile), exact.run(tile), strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)
