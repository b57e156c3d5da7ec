"""upprint forge: aligned generated twins of a folder of photos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upprint.cli._app import app, console, stderr

if TYPE_CHECKING:
    from upprint.forge.run import ForgeConfig, Maker


@app.command()
def forge(
    photos: Annotated[Path, typer.Argument(help="Folder of camera-made pictures.")],
    out: Annotated[Path, typer.Option(help="Folder to write; an unfinished run in it goes on.")],
    maker: Annotated[
        list[str] | None,
        typer.Option(
            help="Shipped maker, spectral graft, or a maker's .safetensors; `all`: every shipped one."
        ),
    ] = None,
    encoder: Annotated[Path | None, typer.Option(help="TAESD-family encoder, .safetensors or .pth.")] = None,
    decoder: Annotated[Path | None, typer.Option(help="TAESD-family decoder, .safetensors or .pth.")] = None,
    diffusers: Annotated[
        Path | None, typer.Option(help="Folder of a diffusers autoencoder (needs diffusers).")
    ] = None,
    onnx: Annotated[
        Path | None,
        typer.Option(help="Network from picture to picture, (N, 3, H, W) float32 in [0, 1], as ONNX."),
    ] = None,
    stride: Annotated[int, typer.Option(help="Of the ONNX file: sides must be multiples of it.")] = 16,
    name: Annotated[str | None, typer.Option(help="Name of the decoder's maker.")] = None,
    longest: Annotated[int, typer.Option(help="Crop photos to at most this side; 0 keeps them whole.")] = 512,
    smallest: Annotated[int, typer.Option(help="Refuse photos with a shorter side.")] = 128,
    reduced: Annotated[float, typer.Option(help="Share of photos that are reduced before pairing.")] = 0.0,
    nulls: Annotated[float, typer.Option(help="Share of photos that pass a null operation.")] = 0.0,
    matched: Annotated[
        float, typer.Option(help="Share of twins that get their photo's radial spectrum.")
    ] = 0.0,
    validation: Annotated[float, typer.Option(help="Share of sources marked validation.")] = 0.2,
    hold_out: Annotated[
        list[str] | None, typer.Option(help="Sources marked test, such as 'flickr/*'; may be repeated.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of crops, reductions and null operations.")] = 0,
) -> None:
    """Make an aligned generated twin of every photo: same size, same JPEG history, other pixels."""
    from upprint.result import ConfigError, require

    require("torch", extra="train", purpose="forging")
    from upprint.forge.makers import list_shipped
    from upprint.forge.prepare import Preparation
    from upprint.forge.run import ForgeConfig

    config = ForgeConfig(
        longest=longest or None,
        smallest=smallest,
        preparation=Preparation(reduced=reduced, nulls=nulls, matched=matched, seed=seed),
        validation=validation,
        hold_out=tuple(hold_out or ()),
    )
    makers = _makers(maker or [])
    makers += _own_decoders(encoder, decoder, diffusers, onnx, stride, name)
    if not makers:
        known = ", ".join(list_shipped()) or "none shipped"
        raise ConfigError(
            f"no maker named; give --maker NAME ({known}), --encoder and --decoder, --diffusers or --onnx"
        )
    for chosen in makers:
        _run(photos, out, chosen, config)


def _run(photos: Path, out: Path, maker: Maker, config: ForgeConfig) -> None:
    from rich.progress import Progress

    from upprint.forge.run import forge as run

    with Progress(console=stderr) as bar:
        task = bar.add_task(maker.name)
        result = run(
            photos,
            out,
            maker,
            config,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for line in result.refused:
        stderr.print(f"left out: {line}", markup=False)
    console.print(
        f"{maker.name}: {result.made} pairs made, {result.kept} found, "
        f"{len(result.refused)} photos left out: {result.manifest}"
    )


def _makers(names: list[str]) -> list[Maker]:
    from upprint.forge.makers import list_shipped, open_maker

    expanded = [one for given in names for one in (list_shipped() if given == "all" else [given])]
    return [open_maker(one) for one in dict.fromkeys(expanded)]


def _own_decoders(
    encoder: Path | None,
    decoder: Path | None,
    diffusers: Path | None,
    onnx: Path | None,
    stride: int,
    name: str | None,
) -> list[Maker]:
    """The makers in the user's own files; one name is for one maker."""
    from upprint.result import ConfigError

    if (encoder is None) != (decoder is None):
        raise ConfigError("a TAESD-family maker needs both --encoder and --decoder")
    given = [option for option in (encoder, diffusers, onnx) if option is not None]
    if name is not None and len(given) > 1:
        raise ConfigError("--name names one maker; forge --encoder, --diffusers and --onnx one by one")
    makers = []
    if encoder is not None and decoder is not None:
        from upprint.forge.taesd import maker as taesd

        makers.append(taesd(encoder, decoder, name=name or "taesd"))
    if diffusers is not None:
        from upprint.forge.diffusers import maker as autoencoder

        makers.append(autoencoder(diffusers, name=name))
    if onnx is not None:
        from upprint.forge.onnx import maker as graph

        makers.append(graph(onnx, stride, name=name))
    return makers
