"""Networks by name, and users' own networks by `module:factory`."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial

from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.baselines.rpf import with_random_filters
from accelsim.nn.baselines.rse import with_noise_layers
from accelsim.nn.networks.current_folder import current_folder_importable
from accelsim.nn.networks.resnet import ResNet18
from accelsim.nn.networks.wide_resnet import WideResNet34_10
from accelsim.trace.container import one_line

_BASES: dict[str, Callable[[int], nn.Module]] = {
    "resnet18": ResNet18,
    "resnet18-w16": partial(ResNet18, width=16),
    "wrn34-10": WideResNet34_10,
}
_BASELINES: dict[str, Callable[[nn.Module], nn.Module]] = {
    "": lambda network: network,
    "-rse-add": lambda network: with_noise_layers(network, "add"),
    "-rse-multiply": lambda network: with_noise_layers(network, "multiply"),
    "-rpf": with_random_filters,
}
_CLASSES = {"": 10, "-cifar100": 100}


def _factory(base: str, baseline: str, classes: int) -> Callable[[], nn.Module]:
    return lambda: _BASELINES[baseline](_BASES[base](classes))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    f"{base}{baseline}{suffix}": _factory(base, baseline, classes)
    for base in _BASES
    for baseline in _BASELINES
    for suffix, classes in _CLASSES.items()
}
"""`resnet18`, `resnet18-w16` (a quarter of its width) and `wrn34-10`, as they are or with a baseline's random layers,
for 10 or 100 classes.
"""


def make_network(name: str) -> nn.Module:
    """A fresh network: a name in NETWORKS, or `module:factory`, a callable without arguments to import.

    A factory must return a torch.nn.Module whose input lies in [0, 1] (it normalizes inside). Its module
    may lie in the current folder.
    Raises AccelsimError when the name is unknown, the import or the factory fails, or the factory returns
    something else.
    """
    if name in NETWORKS:
        return NETWORKS[name]()
    module_name, colon, factory_name = name.partition(":")
    if not (module_name and colon and factory_name):
        raise AccelsimError(f"network: {name!r} is unknown; choose {', '.join(NETWORKS)} or module:factory")
    # A user's module may raise anything, at import as in the factory.
    with current_folder_importable(module_name.partition(".")[0]):
        with one_line(f"network: cannot import {name!r}"):
            factory = getattr(importlib.import_module(module_name), factory_name)
        with one_line(f"network: {name!r}, called without arguments, failed"):
            network = factory()
    if not isinstance(network, nn.Module):
        raise AccelsimError(f"network: {name!r} returned {type(network).__name__}, must be a torch.nn.Module")
    return network


def with_baseline(network: nn.Module, name: str, wanted: str) -> nn.Module:
    """`network`, of the plain `name`, with the random layers of the baseline `wanted` around its weights; changed in place.

    RPF's drawn filters take the place of learned ones. Raises AccelsimError unless `wanted` is `name` or a baseline of it.
    """
    for base in _BASES:
        for suffix in _CLASSES:
            for baseline, put in _BASELINES.items():
                if (name, wanted) == (f"{base}{suffix}", f"{base}{baseline}{suffix}"):
                    return put(network)
    if name == wanted:
        return network
    raise AccelsimError(f"network: {wanted!r} is neither {name!r} nor a baseline of it")


__all__ = ["NETWORKS", "ResNet18", "WideResNet34_10", "make_network", "with_baseline"]
