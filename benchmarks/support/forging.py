"""The two arms of `forge`: the same network on the same pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from support.clock import Stopwatch
from support.pictures import pictures
from upprint.allocator import keep_pages
from upprint.forge.autoencoder import rebuild
from upprint.forge.makers import SHIPPED, build_network, find_recipe, open_maker
from upprint.forge.taesd import TinyAutoencoder
from upprint.forge.taesd import maker as taesd

LATENT = 16


def plain(network: str, side: int, batch: int) -> Callable[..., dict[str, Any]]:
    """Eager torch, one picture at a time."""
    if network == "taesd":
        torch.manual_seed(0)
        twin: Callable[[torch.Tensor], torch.Tensor] = TinyAutoencoder(LATENT, bypass=False).eval()
    else:
        from upprint.checkpoints import load_tensors

        model = build_network(find_recipe(network)).eval()
        half = load_tensors(SHIPPED / f"{network}.safetensors")[0]
        model.load_state_dict({key: t.float() if t.is_floating_point() else t for key, t in half.items()})

        def twin(images: torch.Tensor) -> torch.Tensor:
            return rebuild(model, images)

    found = list(pictures(batch, side, side, seed=0))

    def once() -> None:
        with torch.inference_mode():
            for photo in found:
                images = torch.from_numpy(photo.transpose(2, 0, 1).copy())[None].float() / 255
                (twin(images)[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()

    return _counting(once, batch)


def ours(network: str, side: int, batch: int) -> Callable[..., dict[str, Any]]:
    """A maker's `make` as `upprint forge` calls it."""
    keep_pages()
    if network == "taesd":
        torch.manual_seed(0)
        model = TinyAutoencoder(LATENT, bypass=False)
        with TemporaryDirectory() as folder:
            halves = [Path(folder) / name for name in ("encoder.pth", "decoder.pth")]
            for half, path in zip((model.encoder, model.decoder), halves, strict=True):
                torch.save(half.state_dict(), path)
            made = taesd(*halves)
    else:
        made = open_maker(network)
    found = list(pictures(batch, side, side, seed=0))
    return _counting(lambda: made.make(found), batch)


def _counting(once: Callable[[], object], batch: int) -> Callable[..., dict[str, Any]]:
    def run(runs: int) -> dict[str, Any]:
        watch = Stopwatch()
        for _ in range(runs):
            once()
        return {"pictures": runs * batch, **watch.read()}

    return run
