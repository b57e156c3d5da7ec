"""The parts of F3-Net (Qian et al., ECCV 2020); names of layers are those of the yyk-wew implementation."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from upprint.nets.xception import Xception
from upprint.ops.dct import dct_basis
from upprint.ops.sizes import check_side
from upprint.result import ConfigError

WINDOW, STRIDE, PADDING, LFS_BANDS = 10, 2, 4, 6
LUMA = (0.299, 0.587, 0.114)
FLOOR = 1e-15
MODES = ("fad", "lfs", "both", "mix")
MIX_AT = ("block7", "block12")


def band(size: int, start: float, end: float) -> Tensor:
    """1 where start <= i + j <= end, (size, size)."""
    places = torch.arange(size)
    total = places[:, None] + places[None]
    return ((total >= start) & (total <= end)).float()


class BandFilter(nn.Module):
    """A band's mask plus a learnt correction in (-1, 1) for every frequency."""

    base: Tensor

    def __init__(self, size: int, start: float, end: float) -> None:
        super().__init__()
        self.register_buffer("base", band(size, start, end), persistent=False)
        self.learnable = nn.Parameter(torch.randn(size, size) * 0.1)

    def forward(self) -> Tensor:
        return self.base + 2 * torch.sigmoid(self.learnable) - 1


def _transform(x: Tensor, basis: Tensor) -> Tensor:
    return basis @ x @ basis.T


class FadHead(nn.Module):
    """(N, 3, S, S) -> (N, 12, S, S): the picture through four DCT bands."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        low, middle = side // 2.82, side // 2
        ends = ((0, low), (low, middle), (middle, 2 * side), (0, 2 * side))
        self.filters = nn.ModuleList(BandFilter(side, *each) for each in ends)

    def forward(self, x: Tensor) -> Tensor:
        basis = dct_basis(self.side, device=x.device).to(x.dtype)
        frequencies = _transform(x, basis)
        return torch.cat([_transform(frequencies * each(), basis.T) for each in self.filters], 1)


class LfsHead(nn.Module):
    """(N, 3, S, S) in [-1, 1] -> (N, 6, s, s): log energy of six DCT bands in windows of 10 pixels."""

    def __init__(self, order: str, scale: float) -> None:
        super().__init__()
        if order not in ("last", "each"):
            raise ConfigError(f"f3net: lfs {order!r}, expected 'last' or 'each'")
        self.order, self.scale = order, scale
        step = 2 * WINDOW / LFS_BANDS
        self.filters = nn.ModuleList(BandFilter(WINDOW, step * k, step * (k + 1)) for k in range(LFS_BANDS))

    def forward(self, x: Tensor) -> Tensor:
        red, green, blue = x.unbind(1)
        grey = (LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue + 1) * self.scale
        rows = (grey.shape[-1] + 2 * PADDING - WINDOW) // STRIDE + 1
        windows = functional.unfold(grey[:, None], WINDOW, stride=STRIDE, padding=PADDING)
        patches = windows.transpose(1, 2).reshape(-1, windows.shape[2], WINDOW, WINDOW)
        coefficients = _transform(patches, dct_basis(WINDOW, device=x.device).to(x.dtype))
        bands = [self._energy(coefficients, each) for each in self.filters]
        return torch.stack(bands, 1).reshape(-1, LFS_BANDS, rows, rows)

    def _energy(self, coefficients: Tensor, each: nn.Module) -> Tensor:
        gain: Tensor = each()
        if self.order == "last":
            return torch.log10((coefficients * gain).abs().sum((-2, -1)) + FLOOR)
        logs = torch.log10(coefficients.abs() + FLOOR)
        count: Tensor = each.get_buffer("base").sum()
        return (logs * gain / count).sum((-2, -1))


class MixBlock(nn.Module):
    """Each stream gets the other one, weighted by an attention that both share; nothing at the start."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(2))
        self.key = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(2))
        self.gate = nn.ParameterList(nn.Parameter(torch.zeros(1)) for _ in range(2))
        self.out = nn.ModuleList(nn.Conv2d(channels, channels, 1, groups=channels) for _ in range(2))
        self.norm = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))

    def forward(self, streams: list[Tensor]) -> list[Tensor]:
        queries = [layer(x).transpose(2, 3) for layer, x in zip(self.query, streams, strict=True)]
        keys = [layer(x) for layer, x in zip(self.key, streams, strict=True)]
        attention = torch.softmax(torch.cat(queries, 3) @ torch.cat(keys, 2), -1)
        mixed = []
        for place, (x, other) in enumerate(zip(streams, reversed(streams), strict=True)):
            weighed = other * attention * (2 * torch.sigmoid(self.gate[place]) - 1)
            mixed.append(x + self.norm[place](self.out[place](weighed)))
        return mixed


class F3Network(nn.Module):
    """D: (N, 3, side, side) in [-1, 1] -> logits (N, 1).

    Args:
        mode: one of `MODES`.
        side: of the pictures.
        lfs: "last" or "each", where LFS takes its logarithm.
        lfs_scale: grey = (x + 1) times this.
        middle: middle blocks of each Xception.

    Raises:
        ConfigError: another mode or order.
    """

    def __init__(self, mode: str, side: int, *, lfs: str, lfs_scale: float, middle: int) -> None:
        super().__init__()
        if mode not in MODES:
            raise ConfigError(f"f3net: mode {mode!r}, expected one of {', '.join(MODES)}")
        self.mode, self.side, self.streams = mode, side, []
        if mode != "lfs":
            self.streams.append("FAD")
            self.FAD_head = FadHead(side)
            self.FAD_xcep = Xception(12, middle=middle)
        if mode != "fad":
            self.streams.append("LFS")
            self.LFS_head = LfsHead(lfs, lfs_scale)
            self.LFS_xcep = Xception(6, stem_stride=1, middle=middle)
        if mode == "mix":
            self.mix = nn.ModuleDict({"block7": MixBlock(728), "block12": MixBlock(1024)})
        self.dropout = nn.Dropout(0.2)
        self.fc = nn.Linear(2048 * len(self.streams), 1)

    def features(self, x: Tensor) -> list[Tensor]:
        """The last maps of every stream."""
        maps = [self.get_submodule(f"{stream}_head")(x) for stream in self.streams]
        networks = [self.get_submodule(f"{stream}_xcep") for stream in self.streams]
        if self.mode != "mix":
            return [network(y) for network, y in zip(networks, maps, strict=True)]
        maps = [network.stem(y) for network, y in zip(networks, maps, strict=True)]  # type: ignore[operator]
        for name in (*cast(Xception, networks[0]).names, "block12"):
            maps = [network.get_submodule(name)(y) for network, y in zip(networks, maps, strict=True)]
            if name in MIX_AT:
                maps = self.mix[name](maps)
        return [network.exit(y) for network, y in zip(networks, maps, strict=True)]  # type: ignore[operator]

    def forward(self, x: Tensor) -> Tensor:
        check_side(x, self.side, "f3net")
        pooled = [functional.relu(y).mean((-2, -1)) for y in self.features(x)]
        logits: Tensor = self.fc(self.dropout(torch.cat(pooled, 1)))
        return logits
