"""Named chains: what stands for several other steps, in the text form.

`combination` is "+P" of Beyond the Spectrum (He et al., IJCAI 2021, section 4.3): "an ordered combination of
JPEG compression, blurring, cropping, and adding Gaussian noise" after Yu et al. (ICCV 2019, section 4.4),
each with probability one half. Two things are open, and both readings have a name. The order: "stated" is the
sentence's, "restated" is Yu's without relighting (crop, blur, JPEG, noise). The noise's 5..20: "variance" as
Yu is quoted, "deviation" as later code took it. The crop's 5..20 % are of each side in all.

`social` is what sharing does to a picture: a limit on the longer side, then a JPEG with 4:2:0 chroma. The
limits are of the size that large services are known for; sizes and qualities are our choice and are not
measured on any service. "reshared" is relative, so it also changes a picture that every limit lets pass.
"""

from __future__ import annotations

from collections.abc import Mapping

_JPEG, _BLUR, _CROP = "0.5*jpeg(10..75)", "0.5*kernel(1/3/5/7/9)", "0.5*zoom(5..20)"
_NOISE = {"variance": "0.5*noisevar(5..20)", "deviation": "0.5*noise(5..20)"}
_ORDERS = {"stated": (_JPEG, _BLUR, _CROP), "restated": (_CROP, _BLUR, _JPEG)}

COMBINATION: Mapping[tuple[str, ...], str] = {
    (order, unit): "|".join([*steps, noise])
    for order, steps in _ORDERS.items()
    for unit, noise in _NOISE.items()
}

SOCIAL: Mapping[tuple[str, ...], str] = {
    ("feed",): "fit(2048)|jpeg(85)",
    ("square",): "fit(1080)|jpeg(75)",
    ("messenger",): "fit(1600)|jpeg(75)",
    ("forwarded",): "fit(1600)|jpeg(75)|fit(1280)|jpeg(70)",
    ("preview",): "fit(320)|jpeg(80)",
    ("reshared",): "resize(0.8)|jpeg(80)|resize(0.8)|jpeg(70)",
}
