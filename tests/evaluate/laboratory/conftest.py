"""Fake makers: up-sampled noise in the layout of twins."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from upprint.evaluate.laboratory.config import LaboratoryConfig, VariantConfig
from upprint.train import OptimiserConfig

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
def make_config() -> Callable[..., LaboratoryConfig]:
    """A small laboratory; keywords replace its settings."""

    def make(**changes: object) -> LaboratoryConfig:
        settings: dict[str, object] = {
            "variants": {
                "npr": VariantConfig("NPR", seeds=(0, 1), rows=("nearest", "bilinear")),
                "azimuthal": VariantConfig("line", "azimuthal", "linear", regularisation=1.0),
            },
            "tests": {"as forged": ""},
            "main": "npr",
            "control": "azimuthal",
            "crop": 32,
            "window": 64,
            "steps": 24,
            "batch": 8,
            "test_share": 0.5,
            "precision": "32-true",
            "threads": None,
            "optimiser": OptimiserConfig(lr=1e-3, schedule="cosine"),
            "draws": 100,
        }
        return LaboratoryConfig(**{**settings, **changes})  # type: ignore[arg-type]

    return make
