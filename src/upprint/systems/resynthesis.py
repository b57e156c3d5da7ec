"""Re-Synthesis: Beyond the Spectrum: Detecting Deepfakes via Re-Synthesis (He, Yu, Keuper, Fritz;
IJCAI 2021).

Idea: a super-resolution network Φ, trained on real photos alone, rebuilds a picture X from its 4x4 block
means X↓. What it cannot rebuild is looked at: in pixels, or in one of five stages of a perceptual network Θ.

f   |X - Φ(X↓)| (branch "pixel"), or |Θᵢ(X) - Θᵢ(Φ(X↓))| (branch 1 ... 5). Φ: RDN x4, 22,271,107 parameters,
    not updated with D unless `end_to_end`. Θ: VGG-19 cut at relu1_1 ... relu5_1, on [0, 1], not standardised.
D   ResNet-50 with a deep stem: 23,635,906 parameters at 3 channels with the authors' two outputs, of which we
    keep the difference. "avg" averages several branches (eq. 4) by `beta`.

Recipe, three stages (configs/resynthesis_*.toml): Φ on patches of real photos; D on the residuals of a frozen
Φ; both together, with the reconstruction loss on real pictures. Test: whole pictures of 1024² pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.card import InputRule, SystemCard
from upprint.detector import Detector
from upprint.nets.no_bias import NoBias
from upprint.nets.perceptual import SmallPerceptual
from upprint.nets.rdn import RDN
from upprint.nets.resnet import ResNet
from upprint.nets.vgg import Vgg19
from upprint.ops.degrade import Auxiliary, Variant, block_mean, degrade
from upprint.ops.extend import extend
from upprint.ops.reconstruction import LossName, reconstruction_loss
from upprint.result import ConfigError
from upprint.systems._official import OfficialLayout
from upprint.systems._registry import register

Branch = Literal["pixel", 1, 2, 3, 4, 5, "avg"]
Perceptual = Literal["vgg19", "small", "none"]
Averaging = Literal["softmax", "logit"]

SCALE = 4
PAPER, LIGHT = (64, 64, 16, 8), (32, 32, 4, 4)
"""Features, growth, blocks and layers of Φ: as published, and ours for small machines (488,131
parameters)."""

CARD = SystemCard(
    name="resynthesis",
    title="Re-Synthesis (Beyond the Spectrum)",
    paper="He et al., Beyond the Spectrum: Detecting Deepfakes via Re-Synthesis, IJCAI 2021",
    year=2021,
    faithful=True,
    idea="what a super-resolution network trained on real photos cannot rebuild, into a ResNet-50",
    parameters=23_633_857,
    needs="a trained re-synthesiser; for stages 1 to 5 also torchvision's VGG-19 weights, or our own network",
    input=InputRule(tile=1024, grid=16, budget=1),
    departures=(
        (
            "Label 1 is generated. The authors label real pictures 1 and have two outputs; their "
            "checkpoints are brought to one logit, fake minus real, on import: 2,049 parameters fewer."
        ),
        (
            "End-to-end training reaches Φ. Their released code builds Φ without gradients and never "
            "updates it; its option lr_sr, meant for Φ, scales the classifier's gradients instead."
        ),
        (
            "Pictures are degraded one by one with probability 1/2, as the paper says; their train.py "
            "decides for the whole batch, their train_sr.py uses other strengths (option `degradation`)."
        ),
        (
            "The reconstruction loss is L1 everywhere with the paper's weights; their train_sr.py has "
            "mean squared errors times 0.2 in the perceptual part (option `reconstruction`)."
        ),
        (
            "Sides that are no multiple of 4 are extended by their last row and column, and to at "
            "least the stride of the stage; the pixel map is cut back. Their code stops there."
        ),
        "Avg does not say what it averages: softmax probabilities here, or logits (option `averaging`).",
        (
            "The class activation map is of the difference of the two outputs and averages to the logit; "
            "theirs takes the row of one class, and scales every map to the same range."
        ),
        "Half precision is kept out of f: the residual is a few grey levels.",
    ),
    limits=(
        (
            "Cost at the published size, for 1024² pixels: 1.49 TMAC in Φ and 0.03 in the classifier; "
            "stage 5 adds 0.76 in VGG-19. With `light`, for 256²: 2.9 GMAC in all, against 95.1."
        ),
        "Strong JPEG, blur and resizing change the residual more than most generators do.",
        (
            "A reconstruction by an autoencoder is as easy to rebuild as its photo: the residual's size does "
            "not tell them apart, only its structure can."
        ),
        "Pictures made by Φ itself, or by its like, leave almost no residual.",
        "The authors' weights know faces of 1024² pixels only.",
    ),
)

_SR = OfficialLayout(
    rename=(("", "representation.phi.0."),), head="", fake_is_one=True, file="the re-synthesiser (sr*.pth)"
)
_VGG_UNUSED = ("classifier.", "features.30.", "features.32.", "features.34.")
_CONVS = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)


def _official(stage: int) -> OfficialLayout:
    """{"epoch", "arch", "state_dict", "optimizer"} of the classifier, Φ bare or below "state_dict", and Θ."""
    beside = [_SR]
    if stage:
        last = (0, 5, 10, 19, 28)[stage - 1]
        beyond = tuple(f"features.{index}." for index in _CONVS if index > last)
        beside.append(
            OfficialLayout(
                rename=(("", "representation.theta."),),
                head="",
                fake_is_one=True,
                ignore=(*beyond, *_VGG_UNUSED),
                file="torchvision's VGG-19 weights",
                licence="torchvision's, BSD 3-clause",
            )
        )
    return OfficialLayout(
        rename=(("", "network."),),
        head="network.fc",
        fake_is_one=False,
        file="the classifier (*.pth.tar)",
        beside=tuple(beside),
        licence="MIT, as the official repository states",
    )


class Residuals(nn.Module):
    """f: (N, 3, H, W) in [0, 255] -> one absolute residual map per branch, float32.

    Args:
        phi: one re-synthesiser for all branches, or one for each.
        theta: the perceptual network; None where only the pixel branch is asked for.
        stages: the branches, 0 for pixels.
    """

    def __init__(self, phi: Sequence[RDN], theta: nn.Module | None, stages: Sequence[int]) -> None:
        super().__init__()
        self.phi = nn.ModuleList(phi)
        self.theta = theta
        self.stages = tuple(stages)
        self.least = max(SCALE, *(2 ** max(0, stage - 1) for stage in stages))

    def pictures(self, images: Tensor) -> Tensor:
        """X: extended to multiples of 4, in [0, 1]."""
        return extend(images, SCALE, self.least).float() / 255

    def rebuild(self, x: Tensor, index: int = 0) -> Tensor:
        """Φ(X↓) of the index-th re-synthesiser."""
        rebuilt: Tensor = self.phi[index](block_mean(x, SCALE))
        return rebuilt

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        """A map (N, C, h, w), or a tuple of them where there are several branches.

        The pixel map has the picture's size; stage i has it divided by 2^(i - 1), rounded down.
        """
        kind = images.device.type
        if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
            with torch.autocast(kind, enabled=False):
                return self._maps(images)
        return self._maps(images)

    def _maps(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        x = self.pictures(images)
        rebuilt = [self.rebuild(x, index) for index in range(len(self.phi))]
        deep = self.theta(x) if self.theta is not None and any(self.stages) else []
        maps = []
        for index, stage in enumerate(self.stages):
            y = rebuilt[index if len(rebuilt) > 1 else 0]
            if stage == 0:
                maps.append((x - y).abs()[..., : images.shape[-2], : images.shape[-1]])
            else:
                seen = cast(nn.Module, self.theta)(y)[stage - 1]
                maps.append((deep[stage - 1] - seen).abs())
        return maps[0] if len(maps) == 1 else tuple(maps)


class Average(nn.Module):
    """D of "avg": equation 4, the weighted mean of several classifiers' scores, as one logit.

    Args:
        classifiers: one per branch.
        beta: their weights, which sum to 1.
        averaging: "softmax" averages probabilities; "logit" averages logits.
    """

    beta: Tensor

    def __init__(self, classifiers: Sequence[ResNet], beta: Sequence[float], averaging: Averaging) -> None:
        super().__init__()
        self.classifiers = nn.ModuleList(classifiers)
        self.averaging = averaging
        self.register_buffer("beta", torch.tensor(beta), persistent=False)
        self.head = NoBias()

    def combine(self, logits: Tensor) -> Tensor:
        """(N, branches) -> (N,)."""
        if self.averaging == "logit":
            return (logits * self.beta).sum(1)
        # log(p / (1 - p)) of p = sum of beta * sigmoid(logit), without leaving the logarithm.
        weight = self.beta.log()
        up = torch.logsumexp(functional.logsigmoid(logits) + weight, 1)
        return up - torch.logsumexp(functional.logsigmoid(-logits) + weight, 1)

    def forward(self, maps: Tensor | Sequence[Tensor]) -> Tensor:
        """Logits (N, 1)."""
        logits = [classifier(x) for classifier, x in zip(self.classifiers, _listed(maps), strict=True)]
        return self.combine(torch.cat(logits, 1))[:, None]

    def class_activation_map(self, maps: Tensor | Sequence[Tensor]) -> Tensor:
        """The branches' maps on the first one's grid, weighted by beta; its mean is the logit.

        Averaging probabilities is not linear; what it changes is spread evenly over the map.
        """
        cams = [
            cast(ResNet, classifier).class_activation_map(x)
            for classifier, x in zip(self.classifiers, _listed(maps), strict=True)
        ]
        biases = torch.cat([cast(ResNet, classifier).head.bias for classifier in self.classifiers])
        logits = torch.stack([cam.mean((-2, -1)) for cam in cams], 1) + biases
        rows, columns = cams[0].shape[-2:]
        whole = sum(beta * _spread(cam, rows, columns) for beta, cam in zip(self.beta, cams, strict=True))
        whole = cast(Tensor, whole)
        return whole + (self.combine(logits) - whole.mean((-2, -1)))[:, None, None]


def _listed(maps: Tensor | Sequence[Tensor]) -> Sequence[Tensor]:
    return (maps,) if isinstance(maps, Tensor) else maps


def _spread(cells: Tensor, rows: int, columns: int) -> Tensor:
    """(N, h, w) repeated to (N, rows, columns)."""
    for dim, size in ((-2, rows), (-1, columns)):
        at = torch.arange(size, device=cells.device) * cells.shape[dim] // size
        cells = cells.index_select(dim, at)
    return cells


class Resynthesis(Detector):
    """The detector; fine-tuned end to end, its loss holds the reconstruction of real pictures as well.

    Args:
        rebuilds: (auxiliary task, its variant, loss, weight of the loss), or None with Φ frozen.
        rest: of `Detector`.
    """

    representation: Residuals

    def __init__(self, rebuilds: tuple[Auxiliary, Variant, LossName, float] | None, *rest: Any) -> None:
        super().__init__(*rest)
        self.rebuilds = rebuilds
        f = self.representation
        self.needs_parts = tuple(f"representation.phi.{index}" for index in range(len(f.phi)))
        if f.theta is not None:
            self.needs_parts += ("representation.theta",)

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy; end to end, plus the reconstruction loss on the batch's real pictures.

        The draws of the degradation follow from the pictures, so that a resumed run repeats them.
        """
        loss = super().loss(images, labels)
        real = images[labels == 0]
        if self.rebuilds is None or not len(real):
            return loss
        auxiliary, variant, name, weight = self.rebuilds
        generator = torch.Generator().manual_seed(zlib.crc32(real.cpu().contiguous().numpy().tobytes()))
        f = self.representation
        with torch.autocast(images.device.type, enabled=False):
            x = f.pictures(real)
            low = degrade(block_mean(x, SCALE), auxiliary, variant, generator)
            for phi in f.phi:
                loss = loss + weight / len(f.phi) * reconstruction_loss(phi(low), x, f.theta, name)
        return loss


