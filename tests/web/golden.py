"""Numbers from the Python side that the page must reproduce; written to web/test/golden.json.

python tests/web/golden.py            rewrite it
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from upprint.card import Calibration, InputRule
from upprint.explain import colour
from upprint.explain.cam import tile_cam
from upprint.explain.maps import npr, pool_extreme, scale_limit
from upprint.images import decode_bytes
from upprint.perturb import resize
from upprint.preprocess import pool, repeat_to, tile_origins
from upprint.runtime.calibration import probability, verdict

GOLDEN = Path(__file__).parents[2] / "web" / "test" / "golden.json"

SIZES = [(1, 1), (5, 300), (256, 256), (257, 263), (263, 264), (300, 200), (512, 512), (513, 770)]
SIZES += [(1000, 700), (3024, 4032), (4032, 3024), (12000, 260), (768, 768), (769, 769)]
REPEATS = [(1, 1, 16, 8), (5, 40, 32, 8), (31, 17, 64, 8), (40, 40, 32, 8), (9, 50, 33, 1)]
CAMS = [(64, 64, 32, 8), (77, 130, 32, 8), (20, 90, 32, 4)]
NPRS: list[tuple[int, Any, int]] = [(2, 1, 0), (2, 4, 1), (3, 5, 2)]
NPRS += [(2, "mean", 0), (2, "max", 1), (4, "mean", 2)]
LOGITS = [-900.0, -0.2500001, -0.25, 0.0, 0.3, 0.9, 1.5999, 1.6, 2.5, 900.0]
RULES = [InputRule(), InputRule(tile=32, grid=8, budget=4), InputRule(tile=50, grid=7, budget=5)]
SCALE = Calibration(0.8, 0.3, {"0.05": 0.9, "0.01": 1.6, "0.001": 2.5}, "0.01", -0.25, 100, "made up")


def picture(height: int, width: int) -> NDArray[np.uint8]:
    """Whole numbers only, so that TypeScript makes the same: waves of several lengths, edges, grain."""
    y, x, c = np.mgrid[:height, :width, :3]
    grain = (x * 73 + y * 151 + c * 199 + (x * y) % 97 * 31) % 23
    wave = np.abs((x * 3 + y * 5 + c * 40) % 400 - 200)
    return ((wave + grain + ((x // 9 + y // 7) % 2) * 25) % 256).astype(np.uint8)


def sha(data: bytes | NDArray[Any]) -> str:
    raw = data if isinstance(data, bytes) else np.ascontiguousarray(data).tobytes()
    return hashlib.sha256(raw).hexdigest()


def golden() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    logits = [round(float(value), 6) for value in rng.normal(0, 3, 8)]
    return {
        "picture": {"size": [37, 53], "sha256": sha(picture(37, 53))},
        "tiles": [
            _tiles(rule, size, budget) for rule in RULES for size in SIZES for budget in _budgets(rule, size)
        ],
        "repeat": [_repeat(*case) for case in REPEATS],
        "pool": [
            {"logits": logits[:n], "pooling": how, "value": pool(logits[:n], InputRule(pooling=how))}
            for n in (1, 4, 7)
            for how in ("mean", "max", "median")
        ],
        "calibration": {"card": vars(SCALE), "rows": [_judged(logit) for logit in LOGITS]},
        "colours": colour.table("diverging").tolist(),
        "npr": [_npr(*case) for case in NPRS],
        "cam": [_cam(*case) for case in CAMS],
        "jpeg": [
            {"size": [h, w], "quality": quality, "sha256": sha(_jpeg(picture(h, w), quality))}
            for h, w in [(64, 64), (37, 53), (1, 1), (8, 17), (15, 16), (33, 31), (130, 97)]
            for quality in (85, 70, 40, 100)
        ],
        "resize": [_resize(h, w) for h, w in [(64, 64), (37, 53), (2, 2), (10, 6), (1, 9), (201, 300)]],
        "png": [{"name": name, "data": data.hex(), **_decoded(data)} for name, data in pngs().items()],
    }


def _budgets(rule: InputRule, size: tuple[int, int]) -> list[int | None]:
    return [rule.budget, 1, 6, *([None] if size[0] * size[1] < 10**6 else [])]


def _tiles(rule: InputRule, size: tuple[int, int], budget: int | None) -> dict[str, Any]:
    return {"rule": vars(rule), "size": size, "budget": budget, "origins": tile_origins(*size, rule, budget)}


def _repeat(height: int, width: int, side: int, grid: int) -> dict[str, Any]:
    digest = sha(repeat_to(picture(height, width), side, grid=grid))
    return {"size": [height, width], "side": side, "grid": grid, "sha256": digest}


def _judged(logit: float) -> list[Any]:
    return [logit, probability(logit, SCALE), *(str(verdict(logit, SCALE, fpr)) for fpr in SCALE.thresholds)]


def _resize(height: int, width: int) -> dict[str, Any]:
    made = resize(picture(height, width), 0.75)
    return {"size": [height, width], "sha256": sha(made), "to": list(made.shape[:2])}


def _npr(block: int, anchor: Any, channel: int) -> dict[str, Any]:
    values = npr(picture(37, 53), block, anchor)[..., channel].astype(np.float32)
    return {
        "block": block,
        "anchor": anchor,
        "channel": channel,
        "sha256": sha(values),
        "pooled": sha(pool_extreme(values, 4)),
        "limit": scale_limit(values),
    }


class _Runner:
    """A network whose map is every eighth pixel's red, halved, and whose bias is a quarter."""

    def run(self, batch: NDArray[np.uint8], /) -> tuple[NDArray[Any], NDArray[Any]]:
        cam = batch[:, ::8, ::8, 0].astype(np.float32) / 2
        return cam.mean(axis=(1, 2)) + np.float32(0.25), cam


