"""Reading tensors from a file, without ever unpickling an object."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from upprint.result import WeightsError, require


def read_tensors(path: Path) -> Any:
    """Read `.safetensors`, or a torch file restricted to tensors and plain containers.

    Raises:
        WeightsError: missing, of another kind, damaged, or holding anything but tensors.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; expected a .safetensors or .pth file of tensors")
    if path.suffix == ".safetensors":
        safetensors = require("safetensors", extra="train", purpose="reading .safetensors weights")
        torch_reader = require("safetensors.torch", extra="train", purpose="reading .safetensors weights")
        try:
            return torch_reader.load_file(path)
        except safetensors.SafetensorError as error:
            raise WeightsError(f"{path}: not a safetensors file ({error})") from error
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = (str(error) or repr(error)).splitlines()[0]
        raise WeightsError(
            f"{path}: not a torch file of plain tensors ({reason}); "
            "objects are never unpickled: save the state_dict alone"
        ) from error


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """As `read_tensors`, for a flat name -> tensor mapping; half precision becomes single."""
    state = read_tensors(path)
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise WeightsError(
            f"{path}: expected a flat mapping of names to tensors, found {type(state).__name__}"
        )
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}
