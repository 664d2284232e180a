"""Controls: what else could be done to the same share of neurons as noise injection does (Eq. 2).

    random           z~ in random neurons instead of those of least |z~|
    gaussian         z + e in the non-essential neurons, e normal with the mean square of z~ - z there
    gaussian-value   normal draws with the mean and variance of z~ there: noise that says nothing about z
    zeros            nothing in the non-essential neurons: plain activation sparsity
    essential        z~ in the neurons of largest |z~|, as many as would otherwise get it (Fig. 4 c, d of the paper)

Moments are those of one image's non-essential neurons of a layer, so no image depends on its neighbours. `random` and the
gaussian ones draw at every forward pass; `gaussian` needs z of every neuron, so it saves nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from accelsim.errors import AccelsimError, suggestion
from accelsim.nn.base.random_module import RandomModule
from accelsim.nn.injection.conversion import non_essential_layers
from accelsim.nn.layers.non_essential import Injection, NonEssentialLayer
from accelsim.schemes.selection_suffix import ranked


class RandomNeurons(RandomModule):
    """The scheme's share, and its structure, but of neurons drawn at random."""

    def forward(self, layer: NonEssentialLayer, z: Tensor, z_approx: Tensor) -> Tensor:
        draw = torch.rand(z.shape, generator=self.generator(z.device), device=z.device, dtype=z.dtype)
        return torch.where(layer.largest(draw), z, z_approx)


class GaussianError(RandomModule):
    """z disturbed as much as z~ is off."""

    def forward(self, layer: NonEssentialLayer, z: Tensor, z_approx: Tensor) -> Tensor:
        mask = layer.essential(z_approx)
        mean_square = _mean((z_approx - z).detach().square(), ~mask)
        return torch.where(mask, z, z + mean_square.sqrt() * _normal(self, z))


class GaussianValue(RandomModule):
    """Draws with the moments of z~."""

    def forward(self, layer: NonEssentialLayer, z: Tensor, z_approx: Tensor) -> Tensor:
        mask = layer.essential(z_approx)
        mean = _mean(z_approx.detach(), ~mask)
        variance = _mean((z_approx.detach() - mean).square(), ~mask)
        return torch.where(mask, z, mean + variance.sqrt() * _normal(self, z))


class Zeros(nn.Module):
    """Sparsity: only the essential neurons say anything."""

    def forward(self, layer: NonEssentialLayer, z: Tensor, z_approx: Tensor) -> Tensor:
        return torch.where(layer.essential(z_approx), z, torch.zeros_like(z))


class EssentialNoise(nn.Module):
    """The neurons of least |z~| stay precise."""

    def forward(self, layer: NonEssentialLayer, z: Tensor, z_approx: Tensor) -> Tensor:
        criterion = layer.selector.scheme.criterion
        scores = ranked(layer.like_output(layer.scores(layer.by_position(z_approx.detach())), z), criterion)
        return torch.where(layer.largest(scores.amax() - scores), z, z_approx)


CONTROLS: dict[str, type[nn.Module]] = {
    "none": Injection,
    "random": RandomNeurons,
    "gaussian": GaussianError,
    "gaussian-value": GaussianValue,
    "zeros": Zeros,
    "essential": EssentialNoise,
}
_BY_RANK = ("random", "essential")


def set_control(model: nn.Module, name: str) -> nn.Module:
    """Put a control in force in every converted layer; `none` is the method itself. Returns `model`, changed.

    Raises AccelsimError for an unknown name, and for `random` and `essential` under a calibrated threshold, which is
    one of |z~| and cannot rank anything else.
    """
    if name not in CONTROLS:
        raise AccelsimError(f"control {name!r} is unknown; {suggestion(name, list(CONTROLS))}")
    for _, layer in non_essential_layers(model):
        if name in _BY_RANK and layer.selector.scheme.is_calibrated:
            raise AccelsimError(
                f"control {name}: scheme {layer.selector.scheme.name} has a threshold of |z~| only"
            )
        layer.injection = CONTROLS[name]()
    return model


def _mean(values: Tensor, chosen: Tensor) -> Tensor:
    """Mean over the chosen neurons of each image, (images, 1, ...); 0 where none is chosen."""
    axes = tuple(range(1, values.ndim))
    total = torch.where(chosen, values, torch.zeros_like(values)).sum(dim=axes, keepdim=True)
    return total / chosen.sum(dim=axes, keepdim=True).clamp_min(1)


def _normal(module: RandomModule, like: Tensor) -> Tensor:
    return torch.randn(
        like.shape, generator=module.generator(like.device), device=like.device, dtype=like.dtype
    )
