"""The classifiers of Frank et al. (ICML 2020) on 3-channel maps, initialised as in Keras (Glorot)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


def _keras(network: nn.Module) -> nn.Module:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def dense_of(network: nn.Module) -> nn.Linear:
    """The first Dense layer, the one that penalties concern."""
    return next(m for m in network.modules() if isinstance(m, nn.Linear))


def linear(side: int) -> nn.Module:
    """Logistic regression on every coefficient."""
    return _keras(nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 1)))


def hidden(side: int) -> nn.Module:
    """One hidden layer of 128."""
    return _keras(nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 128), nn.ReLU(), nn.Linear(128, 1)))


def cnn(side: int) -> nn.Module:
    """Convolutions of 3, 8, 16 and 32 channels with two average poolings, then Dense."""

    def conv(channels: int, out: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, out, 3, padding=1), nn.ReLU()]

    return _keras(
        nn.Sequential(
            *conv(3, 3),
            *conv(3, 8),
            nn.AvgPool2d(2),
            *conv(8, 16),
            nn.AvgPool2d(2),
            *conv(16, 32),
            nn.Flatten(),
            nn.Linear(32 * (side // 4) ** 2, 1),
        )
    )


class _Block(nn.Module):
    """Conv, ReLU, BatchNorm (in this order), Conv, BatchNorm, plus the shortcut, ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(64, 64, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(64, eps=1e-3, momentum=0.01)
        self.conv2 = nn.Conv2d(64, 64, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(64, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn1(functional.relu(self.conv1(x)))
        return functional.relu(x + self.bn2(self.conv2(y)))


class Residual(nn.Module):
    """Two valid convolutions, pooling, ten blocks, one more valid convolution, a hidden layer of 256."""

    def __init__(self, blocks: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(3)
        )
        self.blocks = nn.Sequential(*(_Block() for _ in range(blocks)))
        self.last = nn.Conv2d(64, 64, 3)
        self.hidden = nn.Linear(64, 256)
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(256, 1)
        _keras(self)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, 1)."""
        features = functional.relu(self.last(self.blocks(self.stem(x)))).mean((-2, -1))
        logits: Tensor = self.head(self.dropout(functional.relu(self.hidden(features))))
        return logits
