"""Tables 2 to 5 and AIGCDetectBenchmark."""

from collections.abc import Iterable

import pytest

from upprint.data.layouts import (
    LAYOUTS,
    TABLE_LAYOUTS,
    TABLE_SUBSETS,
    aigcdetect,
    diffusion1kstep,
    gangen,
    read,
    universalfakedetect,
)
from upprint.result import ConfigError, DataError

AIGC = [aliases[0] for aliases in aigcdetect.CORE.values()]
GANGEN = [aliases[0] for aliases in gangen.CORE.values()]
UFD = [aliases[0] for aliases in universalfakedetect.CORE.values()]
FORENSICS = {
    "adm": ("bedroom", "imagenet"),
    "ddpm": ("bedroom",),
    "iddpm": ("bedroom",),
    "ldm": ("bedroom",),
    "pndm": ("bedroom",),
    "sdv1_new": ("imagenet",),
    "sdv2": ("bedroom", "celebahq"),
    "vqdiffusion": ("bedroom",),
}


def flat(names: Iterable[str], real: int = 1, fake: int = 1) -> dict[str, int]:
    return {f"{n}/{c}": k for n in names for c, k in (("0_real", real), ("1_fake", fake))}


def forensics() -> dict[str, int]:
    return flat(f"{gen}/{data}" for gen, sets in FORENSICS.items() for data in sets)


def test_thirty_eight_columns() -> None:
    assert [len(TABLE_SUBSETS[n]) for n in (1, 2, 3, 4, 5)] == [8, 9, 8, 8, 5]
    assert sum(map(len, TABLE_SUBSETS.values())) == 38
    assert list(TABLE_LAYOUTS) == list(TABLE_SUBSETS)
    assert set(TABLE_LAYOUTS.values()) < set(LAYOUTS)
    assert TABLE_SUBSETS[1][:4] == ("ProGAN", "StyleGAN", "StyleGAN2", "BigGAN")
    assert TABLE_SUBSETS[5] == ("DDPM", "IDDPM", "ADM", "Midjourney", "DALLE")


def test_gangen_leaves_ganimation_out(grow) -> None:
    root = grow(flat([*GANGEN, "GANimation"]))
    data = read(root, "gangen-detection")
    assert data.subsets == TABLE_SUBSETS[2]
    assert data.protocol.name == "npr-native"
    assert data.skipped == ("GANimation: outside the paper's sets; read only with extras",)
    assert read(root, "gangen-detection", extras=True).subsets == (*TABLE_SUBSETS[2], "GANimation")


def test_missing_sets_and_unknown_folders_are_reported(grow) -> None:
    data = read(grow(flat(["AttGAN", "MyGAN"])), "gangen-detection")
    assert data.subsets == ("AttGAN",)
    assert "MyGAN: not a set of this layout" in data.skipped
    assert "BEGAN: no such folder, BEGAN is missing" in data.skipped
    assert len(data.skipped) == 9


def test_diffusionforensics_rows_are_generators_and_reals_of_a_data_set_are_shared(grow) -> None:
    data = read(grow({**forensics(), **flat(["dalle2/bedroom"])}), "diffusionforensics")
    assert data.subsets == TABLE_SUBSETS[3]
    assert data.skipped == ("dalle2: outside the paper's sets; read only with extras",)
    adm = [s for s in data.samples if s.subset == "ADM"]
    assert [s.source for s in adm] == [
        "diffusionforensics/bedroom/0_real/000.png",
        "diffusionforensics/adm/bedroom/1_fake/000.png",
        "diffusionforensics/imagenet/0_real/000.png",
        "diffusionforensics/adm/imagenet/1_fake/000.png",
    ]
    bedroom = {s.subset for s in data.samples if s.source == adm[0].source}
    assert bedroom == {"ADM", "DDPM", "IDDPM", "LDM", "PNDM", "SDv2", "VQ-Diffusion"}


def test_diffusionforensics_reals_without_a_data_set_folder_stay_apart(grow) -> None:
    data = read(grow(flat(["adm", "ddpm"])), "diffusionforensics")
    assert len({s.source for s in data.samples}) == 4


