"""Networks by name, and users' own networks by `module:factory`."""

from __future__ import annotations

import importlib
from collections.abc import Callable

from torch import nn

from accelsim.errors import AccelsimError
from models.networks.resnet import ResNet18
from models.networks.wide_resnet import WideResNet34_10

NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "resnet18": ResNet18,
    "wrn34-10": WideResNet34_10,
}


def make_network(name: str) -> nn.Module:
    """A fresh network: a name in NETWORKS, or `module:factory`, a callable without arguments to import.

    A factory must return a torch.nn.Module whose input lies in [0, 1] (it normalizes inside).
    Raises AccelsimError when the name is unknown, the import fails or the factory returns something else.
    """
    if name in NETWORKS:
        return NETWORKS[name]()
    module_name, colon, factory_name = name.partition(":")
    if not (module_name and colon and factory_name):
        raise AccelsimError(f"network: {name!r} is unknown; choose {', '.join(NETWORKS)} or module:factory")
    try:
        factory = getattr(importlib.import_module(module_name), factory_name)
    except (ImportError, AttributeError) as error:
        raise AccelsimError(f"network: cannot import {name!r}: {error}") from error
    network = factory()
    if not isinstance(network, nn.Module):
        raise AccelsimError(f"network: {name!r} returned {type(network).__name__}, must be a torch.nn.Module")
    return network


__all__ = ["NETWORKS", "ResNet18", "WideResNet34_10", "make_network"]
