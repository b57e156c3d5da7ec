from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from upprint.attacks.fitted import fit
from upprint.evaluate.laboratory.cell import rows
from upprint.evaluate.laboratory.config import (
    LaboratoryConfig,
    VariantConfig,
    chosen,
    default_config,
    family_of,
    read_config,
)
from upprint.result import ConfigError

SMALL = """
main = "npr"
control = "image"
[tests]
plain = ""
[variants.npr]
title = "NPR"
[variants.image]
title = "picture"
input = "image"
"""


def test_the_shipped_config() -> None:
    path = default_config()
    assert path.name == "laboratory.toml"
    config = read_config(path)
    kinds = {(v.input, v.network) for v in config.variants.values()}
    assert {("npr", "resnet"), ("image", "resnet"), ("dct", "resnet"), ("fft", "resnet")} <= kinds
    assert ("azimuthal", "linear") in kinds
    blocks = {(v.block, v.anchor) for v in config.variants.values() if v.input == "npr"}
    assert {(2, 1), (3, 1), (2, "mean")} <= blocks
    assert len(config.variants[config.main].seeds) >= 2
    assert config.variants[config.control].input == "image"
    assert "" in config.tests.values()
    assert any("jpeg" in text for text in config.tests.values())


def test_the_second_shipped_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names a fitted attack, which is read with it."""
    noise = [np.random.default_rng(seed).integers(0, 256, (96, 96, 3), np.uint8) for seed in range(3)]
    (tmp_path / "runs").mkdir()
    fit("equalise-image", noise, [], side=96).save(tmp_path / "runs" / "equalise.npz")
    monkeypatch.chdir(tmp_path)
    config = read_config(default_config().parent / "laboratory_resynthesis.toml")
    assert config.steady is not None
    assert set(config.steady.hiding) | set(config.steady.hiding.values()) <= set(config.makers)
    assert {config.variants[name].phi for name in ("residual", "residual-c", "residual-d")} == {
        f"runs/laboratory_{name}/rdn.safetensors" for name in ("sr", "c", "d")
    }


def test_a_small_config_has_defaults(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(SMALL)
    config = read_config(path)
    assert config.variants["npr"] == VariantConfig("NPR")
    assert config == LaboratoryConfig(
        {"npr": VariantConfig("NPR"), "image": VariantConfig("picture", "image")},
        {"plain": ""},
        "npr",
        "image",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL + "blokc = 2\n", "unknown keys"),
        (SMALL + "block = 1\n", "block size 1"),
        (SMALL + 'network = "linear"\n', "logistic regression reads"),
        (SMALL.replace('control = "image"', 'control = "dct"'), "no variant 'dct'"),
        (SMALL.replace('input = "image"', 'input = "azimuthal"'), "expected linear"),
        (SMALL + "seeds = [1, 1]\n", "distinct"),
        (SMALL + "seeds = []\n", "distinct"),
        (SMALL + "rows = []\n", "some rows"),
        ("crop = 16\n" + SMALL, "at least 32"),
        ("window = 90\n" + SMALL, "two crops"),
        ("batch = 3\n" + SMALL, "in pairs"),
        ("test_share = 1.0\n" + SMALL, "below 1"),
        ("sources = 2\n" + SMALL, "at least 4"),
        ('augment = "jpg(3)"\n' + SMALL, "nearest: 'jpeg'"),
        (SMALL.replace('plain = ""', ""), "tests: expected"),
        (SMALL.replace('plain = ""', 'plain = "jpeg(0)"'), "jpeg"),
        (SMALL.replace('"image"\n[', '"npr"\n['), "two variants"),
        (SMALL.replace("variants.image", 'variants."a/b"'), "no variant 'image'"),
        (SMALL + '[variants."a/b"]\ntitle = "x"\n', "names a folder"),
        (SMALL.replace('input = "image"', 'input = "residual"'), "expected weights of a re-synthesiser"),
        (
            SMALL.replace('input = "image"', 'input = "image"\nphi = "x"'),
            "expected weights of a re-synthesiser",
        ),
        (SMALL.replace('input = "image"', 'input = "image"\nnetwork = "mean"'), "the mean is a residual's"),
        (SMALL + '[steady]\nvariant = "npr"\nthan = ["dct"]\nbase = "plain"\n', "no variant or test dct"),
        (SMALL + '[steady]\nvariant = "npr"\nthan = ["image"]\nbase = "+P"\n', r"no variant or test \+P"),
        ("main = ", "TOML"),
    ],
)
def test_what_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_config(path)


def test_families() -> None:
    families = {"interpolation": ("nearest*", "bilinear*"), "decoder": ("tae*",)}
    assert family_of("nearest-2", families) == "interpolation"
    assert family_of("taef2", families) == "decoder"
    assert family_of("shuffle", families) == "shuffle"
    with pytest.raises(ConfigError, match="expected one"):
        family_of("taef2", {**families, "other": ("*f2",)})


def test_rows() -> None:
    makers = ("a1", "a2", "b")
    assert chosen(makers, ("b", "a*"), "x") == makers
    assert rows(VariantConfig("v", rows=("a*",), all_but_one=True), makers) == [
        ("a1", ("a1",)),
        ("a2", ("a2",)),
        ("all but a1", ("a2", "b")),
        ("all but a2", ("a1", "b")),
    ]
    with pytest.raises(ConfigError, match="rows of 'v': 'c' fits no maker"):
        rows(VariantConfig("v", rows=("c",)), makers)
