"""Fake makers: up-sampled noise in the layout of twins; and a re-synthesiser with random weights."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from upprint.nets.rdn import RDN
from upprint.resynthesis.parts import save_part
from upprint.resynthesis.resynthesiser import ResynthesiserConfig
from upprint.train import DataConfig

SIDE = 64


def nearest(rng: np.random.Generator, _photo: np.ndarray) -> np.ndarray:
    return rng.integers(0, 256, (SIDE // 2, SIDE // 2, 3), np.uint8).repeat(2, 0).repeat(2, 1)


def bilinear(rng: np.random.Generator, _photo: np.ndarray) -> np.ndarray:
    small = Image.fromarray(rng.integers(0, 256, (SIDE // 2, SIDE // 2, 3), np.uint8))
    return np.asarray(small.resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def null(rng: np.random.Generator, _photo: np.ndarray) -> np.ndarray:
    """Drawn as the photos are: there is nothing to find."""
    return rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)


def identity(_rng: np.random.Generator, photo: np.ndarray) -> np.ndarray:
    return photo


MAKERS = {"nearest": nearest, "bilinear": bilinear, "null": null, "identity": identity}


@pytest.fixture(scope="session")
def make_twins() -> Callable[..., Path]:
    """make_twins(root, makers, sources): write them; returns root."""

    def make(root: Path, makers: tuple[str, ...], sources: int) -> Path:
        rows = []
        for source in range(sources):
            photo = np.random.default_rng(source).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            for index, maker in enumerate(makers):
                twin = MAKERS[maker](np.random.default_rng((source, index)), photo)
                for label, top, pixels in ((0, "photos", photo), (1, "twins", twin)):
                    path = root / top / maker / f"{source}.png"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    Image.fromarray(pixels).save(path, compress_level=1)
                    rows.append([path.relative_to(root), label, maker, maker if label else "real", source])
        with (root / "manifest.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["path", "label", "subset", "generator", "source"])
            writer.writerows(rows)
        return root

    return make


@pytest.fixture(scope="session")
def phi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A re-synthesiser as `upprint train` writes it, with random weights."""
    torch.manual_seed(0)
    size = (4, 4, 1, 1)
    config = ResynthesiserConfig(
        out="", steps=1, batch=1, data=DataConfig("photos", "photos"), rdn=size, perceptual="none",
        trained_on="noise", licence="none",
    )  # fmt: skip
    path = tmp_path_factory.mktemp("phi") / "rdn.safetensors"
    save_part(RDN(*size), path, kind="rdn", config=config, samples=[])
    return path
