"""Software that names itself: generators and editors, by how their names begin."""

from __future__ import annotations

from upprint.provenance.claim import Says

_GENERATORS = (
    "adobe firefly", "ai generated", "automatic1111", "bing image creator", "black forest labs", "comfyui",
    "craiyon", "dall-e", "dall·e", "diffusionbee", "draw things", "dreamstudio", "easy diffusion", "flux.1",
    "fooocus", "gpt-4o", "gpt-image", "ideogram", "imagen", "image creator from designer", "invokeai",
    "leonardo.ai", "midjourney", "mochi diffusion", "nano banana", "nightcafe", "novelai", "playground ai",
    "recraft", "ruined fooocus", "sd.next", "sdxl", "stability ai", "stable diffusion", "stableswarmui",
    "swarmui", "tensor.art",
)  # fmt: skip
_EDITORS = (
    "acdsee", "adobe camera raw", "adobe illustrator", "adobe imageready", "adobe indesign",
    "adobe lightroom", "adobe photoshop", "affinity", "aviary", "canva", "capture one", "darktable", "dxo",
    "facetune", "fotor", "gimp", "google snapseed", "imagemagick", "inkscape", "irfanview", "krita",
    "lightroom", "luminar", "meitu", "microsoft windows photo", "on1", "paint.net", "paint shop pro",
    "photodirector", "photofiltre", "photopea", "photos 1", "photoscape", "photoshop", "picasa", "picsart",
    "pixelmator", "pixlr", "polarr", "prisma", "rawtherapee", "skylum", "snapseed", "topaz", "vsco",
    "windows photo editor", "xnview",
)  # fmt: skip
_CREDITS = ("made with google ai", "edited with google ai", "made with ai", "imagined with ai")


def software(name: str) -> Says | None:
    """What the software that `name` is would mean; None for names that are not known."""
    begin = name.strip().casefold()
    if begin.startswith(_GENERATORS):
        return "generated"
    return "edited" if begin.startswith(_EDITORS) else None


def credit(text: str) -> Says | None:
    """What a credit line says; only the lines that services are known to write count, as a whole."""
    line = text.strip().rstrip(".").casefold()
    if line not in _CREDITS:
        return None
    return "edited" if line.startswith("edited") else "generated"
