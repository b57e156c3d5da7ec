"""What f makes of training crops, kept on disk, so that D can be trained without computing f again.

One compressed file per crop, in half precision. Its name is the hash of all that made it: f's weights and
options, the crop rule, the picture's bytes, the draw. Another f therefore never meets the maps of this one.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import Dataset

from upprint.data.loader import CropRule, Draw, central_crop, random_crop
from upprint.data.sample import Sample
from upprint.images import decode_bytes
from upprint.result import ConfigError, DataError


@dataclass(frozen=True)
class CacheRule:
    """Where maps are kept, and how many there are.

    Args:
        folder: made where it is missing; may be shared by several runs.
        variants: crops per training picture, each with draws of its own.
        device: where f runs, e.g. "cuda", which needs `workers = 0`; not part of a map's identity.
    """

    folder: str
    variants: int = 4
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.variants < 1:
            raise ConfigError(f"cached representations: {self.variants} variants, expected at least 1")


def identity(representation: nn.Module, options: Mapping[str, Any]) -> str:
    """SHA-256 over the names, shapes and values of f's weights, and the options it was built with."""
    digest = hashlib.sha256(json.dumps(dict(options), sort_keys=True).encode())
    for name, tensor in representation.state_dict().items():
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {tuple(values.shape)} {values.dtype}".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


class Representations(Dataset[tuple[Tensor, float]]):
    """Indexed by (sample index, seed); gives f's map, float32 (C, h, w), and the label.

    A map is computed when it is first asked for. A photo and its twin have the same draws.

    Args:
        representation: f, frozen; it is set to evaluation mode.
        options: the builder's options, part of f's identity.
        samples: what to read.
        crops: how a picture becomes the crop that f sees.
        rule: where maps are kept.
        training: random crops, `rule.variants` of each picture; otherwise the central one.

    Raises:
        ConfigError: f has weights that would be trained, or the folder cannot be made.
    """

    def __init__(
        self,
        representation: nn.Module,
        options: Mapping[str, Any],
        samples: Sequence[Sample],
        crops: CropRule,
        rule: CacheRule,
        *,
        training: bool,
    ) -> None:
        if any(p.requires_grad for p in representation.parameters()):
            raise ConfigError(
                "cached representations: f is to be trained, so that its maps would change; leave out "
                "`representations`, or freeze f"
            )
        self.identity = identity(representation, options)
        self.representation = representation.eval().to(rule.device)
        self.samples, self.crops, self.rule, self.training = samples, crops, rule, training
        self.folder = Path(rule.folder)
        self._pictures: dict[str, str] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self.folder}: no folder for representations ({error.strerror})") from error

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, draw: Draw) -> tuple[Tensor, float]:
        index, seed = draw
        sample = self.samples[index]
        variant = seed % self.rule.variants if self.training else 0
        values = self._map(sample, variant)
        return torch.from_numpy(values.astype(np.float32)), float(sample.label)

    def _map(self, sample: Sample, variant: int) -> NDArray[np.float16]:
        seed = zlib.crc32(f"{sample.subset}\0{sample.source}\0{variant}".encode(errors="surrogatepass"))
        data = b""
        if sample.path not in self._pictures:
            data = _bytes(sample.path)
            self._pictures[sample.path] = hashlib.sha256(data).hexdigest()
        made_of = {
            "f": self.identity,
            "crops": asdict(self.crops),
            "training": self.training,
            "seed": seed,
            "picture": self._pictures[sample.path],
        }
        text = json.dumps(made_of, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()
        path = self.folder / name[:2] / f"{name}.npz"
        if path.exists():
            return _load(path, text)
        pixels = decode_bytes(data or _bytes(sample.path), path=sample.path).pixels
        crop = (random_crop if self.training else central_crop)(pixels, self.crops, seed)
        with torch.no_grad():
            pixels_first = torch.from_numpy(crop.transpose(2, 0, 1).copy())[None].to(self.rule.device)
            found = self.representation(pixels_first)
        if not isinstance(found, Tensor):
            raise ConfigError("cached representations: f gives several maps; train its branches one by one")
        values: NDArray[np.float16] = found[0].half().cpu().numpy()
        _save(path, values, text)
        return values


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(
            f"{path!r}: cannot be read ({error.strerror}); expected a training picture"
        ) from error


def _save(path: Path, values: NDArray[np.float16], made_of: str) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, map=values, made_of=np.array(made_of))
    partial = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(exist_ok=True)
        partial.write_bytes(buffer.getvalue())
        partial.replace(path)
    except OSError as error:
        raise DataError(f"{path}: the representation cannot be kept ({error.strerror})") from error


def _load(path: Path, made_of: str) -> NDArray[np.float16]:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as stored:
            found, values = str(stored["made_of"]), stored["map"]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: a damaged representation ({error}); delete the file") from error
    if found != made_of:
        raise DataError(
            f"{path}: holds the representation of {found}, expected {made_of}; delete the file, or name "
            "another folder"
        )
    return np.asarray(values, np.float16)