@register
def resynthesis(
    branch: Branch = "pixel",
    light: bool = False,
    rdn: Sequence[int] | None = None,
    perceptual: Perceptual = "vgg19",
    beta: Sequence[float] = (0.5, 0, 0, 0, 0, 0.5),
    averaging: Averaging = "softmax",
    own_phi: bool = False,
    end_to_end: bool = False,
    auxiliary: Auxiliary = "none",
    degradation: Variant = "paper",
    reconstruction: LossName = "paper",
    reconstruction_weight: float = 1.0,
) -> Detector:
    """Re-Synthesis as published (branch "pixel"), another branch, or their average.

    Args:
        branch: "pixel", a stage 1 ... 5, or "avg".
        light: ours for small machines: a small Φ and a small classifier, on tiles of 256².
        rdn: features, growth, blocks and layers of Φ; by default (64, 64, 16, 8), or (32, 32, 4, 4) if light.
        perceptual: Θ: "vgg19", or "small", our substitute; it is part of every number. "none" where the
            branch needs none (end to end, the loss then lacks its perceptual part).
        beta: of "avg", the weights of pixel, stage 1, ... stage 5 (eq. 4); branches of weight 0 are left out.
        averaging: of "avg": "softmax" (probabilities) or "logit".
        own_phi: of "avg": every branch has a Φ of its own, as after fine-tuning end to end.
        end_to_end: Φ is trained together with the classifier.
        auxiliary: end to end: "none" (SR), "gray" (SR+C), "noise" (SR+D), "gray+noise".
        degradation: end to end: whose numbers (`upprint.ops.degrade.STRENGTHS`).
        reconstruction: end to end: whose loss (`upprint.ops.reconstruction.LOSSES`).
        reconstruction_weight: end to end: of the reconstruction loss.

    Raises:
        ConfigError: an option out of its range.
    """
    weights = {stage: float(share) for stage, share in enumerate(_betas(beta)) if share}
    stages = list(weights) if branch == "avg" else [_stage(branch)]
    size = tuple(rdn) if rdn is not None else LIGHT if light else PAPER
    if len(size) != 4:
        raise ConfigError(f"rdn {list(size)}: expected features, growth, blocks and layers")
    if averaging not in ("softmax", "logit"):
        raise ConfigError(f"averaging {averaging!r}: expected 'softmax' or 'logit'")
    depth = max(stages)
    looks = perceptual if depth or end_to_end else "none"
    theta = _perceptual(looks, 5 if end_to_end else depth)
    if depth and theta is None:
        raise ConfigError(f"branch {branch!r} needs a perceptual network: 'vgg19' or 'small'")
    phi = [RDN(*size, scale=SCALE) for _ in range(len(stages) if own_phi else 1)]
    for module in phi:
        module.requires_grad_(end_to_end)
    channels = [3, *(() if theta is None else theta.channels)]
    classifiers = [_classifier(channels[stage], light) for stage in stages]
    network = (
        Average(classifiers, [weights[s] for s in stages], averaging) if branch == "avg" else classifiers[0]
    )
    options = {
        "branch": branch,
        "light": light,
        "rdn": list(size),
        "perceptual": looks,
        "beta": list(_betas(beta)),
        "averaging": averaging,
        "own_phi": own_phi,
        "end_to_end": end_to_end,
        "auxiliary": auxiliary,
        "degradation": degradation,
        "reconstruction": reconstruction,
        "reconstruction_weight": reconstruction_weight,
    }
    card = replace(CARD, options=options, input=InputRule(grid=16) if light else CARD.input)
    official = None if branch == "avg" else _official(depth)
    rebuilds = (auxiliary, degradation, reconstruction, reconstruction_weight) if end_to_end else None
    return Resynthesis(rebuilds, Residuals(phi, theta, stages), network, card, official)


