"""Wide residual networks for 32x32 images.

Zagoruyko and Komodakis, "Wide Residual Networks" (BMVC 2016): pre-activation blocks of two 3x3
convolutions, (depth - 4) / 6 blocks in each of three stages, widths 16k-32k-64k for widening factor k.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.networks.input_normalization import Normalize


class PreActivationBlock(nn.Module):
    """Batch norm and ReLU before each of two 3x3 convolutions, no dropout.

    Where the shape changes, the 1x1 shortcut reads the activated input; else the raw input is added.
    """

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.shortcut: nn.Conv2d | None = None
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        activated = F.relu(self.bn1(x))
        out: Tensor = self.conv2(F.relu(self.bn2(self.conv1(activated))))
        return out + (x if self.shortcut is None else self.shortcut(activated))


class WideResNet(nn.Module):
    """WRN-depth-widen.

    Shapes: input (images, 3, height, width) float in [0, 1]; output (images, classes) logits.
    Raises AccelsimError when depth is not 6 n + 4.
    """

    def __init__(self, depth: int, widen: int, classes: int = 10) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise AccelsimError(f"WideResNet: depth = {depth}, must be 6 n + 4 with n >= 1 (10, 16, 22 ...)")
        blocks = (depth - 4) // 6
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.block1 = _stage(16, 16 * widen, blocks, stride=1)
        self.block2 = _stage(16 * widen, 32 * widen, blocks, stride=2)
        self.block3 = _stage(32 * widen, 64 * widen, blocks, stride=2)
        self.bn1 = nn.BatchNorm2d(64 * widen)
        self.fc = nn.Linear(64 * widen, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.block3(self.block2(self.block1(self.conv1(self.normalize(x)))))
        logits: Tensor = self.fc(F.relu(self.bn1(x)).mean(dim=(2, 3)))
        return logits


class WideResNet34_10(WideResNet):
    """The WRN-34-10 of the adversarial-robustness literature, dropout 0."""

    def __init__(self, classes: int = 10) -> None:
        super().__init__(depth=34, widen=10, classes=classes)


def _stage(c_in: int, c_out: int, blocks: int, stride: int) -> nn.Sequential:
    first = PreActivationBlock(c_in, c_out, stride)
    return nn.Sequential(first, *(PreActivationBlock(c_out, c_out, 1) for _ in range(blocks - 1)))