def _cam(height: int, width: int, tile: int, grid: int) -> dict[str, Any]:
    found = tile_cam(_Runner(), picture(height, width), InputRule(tile=tile, grid=grid))
    shape = list(found.cells.shape)
    return {
        "size": [height, width], "tile": tile, "grid": grid, "unit": found.stride, "shape": shape,
        "sha256": sha(found.cells),
    }  # fmt: skip


def _jpeg(pixels: NDArray[np.uint8], quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _decoded(data: bytes) -> dict[str, Any]:
    found = decode_bytes(data)
    return {"pixels": sha(found.pixels), "size": [found.height, found.width], "notes": list(found.notes)}


def png(ihdr: tuple[int, ...], rows: list[bytes], *extra: tuple[bytes, bytes], tail: bytes = b"") -> bytes:
    """A PNG from its header fields, its filtered rows, and chunks that stand before the data."""
    width, height, depth, kind, interlace = ihdr
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth, kind, 0, 0, interlace])
    body = [(b"IHDR", head), *extra, (b"IDAT", zlib.compress(b"".join(rows)) + tail), (b"IEND", b"")]
    chunks = (
        len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
        for name, data in body
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def pngs() -> dict[str, bytes]:
    """Every colour type and depth, transparency of each kind, all filters, interlacing, EXIF."""
    rng = np.random.default_rng(1)
    made: dict[str, bytes] = {}
    palette = rng.bytes(16 * 3)
    for kind, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
            filters = [0 if kind == 3 else y % 5 for y in range(9)]
            rows = [bytes([n]) + _row(rng, -(-11 * bits // 8), kind, depth) for n in filters]
            extra = [(b"PLTE", palette)] if kind == 3 else []
            made[f"type {kind}, {depth} bits"] = png((11, 9, depth, kind, 0), rows, *extra)
            key = {0: b"\0\1", 2: bytes(6), 3: bytes([0, 128, 255])}.get(kind)
            if key:
                extra.append((b"tRNS", key))
                made[f"type {kind}, {depth} bits, keyed"] = png((11, 9, depth, kind, 0), rows, *extra)
    for mode in ("RGB", "L", "RGBA", "P", "1", "I;16"):
        made[f"interlaced {mode}"] = _adam7(rng, mode)
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[0x0112] = orientation
        buffer = io.BytesIO()
        Image.fromarray(picture(5, 7)).save(buffer, "PNG", exif=exif)
        made[f"orientation {orientation}"] = buffer.getvalue()
    many = [b"\0" + rng.bytes(20) for _ in range(7)]
    made["palette missing"] = png((20, 7, 8, 3, 0), many)
    made["palette too short"] = png((20, 7, 8, 3, 0), many, (b"PLTE", palette))
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a cat, Steps: 20")
    buffer = io.BytesIO()
    Image.fromarray(picture(40, 30)).save(buffer, "PNG", pnginfo=text)
    black = [bytes([0, 0b10100000])]
    made["type 0, 1 bits, black keyed"] = png((3, 1, 1, 0, 0), black, (b"tRNS", b"\0\0"))
    made["with text"] = buffer.getvalue()
    made["junk after the data"] = png((3, 1, 8, 0, 0), [bytes([0, 1, 2, 3])], tail=b"junk")
    return made


def _row(rng: np.random.Generator, length: int, kind: int, depth: int) -> bytes:
    """Random samples; of a palette of 16 colours only those."""
    if kind == 3 and depth == 8:
        return bytes(rng.integers(0, 16, length, dtype=np.uint8))
    return rng.bytes(length)


_PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
_MODES = {"RGB": (8, 2), "L": (8, 0), "RGBA": (8, 6), "P": (4, 3), "1": (1, 0), "I;16": (16, 0)}


def _adam7(rng: np.random.Generator, mode: str) -> bytes:
    depth, kind = _MODES[mode]
    bits, width, height = depth * {0: 1, 2: 3, 3: 1, 6: 4}[kind], 13, 11
    rows = []
    for x, y, dx, dy in _PASSES:
        columns, lines = -(-(width - x) // dx), -(-(height - y) // dy)
        if columns > 0:
            rows += [bytes([line % 5]) + rng.bytes(-(-columns * bits // 8)) for line in range(lines)]
    extra = [(b"PLTE", rng.bytes(48))] if kind == 3 else []
    return png((width, height, depth, kind, 1), rows, *extra)


def text() -> str:
    """One line per subject, so that a change shows where it is."""
    lines = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in golden().items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(text(), encoding="utf-8")
    sys.stdout.write(f"{GOLDEN}\n")
