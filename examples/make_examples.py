"""Makes the pictures of this folder: rendered scenes through a simulated camera, and generated twins.

    python examples/make_examples.py --encoder taef2_encoder.pth --decoder taef2_decoder.pth

A scene is rendered at twice the size, seen through lens blur, a Bayer mosaic with photon and read
noise, bilinear demosaicing, a tone curve and JPEG. Its twin went through the encoder and decoder of a
small latent autoencoder (`upprint forge`), with the same JPEG tables afterwards. No photograph and no
picture of anybody else's is in here.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Linear = NDArray[np.float64]
HERE = Path(__file__).parent
HEIGHT, WIDTH = 384, 512


def fractal(shape: tuple[int, int], rng: np.random.Generator, *, slope: float) -> Linear:
    """A random field with power spectrum 1/f^slope, scaled to 0..1."""
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None]
    radius = np.hypot(fy, fx)
    radius[0, 0] = 1
    phase = np.exp(2j * np.pi * rng.random(radius.shape))
    field = np.fft.irfft2(phase / radius ** (slope / 2), shape)
    scaled: Linear = (field - field.min()) / (field.max() - field.min())
    return scaled


def hills(y: Linear, _x: Linear, rng: np.random.Generator) -> Linear:
    """Ridges one behind the other under a hazy sky."""
    sky = np.stack([0.35 + 0.4 * y, 0.5 + 0.3 * y, 0.8 - 0.05 * y], -1)
    image = sky + 0.15 * (fractal(y.shape, rng, slope=3.2)[..., None] - 0.4)
    for layer in range(5):
        line = (
            0.35 + 0.12 * layer + 0.16 * (fractal((1, y.shape[1] * 4), rng, slope=2.4)[0, : y.shape[1]] - 0.5)
        )
        grass = fractal(y.shape, rng, slope=1.5)[..., None]
        colour = np.array([0.10, 0.16, 0.08]) * (0.4 + 1.6 * grass) + (0.28 - 0.06 * layer) * np.array(
            [0.6, 0.7, 0.9]
        )
        image = np.where((y > line[None])[..., None], colour, image)
    return image


def spheres(y: Linear, x: Linear, rng: np.random.Generator) -> Linear:
    """Shaded balls on a tiled floor."""
    depth = np.maximum(y - 0.35, 1e-3)
    tiles = (np.floor((x - 0.5) / depth * 1.5) + np.floor(0.6 / depth)) % 2
    floor = (
        (0.2 + 0.5 * tiles)[..., None]
        * np.array([0.9, 0.8, 0.7])
        * (0.6 + fractal(y.shape, rng, slope=1.2)[..., None])
    )
    wall = np.array([0.5, 0.55, 0.6]) * (0.5 + 0.6 * fractal(y.shape, rng, slope=2.0)[..., None])
    image = np.where((y > 0.35)[..., None], floor, wall)
    light = np.array([-0.5, -0.7, 0.5])
    for cx, cy, r, colour in (
        (0.3, 0.5, 0.16, (0.8, 0.25, 0.15)),
        (0.62, 0.58, 0.22, (0.2, 0.45, 0.7)),
        (0.85, 0.42, 0.1, (0.7, 0.65, 0.2)),
    ):
        dx, dy = (x - cx) * WIDTH / HEIGHT / r, (y - cy) / r
        z2 = 1 - dx**2 - dy**2
        z = np.sqrt(np.maximum(z2, 0))
        shade = np.maximum(0, dx * light[0] + dy * light[1] + z * light[2])
        gloss = shade**24
        grain = 0.8 + 0.4 * fractal(y.shape, rng, slope=1.8)
        ball = ((0.15 + 0.8 * shade) * grain)[..., None] * np.array(colour) + gloss[..., None]
        image = np.where((z2 > 0)[..., None], ball, image)
    return image


def bricks(y: Linear, x: Linear, rng: np.random.Generator) -> Linear:
    """A weathered wall in raking light."""
    row = np.floor(y * 12)
    column = x * 8 + 0.5 * (row % 2)
    fy, fx = y * 12 - row, column - np.floor(column)
    mortar = np.minimum(np.minimum(fy, 1 - fy) * 1.2, np.minimum(fx, 1 - fx) * 2) < 0.07
    tone = np.sin(row * 12.9898 + np.floor(column) * 78.233) * 0.5 + 0.5
    rough = fractal(y.shape, rng, slope=1.4)
    stain = fractal(y.shape, rng, slope=3.0)
    brick = np.array([0.55, 0.22, 0.14]) * (0.4 + 0.5 * tone + 0.8 * rough)[..., None]
    grey = np.array([0.45, 0.43, 0.4]) * (0.5 + 0.7 * rough)[..., None]
    return np.where(mortar[..., None], grey, brick) * (0.5 + 0.8 * stain * (1.2 - 0.6 * x))[..., None]


def camera(linear: Linear, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Lens, Bayer sensor with noise, bilinear demosaicing, tone curve; halves both sides."""
    shifted = [np.roll(linear, shift, axis) for shift in (-1, 0, 1) for axis in (0, 1)]
    lens = np.mean(shifted, axis=0)
    small = np.clip(lens.reshape(HEIGHT, 2, WIDTH, 2, 3).mean((1, 3)), 0, 1)
    masks = np.zeros((HEIGHT, WIDTH, 3))
    masks[0::2, 0::2, 0] = masks[0::2, 1::2, 1] = masks[1::2, 0::2, 1] = masks[1::2, 1::2, 2] = 1
    electrons = rng.poisson(small * 3000) / 3000 + rng.normal(0, 0.002, small.shape)
    raw = electrons * masks
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], float)
    spread, weight = (
        sum(np.roll(a, (i - 1, j - 1), (0, 1)) * kernel[i, j] for i in range(3) for j in range(3))
        for a in (raw, masks)
    )
    full = np.where(masks > 0, raw, spread / weight)
    pixels: NDArray[np.uint8] = np.rint(255 * np.clip(full, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    return pixels


def photograph(scene: Callable[[Linear, Linear, np.random.Generator], Linear], seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : 2 * HEIGHT, 0 : 2 * WIDTH]
    linear = scene(y / (2 * HEIGHT), x / (2 * WIDTH), rng)
    buffer = io.BytesIO()
    Image.fromarray(camera(linear, rng)).save(buffer, "JPEG", quality=90, subsampling=2)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoder", type=Path, required=True)
    parser.add_argument("--decoder", type=Path, required=True)
    arguments = parser.parse_args()

    from upprint.forge.align import history_of
    from upprint.forge.taesd import maker

    twin = maker(arguments.encoder, arguments.decoder)
    for seed, scene in enumerate((hills, spheres, bricks)):
        data = photograph(scene, seed)
        path = HERE / f"{scene.__name__}.jpg"
        path.write_bytes(data)
        history = history_of(data)
        with Image.open(path) as photo:
            made = Image.fromarray(twin.make([np.asarray(photo)])[0])
        made.save(
            HERE / f"{scene.__name__}_twin.jpg",
            "JPEG",
            qtables=[list(t) for t in history.tables or ()],
            subsampling=history.subsampling,
        )


if __name__ == "__main__":
    main()
