"""P redrawn at every forward pass.

In the text (section 3.1) P "stays constant after initialization": fixed P, nothing random at inference. The caption of
Figure 1 has the noise of training and defence randomized. That needs a W~ for every P, by one of two ways:

    refit       W~, b~ of every draw distilled on calibration images, as for the first
    projected   W~ = W P^T, b~ = b, which Eqs. 4 to 6 rest on (E P^T P = 1); needs no images, and is far less exact

Both are made for a pool of draws beforehand; each pass over a batch takes one of the pool.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from accelsim.errors import AccelsimError
from accelsim.nn.base.random_module import RandomModule
from accelsim.nn.base.seeds import check_seed
from accelsim.nn.injection.conversion import non_essential_layers
from accelsim.nn.injection.distillation import distill
from accelsim.nn.layers.non_essential import NonEssentialLayer
from accelsim.nn.layers.projection import ternary_signs
from accelsim.nn.layers.select import TABLES

_STATE = (
    "signs",
    "w_approx",
    "b_approx",
    "w_scale",
    "b_scale",
    "y_scale",
    *(f"selector.{table}" for table in TABLES.values()),
)


class RedrawnProjection(RandomModule):
    """A converted network that takes one of several approximations for every batch, at random.

    pool: tensors that differ between draws, by their names in `network`, on its device. The network itself stays as it is.
    """

    def __init__(self, network: nn.Module, pool: Sequence[dict[str, Tensor]]) -> None:
        super().__init__()
        self.network = network
        self.pool = tuple(pool)

    def forward(self, x: Tensor) -> Tensor:
        chosen = torch.randint(len(self.pool), (), generator=self.generator(torch.device("cpu")))
        output: Tensor = functional_call(self.network, self.pool[int(chosen)], (x,))
        return output


def redrawn(
    model: nn.Module,
    count: int,
    *,
    method: Literal["refit", "projected"],
    batches: Iterable[Tensor] = (),
    seed: int = 0,
) -> RedrawnProjection:
    """A distilled model whose P is one of `count` draws at every forward pass; `model` itself is not changed.

    batches: calibration images for "refit", iterated once a draw (so no iterator). The schemes and controls in force
    stay, and may be changed afterwards. Raises AccelsimError for a count below 2, an unknown method, a model that
    is not distilled or has layers of the form none, and as distill.
    """
    check_seed("redrawn", seed)
    if count < 2:
        raise AccelsimError(f"redrawn: count is {count}, must be at least 2")
    if method not in ("refit", "projected"):
        raise AccelsimError(f"redrawn: method is {method!r}, must be 'refit' or 'projected'")
    layers = dict(non_essential_layers(model))
    if not layers or not all(layer.is_quantized for layer in layers.values()):
        raise AccelsimError(
            "redrawn: the model is not converted and distilled; run convert and distill first"
        )
    for name, layer in layers.items():
        if layer.projection.form == "none":
            raise AccelsimError(
                f"redrawn: layer {name} has the form none, which draws no P; convert with the form pixel or patch"
            )
    pool = []
    for draw in range(count):
        other = copy.deepcopy(model)
        for index, (_, layer) in enumerate(non_essential_layers(other)):
            rows, columns = layer.signs.shape
            fresh = ternary_signs(rows, columns, _seed(seed, draw, index), layer.projection.density)
            layer.signs.copy_(fresh)
            if method == "projected":
                _project(layer)
        if method == "refit":
            distill(other, batches, seed=seed)
        state = other.state_dict(keep_vars=False) | {
            f"{name}.signs": layer.signs for name, layer in non_essential_layers(other)
        }
        tensors = {f"{name}.{key}": state[f"{name}.{key}"] for name in layers for key in _STATE}
        pool.append(tensors)
    return RedrawnProjection(model, pool)


@torch.no_grad()
def _project(layer: NonEssentialLayer) -> None:
    """W~ = W P^T and b~ = b, quantized; the scale of y stays: P x has the same variance for every draw of P."""
    weight = layer.inner.get_parameter("weight").flatten(1)
    w = layer.project(weight[:, None])[:, 0]
    bias = dict(layer.inner.named_parameters()).get("bias")
    layer.set_approximation(w, torch.zeros_like(layer.b_approx) if bias is None else bias)
    layer.quantize()


def _seed(seed: int, draw: int, layer: int) -> int:
    """Apart from each other, and from the seeds of `convert`, which lie below 2^51."""
    return (1 << 52) + (seed * 1_000_003 + draw) * 1_009 + layer
