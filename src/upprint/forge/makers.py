"""What can forge: names to makers, and the weights of the shipped ones."""

from __future__ import annotations

import difflib
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from importlib.resources import files
from pathlib import Path

import torch
from torch import nn

from upprint.checkpoints import check_state, load_tensors, save_tensors
from upprint.forge import bilinear, graft, nearest, pixel_shuffle, superres, transposed, unpool, vq
from upprint.forge.autoencoder import WIDTHS, Recipe, Unit, UpsamplingAutoencoder, rebuild
from upprint.forge.batched import batched
from upprint.forge.run import Maker
from upprint.record import build
from upprint.result import ConfigError, WeightsError

UNITS: dict[str, Unit] = {
    "nearest": nearest.Nearest,
    "bilinear": bilinear.Bilinear,
    "transposed4": transposed.Transposed4,
    "transposed3": transposed.Transposed3,
    "pixelshuffle": pixel_shuffle.PixelShuffle,
    "unpool": unpool.Unpool,
}
REMEMBERS = ("unpool",)
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for module in (nearest, bilinear, transposed, pixel_shuffle, unpool, superres, vq)
    for recipe in module.RECIPES
}
SHIPPED = Path(str(files("upprint") / "weights" / "makers"))
"""One `<name>.safetensors` for each shipped recipe, half precision, the recipe in its metadata."""


def build_network(recipe: Recipe) -> UpsamplingAutoencoder:
    """The recipe's network with fresh weights from its seed.

    Raises:
        ConfigError: no such unit.
    """
    if recipe.unit not in UNITS:
        raise ConfigError(f"no up-sampling unit {recipe.unit!r}; known: {', '.join(UNITS)}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        code: nn.Module | None = vq.CodeBook(WIDTHS[recipe.stages], recipe.codes) if recipe.codes else None
        return UpsamplingAutoencoder(recipe, UNITS[recipe.unit], code, remembers=recipe.unit in REMEMBERS)


def find_recipe(name: str) -> Recipe:
    """The recipe of this name.

    Raises:
        ConfigError: no such name; the message lists near ones.
    """
    if name not in RECIPES:
        raise ConfigError(f"no recipe {name!r}; {_near(name, sorted(RECIPES))}")
    return RECIPES[name]


def _near(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    return (f"did you mean {', '.join(near)}? " if near else "") + f"known: {', '.join(known)}"


def save_maker(model: UpsamplingAutoencoder, path: Path, metadata: dict[str, str]) -> str:
    """Write a maker's weights in half precision; returns the file's SHA-256."""
    state = {key: t.half() if t.is_floating_point() else t for key, t in model.state_dict().items()}
    recipe = json.dumps(asdict(model.recipe), sort_keys=True)
    return save_tensors(state, path, {**metadata, "recipe": recipe})


def load_maker(path: Path) -> Maker:
    """A maker from its weights; the file says which network it is.

    Raises:
        WeightsError: unreadable, not a maker's file, or tensors that do not fit its recipe.
    """
    half, metadata, digest = load_tensors(path)
    state = {key: t.float() if t.is_floating_point() else t for key, t in half.items()}
    if "recipe" not in metadata:
        raise WeightsError(f"{path}: not a maker's weights (no recipe in its metadata); see train-maker")
    try:
        raw = json.loads(metadata["recipe"])
    except json.JSONDecodeError as error:
        raise WeightsError(f"{path}: its recipe is not JSON ({error}); train the maker again") from error
    recipe = build(Recipe, raw, f"{path}: recipe", WeightsError)
    model = build_network(recipe)
    check_state(model.state_dict(), state, str(path))
    model.load_state_dict(state)
    model.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    parameters = {"recipe": metadata["recipe"], "weights": digest}
    return Maker(recipe.name, recipe.stride, parameters, batched(partial(rebuild, model)))


def open_maker(name: str) -> Maker:
    """A shipped maker or a spectral graft by name, or the maker whose weights `name` is the path of.

    Raises:
        ConfigError: no such name, or one whose weights are not shipped (the message says how to train it).
        WeightsError: a file that holds no maker.
    """
    if name.endswith(".safetensors"):
        return load_maker(Path(name))
    if name in graft.GRAFTS:
        return graft.maker(name)
    if name not in RECIPES:
        known = _near(name, [*sorted(RECIPES), *graft.GRAFTS])
        raise ConfigError(f"no maker {name!r}; {known}; or the path of a maker's .safetensors")
    recipe = RECIPES[name]
    path = SHIPPED / f"{recipe.name}.safetensors"
    if not path.is_file():
        raise ConfigError(
            f"maker {name!r} has no shipped weights; train it: upprint train-maker {name} --photos DIR "
            "--out DIR"
        )
    return load_maker(path)


def list_shipped() -> list[str]:
    """Names of the makers whose weights are shipped, sorted."""
    return sorted(path.stem for path in SHIPPED.glob("*.safetensors"))