@pytest.mark.parametrize(
    ("asked", "chosen"), [(None, "sdv1_new"), ("sdv1_new", "sdv1_new"), ("sdv1", "sdv1")]
)
def test_both_copies_of_sdv1(grow, asked: str | None, chosen: str) -> None:
    data = read(grow({**forensics(), **flat(["sdv1/imagenet"])}), "diffusionforensics", sdv1=asked)
    assert data.subsets == TABLE_SUBSETS[3]
    assert all(f"/{chosen}/" in s.path for s in data.samples if s.subset == "SDv1")
    other = {"sdv1": "sdv1_new", "sdv1_new": "sdv1"}[chosen]
    assert data.skipped == (f"{other}: another copy of SDv1, read from {chosen!r}",)


def test_the_older_sdv1_alone(grow) -> None:
    root = grow(flat(["adm/bedroom", "sdv1/imagenet"]))
    assert read(root, "diffusionforensics").subsets == ("ADM", "SDv1")
    asked = read(root, "diffusionforensics", sdv1="sdv1_new")
    assert "sdv1_new: no such folder, SDv1 is read from 'sdv1'" in asked.skipped
    with pytest.raises(ConfigError, match="expected 'sdv1_new', 'sdv1'"):
        read(root, "diffusionforensics", sdv1="sdv2")


def keys_of_reals(data, subset: str) -> set[str]:
    return {s.source for s in data.samples if s.subset == subset and s.label == 0}


def test_universalfakedetect_original_and_repack_give_the_same_samples_but_paths(grow) -> None:
    root = grow({f"packed/{folder}": n for folder, n in flat(UFD, 3, 2).items()})
    grow({"original/imagenet/0_real": 3, "original/laion/0_real": 3})
    grow({f"original/{name}/1_fake": 2 for name in UFD})
    packed, original = (read(root / form, "universalfakedetect") for form in ("packed", "original"))
    assert packed.subsets == original.subsets == TABLE_SUBSETS[4]
    assert packed.skipped == original.skipped == ()
    for data in (packed, original):
        assert len(data.samples) == 8 * 5
        assert keys_of_reals(data, "DALLE") == keys_of_reals(data, "LDM_200_cfg")
        assert not keys_of_reals(data, "DALLE") & keys_of_reals(data, "ADM")
        assert len({s.source for s in data.samples if s.label == 1}) == 16
    assert [s.source for s in packed.samples] == [s.source for s in original.samples]
    assert [s.label for s in packed.samples] == [s.label for s in original.samples]
    assert len({s.path for s in original.samples}) == 6 + 16


def test_universalfakedetect_without_reals_is_refused(grow) -> None:
    root = grow({"guided/1_fake": 1, "laion/0_real": 1})
    with pytest.raises(DataError, match="1_fake alone"):
        read(root, "universalfakedetect")


def test_universalfakedetect_reports_what_lies_beside(grow) -> None:
    root = grow({**flat(["dalle"]), "laion/0_real": 1, "guided/1_fake": 1, "imagenet/0_real": 1})
    grow({"guided/2_other": 1, "imagenet/train": 1})
    skipped = read(root, "universalfakedetect").skipped
    assert "laion: every generator read brings reals of its own" in skipped
    assert "guided/2_other: beside 1_fake, carries no label" in skipped
    assert "imagenet: beside 0_real, carries no label: 'train'" in skipped


def test_diffusion1kstep_pools_the_checkpoints_of_ddpm(grow) -> None:
    names = [f"ddpm/google-ddpm-{n}" for n in ("bedroom-256", "cifar10-32")]
    root = grow(flat([*names, "DALLE", "guided-diffusion", "improved-diffusion", "midjourney"]))
    data = read(root, "diffusion1kstep")
    assert data.subsets == TABLE_SUBSETS[5] == tuple(diffusion1kstep.CORE)
    assert sum(s.subset == "DDPM" for s in data.samples) == 4
    assert {s.subset for s in data.samples if "guided-diffusion" in s.path} == {"ADM"}


def test_aigcdetectbenchmark_has_sixteen_sets_and_sdxl_on_request(grow) -> None:
    root = grow({**flat([*AIGC, "SDXL"]), **flat(["progan/extra_class"])})
    data = read(root, "aigcdetectbenchmark")
    assert len(data.subsets) == 16
    assert data.protocol.name == "npr-aigc"
    assert "SDXL: outside the paper's sets; read only with extras" in data.skipped
    assert read(root, "aigcdetectbenchmark", extras=True).subsets[-1] == "SDXL"