def _stage(branch: Branch) -> int:
    if branch != "pixel" and (isinstance(branch, bool) or branch not in range(1, 6)):
        raise ConfigError(f"branch {branch!r}: expected 'pixel', 1, 2, 3, 4, 5 or 'avg'")
    return 0 if branch == "pixel" else int(branch)


def _betas(beta: Sequence[float]) -> tuple[float, ...]:
    if len(beta) != 6 or min(beta) < 0 or abs(sum(beta) - 1) > 1e-6:
        raise ConfigError(
            f"beta {list(beta)}: expected six weights from 0 that sum to 1 (pixel, stages 1 ... 5)"
        )
    return tuple(beta)


def _perceptual(name: Perceptual, stages: int) -> Vgg19 | SmallPerceptual | None:
    if name not in ("vgg19", "small", "none"):
        raise ConfigError(f"perceptual network {name!r}: expected 'vgg19', 'small' or 'none'")
    if name == "none" or not stages:
        return None
    network = Vgg19(stages) if name == "vgg19" else SmallPerceptual(stages)
    network.requires_grad_(False)
    return network


def _classifier(channels: int, light: bool) -> ResNet:
    if light:
        return ResNet(
            (2, 2, 2),
            stem="deep",
            strides=(2, 2, 1),
            stem_strides=(1, 2),
            pool=False,
            width=16,
            channels=channels,
        )
    return ResNet((3, 4, 6, 3), stem="deep", strides=(2, 2, 1, 1), channels=channels)
