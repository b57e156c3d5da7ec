"""`read`, `detect`, the plain layout and subset selection."""

import subprocess
import sys

import pytest

from upprint.data.layouts import (
    LAYOUTS,
    aigcdetect,
    detect,
    diffusion1kstep,
    diffusionforensics,
    forensynths,
    gangen,
    genimage,
    read,
    universalfakedetect,
)
from upprint.result import ConfigError, DataError


def flat(names) -> dict[str, int]:
    return {f"{n}/{c}": 1 for n in names for c in ("0_real", "1_fake")}


def folders(core, sub: str = "") -> list[str]:
    return [aliases[0] + sub for aliases in core.values()]


TREES = {
    "forensynths": flat(folders(forensynths.CORE)),
    "gangen-detection": flat(folders(gangen.CORE)),
    "diffusionforensics": flat(folders(diffusionforensics.CORE, "/bedroom")),
    "universalfakedetect": flat(folders(universalfakedetect.CORE)),
    "diffusion1kstep": flat(folders(diffusion1kstep.CORE)),
    "aigcdetectbenchmark": flat(folders(aigcdetect.CORE)),
    "genimage": {f"{n}/val/{c}": 1 for n in folders(genimage.CORE) for c in ("ai", "nature")},
    "plain": flat(["mine", "yours"]),
}


@pytest.mark.parametrize("layout", TREES)
def test_detected_and_read_without_a_name(grow, layout: str) -> None:
    root = grow(TREES[layout])
    guess = detect(root)
    assert guess.layout == layout
    assert guess.reason
    assert read(root) == read(root, layout)
    assert len(read(root).samples) == len(TREES[layout])


@pytest.mark.parametrize(
    ("tree", "layout"),
    [
        ({f"train/{k}": 1 for k in flat(["car", "cat"])}, "forensynths"),
        ({f"test/{k}": 1 for k in flat(["progan/cat"])}, "forensynths"),
        (flat(["horse", "cow"]), "forensynths"),
        (flat([*folders(forensynths.CORE), *folders(forensynths.EXTRA)]), "forensynths"),
        (flat([*folders(aigcdetect.CORE), "SDXL"]), "aigcdetectbenchmark"),
        (flat(["ADM", "biggan", "glide", "midjourney", "sdv5", "vqdm", "wukong"]), "genimage"),
        ({"ADM/imagenet_ai_0508_adm/train/ai": 1, "ADM/imagenet_ai_0508_adm/train/nature": 1}, "genimage"),
        (
            {f"{n}/1_fake": 1 for n in ("dalle", "guided", "ldm_100")} | {"laion/0_real": 1},
            "universalfakedetect",
        ),
        (flat(["dalle", "guided", "ldm_100"]), "universalfakedetect"),
        (flat(["BEGAN", "STGAN"]), "gangen-detection"),
        (flat(["adm/bedroom", "ddpm/bedroom", "sdv1/imagenet", "ldm/bedroom"]), "diffusionforensics"),
        ({"0_real": 1, "1_fake": 1, "progan": 1}, "plain"),
    ],
)
def test_detected_from_part_of_it(grow, tree: dict[str, int], layout: str) -> None:
    assert detect(grow(tree)).layout == layout


@pytest.mark.parametrize(
    "names", [["progan"], ["ddpm"], ["progan", "stylegan"], ["Midjourney"], ["began", "mine"]]
)
def test_names_that_two_layouts_use_are_asked_about(grow, names: list[str]) -> None:
    with pytest.raises(DataError, match=r"which fits .*(and|in part).*; name the layout; known: forensynths"):
        detect(grow(flat(names)))


def test_nothing_known_lists_what_was_seen_and_the_layouts(grow) -> None:
    root = grow({"holiday": 2})
    with pytest.raises(DataError, match="saw 'holiday'; known layouts: forensynths, .*manifest"):
        detect(root)
    with pytest.raises(DataError, match="no such folder"):
        detect(root / "nowhere")
    with pytest.raises(DataError, match="expected a folder, or a"):
        detect(root / "holiday" / "000.png")
    with pytest.raises(DataError, match="can be listed"):
        read(root / "holiday" / "000.png", "plain")


def test_unknown_layout_and_option(grow) -> None:
    root = grow(TREES["plain"])
    with pytest.raises(ConfigError, match="known: forensynths, gangen-detection"):
        read(root, "imagenet")
    with pytest.raises(ConfigError, match="no option split; known: none"):
        read(root, "plain", split="test")
    assert set(TREES) | {"twins", "manifest", "photos"} == set(LAYOUTS)


def test_plain(grow) -> None:
    root = grow({"one/0_real": 1, "one/1_fake": 2, "two/cats/0_real": 1, "two/cats/1_fake": 1, "three/x": 1})
    data = read(root, "plain")
    assert data.subsets == ("one", "two")
    assert {s.generator for s in data.samples if s.label == 1} == {"one", "two"}
    assert data.skipped == ("three: no 0_real and 1_fake inside",)
    direct = read(root / "one", "plain")
    assert direct.subsets == ("one",)
    assert {s.generator for s in direct.samples} == {"real", "unknown"}
    with pytest.raises(DataError, match="expected 0_real"):
        read(root / "three", "plain")


def test_only(grow) -> None:
    data = read(grow(TREES["diffusionforensics"]), subsets=["vq_diffusion", "adm"])
    assert data.subsets == ("ADM", "VQ-Diffusion")
    with pytest.raises(DataError, match=r"no subset \['ddpm'\]; found: ADM, VQ-Diffusion"):
        data.only(["ADM", "ddpm"])


def test_readers_need_no_heavy_library() -> None:
    code = (
        "import sys, upprint.data.layouts, upprint.data.split, upprint.data.protocol, upprint.data.report;"
        "print(sorted({'torch', 'pyarrow', 'sklearn', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
