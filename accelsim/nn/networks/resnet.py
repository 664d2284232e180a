"""ResNet-18 for 32x32 images.

He et al., "Deep Residual Learning for Image Recognition" (CVPR 2016), with the usual changes for CIFAR:
a 3x3 stem of stride 1 without max pooling, widths 64-128-256-512, 1x1 convolutions on the shortcuts that
change shape. One 32x32 image takes 555,417,600 multiply-accumulates in 20 convolutions and makes 614,400
convolution outputs.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from accelsim.nn.networks.input_normalization import Normalize


class BasicBlock(nn.Module):
    """Post-activation: two 3x3 convolutions, batch norm after each, ReLU after the first and the sum."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or c_in != c_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride=stride, bias=False), nn.BatchNorm2d(c_out)
            )
        # Each block starts as its shortcut: a short schedule then loses no steps to unscrambling the depth.
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class ResNet18(nn.Module):
    """Residual network of 18 weighted layers (and three 1x1 shortcuts).

    Shapes: input (images, 3, height, width) float in [0, 1], any height and width of at least 8;
    output (images, classes) logits.

    width: channels of the first stage; the others have two, four and eight times as many.
    """

    def __init__(self, classes: int = 10, width: int = 64) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = _stage(width, width, stride=1)
        self.layer2 = _stage(width, 2 * width, stride=2)
        self.layer3 = _stage(2 * width, 4 * width, stride=2)
        self.layer4 = _stage(4 * width, 8 * width, stride=2)
        self.fc = nn.Linear(8 * width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(self.normalize(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(x.mean(dim=(2, 3)))
        return logits


def _stage(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(BasicBlock(c_in, c_out, stride), BasicBlock(c_out, c_out, 1))
