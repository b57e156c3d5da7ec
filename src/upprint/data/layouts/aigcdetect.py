"""AIGCDetectBenchmark (Zhong et al., 2023): 16 sets, `{generator}/[class/]{0_real,1_fake}`.

SDXL was added later and is outside the benchmark's default list and NPR's README table.
"""

from __future__ import annotations

from pathlib import Path

from upprint.data.layouts._dataset import Dataset
from upprint.data.layouts._folders import Names, Tree
from upprint.data.protocol import protocol_of

CORE: Names = {
    "ProGAN": ("progan",),
    "StyleGAN": ("stylegan",),
    "BigGAN": ("biggan",),
    "CycleGAN": ("cyclegan",),
    "StarGAN": ("stargan",),
    "GauGAN": ("gaugan",),
    "StyleGAN2": ("stylegan2",),
    "WFIR": ("whichfaceisreal",),
    "ADM": ("ADM",),
    "Glide": ("Glide",),
    "Midjourney": ("Midjourney",),
    "SDv1.4": ("stable_diffusion_v_1_4",),
    "SDv1.5": ("stable_diffusion_v_1_5",),
    "VQDM": ("VQDM",),
    "Wukong": ("wukong",),
    "DALLE2": ("DALLE2",),
}
EXTRA: Names = {"SDXL": ("SDXL", "sd_xl")}


def read(root: Path, *, extras: bool = False) -> Dataset:
    """Read the sixteen sets; `extras` adds SDXL.

    Raises:
        DataError: the tree is laid out otherwise.
    """
    tree = Tree(root, "aigcdetectbenchmark")
    for subset, folder in tree.sets(CORE, EXTRA, extras=extras):
        tree.take(folder, subset)
    return tree.dataset(protocol_of("aigcdetectbenchmark"))
