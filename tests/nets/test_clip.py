"""CLIP's tower: published sizes, attention written out, both naming schemes, transformers where it is
installed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from upprint.nets.clip import SIZES, Attention, ClipVision, from_openai


def test_published_size() -> None:
    with torch.device("meta"):
        tower = ClipVision()
    assert sum(p.numel() for p in tower.parameters()) == 303_966_208
    assert tower.vision_model.embeddings.position_embedding.weight.shape == (257, 1024)
    assert tower.visual_projection.weight.shape == (768, 1024)


def test_attention() -> None:
    torch.manual_seed(0)
    layer, x = Attention(8, 2).double(), torch.randn(1, 5, 8, dtype=torch.float64)
    with torch.no_grad():
        q, k, v = (m(x)[0].numpy() for m in (layer.q_proj, layer.k_proj, layer.v_proj))
        heads = []
        for head in (slice(0, 4), slice(4, 8)):
            scores = np.exp(q[:, head] @ k[:, head].T / 2)
            heads.append(scores / scores.sum(1, keepdims=True) @ v[:, head])
        expected = layer.out_proj(torch.from_numpy(np.concatenate(heads, 1)))
        torch.testing.assert_close(layer(x)[0], expected)


def openai(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same weights under OpenAI's names."""
    vision = {k.removeprefix("vision_model."): v for k, v in state.items()}
    out = {
        "visual.class_embedding": vision["embeddings.class_embedding"],
        "visual.positional_embedding": vision["embeddings.position_embedding.weight"],
        "visual.conv1.weight": vision["embeddings.patch_embedding.weight"],
        "visual.proj": state["visual_projection.weight"].T,
        "token_embedding.weight": torch.zeros(3),
    }
    for kind in ("weight", "bias"):
        out[f"visual.ln_pre.{kind}"] = vision[f"pre_layrnorm.{kind}"]
        out[f"visual.ln_post.{kind}"] = vision[f"post_layernorm.{kind}"]
        for layer in (0, 1):
            ours, theirs = f"encoder.layers.{layer}.", f"visual.transformer.resblocks.{layer}."
            packed = [vision[f"{ours}self_attn.{letter}_proj.{kind}"] for letter in "qkv"]
            out[f"{theirs}attn.in_proj_{kind}"] = torch.cat(packed)
            for a, b in (
                ("attn.out_proj", "self_attn.out_proj"),
                ("ln_1", "layer_norm1"),
                ("ln_2", "layer_norm2"),
                ("mlp.c_fc", "mlp.fc1"),
                ("mlp.c_proj", "mlp.fc2"),
            ):
                out[f"{theirs}{a}.{kind}"] = vision[f"{ours}{b}.{kind}"]
    return out


def test_openais_names_are_translated() -> None:
    torch.manual_seed(0)
    state = ClipVision("vit-tiny").state_dict()
    renamed = from_openai(openai(state))
    assert renamed.keys() == state.keys()
    assert all(torch.equal(renamed[key], state[key]) for key in state)
    assert from_openai(state) is state


def test_equals_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    size = SIZES["vit-tiny"]
    config = transformers.CLIPVisionConfig(
        hidden_size=size.width,
        intermediate_size=4 * size.width,
        projection_dim=size.features,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        image_size=size.side,
        patch_size=size.patch,
    )
    theirs = transformers.CLIPVisionModelWithProjection(config).eval()
    ours = ClipVision("vit-tiny").eval()
    state = {k: v for k, v in theirs.state_dict().items() if not k.endswith("position_ids")}
    ours.load_state_dict(state, strict=True)
    x = torch.randn(2, 3, size.side, size.side)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x).image_embeds, rtol=1e-4, atol=1e-5)
