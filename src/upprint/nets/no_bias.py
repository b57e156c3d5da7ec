"""A head without a bias, for networks whose map averages to the logit as it is."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NoBias(nn.Module):
    """Stands where `upprint.onnx_graph` reads a head's bias; it is no parameter and in no checkpoint."""

    bias: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("bias", torch.zeros(1), persistent=False)
