"""Which batch norm takes a layer's output: found by running the network, since no module says where its output goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from accelsim.nn.injection.conversion import non_essential_layers


@contextmanager
def batch_norms_found(model: nn.Module) -> Iterator[None]:
    """Inside, forward passes set `followed_by` of every converted layer that runs.

    A batch norm follows a layer if its input is the very tensor that the layer returned. A layer whose outputs go to
    different batch norms has none.
    """
    layers = dict(non_essential_layers(model))
    outputs: list[tuple[Tensor, str]] = []
    found: dict[str, set[nn.Module]] = {}

    def starts(module: nn.Module, args: tuple[Any, ...]) -> None:
        outputs.clear()

    def leaves(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
            outputs.append((output, name))
            found.setdefault(name, set())

        return hook

    def arrives(module: nn.Module, args: tuple[Any, ...]) -> None:
        for output, name in outputs:
            if args and args[0] is output:
                found[name].add(module)

    with ExitStack() as hooks:
        hooks.enter_context(model.register_forward_pre_hook(starts))
        for name, layer in layers.items():
            hooks.enter_context(layer.register_forward_hook(leaves(name)))
        for module in model.modules():
            if isinstance(module, _BatchNorm) and module.running_mean is not None:
                hooks.enter_context(module.register_forward_pre_hook(arrives))
        yield
    for name, norms in found.items():
        layers[name].followed_by = tuple(norms) if len(norms) == 1 else ()


def name_of_norm(model: nn.Module, norms: tuple[nn.Module, ...]) -> str | None:
    """Return the name in `model` of the batch norm that follows a layer, None if none does."""
    return next((name for name, module in model.named_modules() if module in norms), None)
