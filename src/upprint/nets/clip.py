"""The vision tower of CLIP (Radford et al., ICML 2021) with the names of transformers'
CLIPVisionModelWithProjection.

Weights come from a file that the user has: `openai/clip-vit-large-patch14`'s model.safetensors, or a state
dict with OpenAI's own names. Text towers in the file are left out by intent.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.result import ConfigError


@dataclass(frozen=True)
class Size:
    """What a tower is made of."""

    side: int
    patch: int
    width: int
    layers: int
    heads: int
    features: int


SIZES = {"vit-l-14": Size(224, 14, 1024, 24, 16, 768), "vit-tiny": Size(32, 8, 32, 2, 4, 16)}
"""ViT-L/14 as published, and a small one that exists without weights, for tests."""

TEXT = ("text_model.", "text_projection.", "logit_scale", "vision_model.embeddings.position_ids")
"""Starts of names that a file of the whole CLIP holds beside the tower."""


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        queries, keys, values = (
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = functional.scaled_dot_product_attention(queries, keys, values)
        out: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return out


class Mlp(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        out: Tensor = self.fc2(x * torch.sigmoid(1.702 * x))
        return out


class Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(width, heads), Mlp(width)
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        out: Tensor = x + self.mlp(self.layer_norm2(x))
        return out


class Embeddings(nn.Module):
    """Patches, a class token before them, and a position for each."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        places = (size.side // size.patch) ** 2 + 1
        self.class_embedding = nn.Parameter(torch.randn(size.width))
        self.patch_embedding = nn.Conv2d(3, size.width, size.patch, size.patch, bias=False)
        self.position_embedding = nn.Embedding(places, size.width)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch_embedding(x).flatten(2).transpose(1, 2)
        token = self.class_embedding.expand(len(x), 1, -1)
        return torch.cat((token, patches), 1) + self.position_embedding.weight


class Encoder(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(size.width, size.heads) for _ in range(size.layers))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class VisionModel(nn.Module):
    def __init__(self, size: Size) -> None:
        super().__init__()
        self.embeddings = Embeddings(size)
        self.pre_layrnorm = nn.LayerNorm(size.width)
        self.encoder = Encoder(size)
        self.post_layernorm = nn.LayerNorm(size.width)

    def forward(self, x: Tensor) -> Tensor:
        encoded = self.encoder(self.pre_layrnorm(self.embeddings(x)))
        out: Tensor = self.post_layernorm(encoded[:, 0])
        return out


class ClipVision(nn.Module):
    """(N, 3, side, side), standardised as CLIP's -> features (N, 768), not of unit length.

    Args:
        name: one of `SIZES`.

    Raises:
        ConfigError: another name.
    """

    loaded = False
    """Whether weights have been put in since they were drawn."""

    def __init__(self, name: str = "vit-l-14") -> None:
        super().__init__()
        if name not in SIZES:
            raise ConfigError(f"CLIP tower {name!r}: expected one of {', '.join(SIZES)}")
        self.size = SIZES[name]
        self.vision_model = VisionModel(self.size)
        self.visual_projection = nn.Linear(self.size.width, self.size.features, bias=False)
        self.register_load_state_dict_post_hook(_note_loading)  # type: ignore[no-untyped-call]

    def forward(self, x: Tensor) -> Tensor:
        features: Tensor = self.visual_projection(self.vision_model(x))
        return features


def _note_loading(module: nn.Module, _keys: object) -> None:
    assert isinstance(module, ClipVision)
    module.loaded = True


def from_openai(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A state dict under transformers' names; one that has them already is returned as it is."""
    if "visual.conv1.weight" not in state:
        return state
    single = {
        "class_embedding": "embeddings.class_embedding",
        "positional_embedding": "embeddings.position_embedding.weight",
        "conv1.weight": "embeddings.patch_embedding.weight",
    }
    starts = {"ln_pre.": "pre_layrnorm.", "ln_post.": "post_layernorm."}
    parts = {
        "ln_1.": "layer_norm1.",
        "ln_2.": "layer_norm2.",
        "mlp.c_fc.": "mlp.fc1.",
        "mlp.c_proj.": "mlp.fc2.",
        "attn.out_proj.": "self_attn.out_proj.",
    }
    renamed: dict[str, Tensor] = {}
    for key, value in state.items():
        name = key.removeprefix("visual.")
        if name == key:
            continue
        if name == "proj":
            renamed["visual_projection.weight"] = value.T
        elif name in single:
            renamed[f"vision_model.{single[name]}"] = value
        elif name.startswith("transformer.resblocks."):
            place, _, part = name.removeprefix("transformer.resblocks.").partition(".")
            layer = f"vision_model.encoder.layers.{place}."
            if part.startswith("attn.in_proj_"):
                kind = part.removeprefix("attn.in_proj_")
                for letter, piece in zip("qkv", value.chunk(3), strict=True):
                    renamed[f"{layer}self_attn.{letter}_proj.{kind}"] = piece
            else:
                old = next((start for start in parts if part.startswith(start)), part)
                renamed[layer + parts.get(old, old) + part.removeprefix(old)] = value
        else:
            old = next((start for start in starts if name.startswith(start)), "")
            renamed[f"vision_model.{starts.get(old, '')}{name.removeprefix(old)}"] = value
    return renamed
