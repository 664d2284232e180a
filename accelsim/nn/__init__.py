"""Noise injection into non-essential neurons, in PyTorch: layers, conversion, distillation, attacks and export.

What a user needs is here; nothing is imported before it is used, so importing `accelsim.nn` needs no PyTorch (its names
do: the extra `train`).

Convert a trained network, choose a scheme, and export its mask trace::

    from accelsim import Scheme
    from accelsim.nn import convert, distill, export_trace, set_scheme

    scheme = Scheme.parse("nm-1of8")
    converted = convert(network.eval(), scheme, seed=0)
    distill(converted, batches, seed=0)
    export_trace(converted, images, range(len(images)), "mine.h5", [scheme], network="mine", dataset="mine")

| to | use |
| --- | --- |
| put the noise into a network | `convert`, `set_scheme`, `set_control`, `redrawn`, `non_essential_layers` |
| build a network of such layers | `NonEssentialConv2d`, `NonEssentialLinear`, their base `NonEssentialLayer` |
| teach the approximations | `distill`, which returns a `LayerFit` for each layer |
| keep a converted network | `save_converted`, `load_converted` (a `Converted`), `round_weights`, `prepare` |
| get a network | `make_network`, `NETWORKS`, `ResNet18`, `WideResNet34_10`, `load_trained` |
| get images, and measure clean accuracy | `load_cifar`, `ImageSet`, `to_float`, `accuracy` |
| attack | `FGSM`, `PGD`, `MIFGSM`, any by name with `attack_named`; `Attack`, `Target` |
| export a mask trace | `export_trace`, `export_own_model`, `export_from_checkpoint`; of a spiking network `export_run` |
| compare with the RTL | `random_operands`, `network_operands` |
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from accelsim.extras import lazy_names

if TYPE_CHECKING:
    from accelsim.nn.attacks.attack import Attack as Attack
    from accelsim.nn.attacks.catalogue import attack_named as attack_named
    from accelsim.nn.attacks.fgsm import FGSM as FGSM
    from accelsim.nn.attacks.mifgsm import MIFGSM as MIFGSM
    from accelsim.nn.attacks.pgd import PGD as PGD
    from accelsim.nn.attacks.target import Target as Target
    from accelsim.nn.clean_accuracy import accuracy as accuracy
    from accelsim.nn.clean_accuracy import load_trained as load_trained
    from accelsim.nn.data.cifar import ImageSet as ImageSet
    from accelsim.nn.data.cifar import load_cifar as load_cifar
    from accelsim.nn.data.cifar import to_float as to_float
    from accelsim.nn.fixed_point.from_network import network_operands as network_operands
    from accelsim.nn.fixed_point.random_operands import random_operands as random_operands
    from accelsim.nn.injection.controls import set_control as set_control
    from accelsim.nn.injection.conversion import convert as convert
    from accelsim.nn.injection.conversion import non_essential_layers as non_essential_layers
    from accelsim.nn.injection.conversion import set_scheme as set_scheme
    from accelsim.nn.injection.converted_checkpoint import Converted as Converted
    from accelsim.nn.injection.converted_checkpoint import load_converted as load_converted
    from accelsim.nn.injection.converted_checkpoint import round_weights as round_weights
    from accelsim.nn.injection.converted_checkpoint import save_converted as save_converted
    from accelsim.nn.injection.distillation import LayerFit as LayerFit
    from accelsim.nn.injection.distillation import distill as distill
    from accelsim.nn.injection.redrawn import redrawn as redrawn
    from accelsim.nn.layers.non_essential import NonEssentialConv2d as NonEssentialConv2d
    from accelsim.nn.layers.non_essential import NonEssentialLayer as NonEssentialLayer
    from accelsim.nn.layers.non_essential import NonEssentialLinear as NonEssentialLinear
    from accelsim.nn.networks import NETWORKS as NETWORKS
    from accelsim.nn.networks import make_network as make_network
    from accelsim.nn.networks.resnet import ResNet18 as ResNet18
    from accelsim.nn.networks.wide_resnet import WideResNet34_10 as WideResNet34_10
    from accelsim.nn.own_network import export_own_model as export_own_model
    from accelsim.nn.preparation import prepare as prepare
    from accelsim.nn.spiking.spike_export import export_run as export_run
    from accelsim.nn.trace_export import export_from_checkpoint as export_from_checkpoint
    from accelsim.nn.trace_export import export_trace as export_trace
else:
    MODULE_OF, __getattr__ = lazy_names(
        __name__,
        {
            "attacks.attack": "Attack",
            "attacks.catalogue": "attack_named",
            "attacks.fgsm": "FGSM",
            "attacks.mifgsm": "MIFGSM",
            "attacks.pgd": "PGD",
            "attacks.target": "Target",
            "clean_accuracy": "accuracy load_trained",
            "data.cifar": "ImageSet load_cifar to_float",
            "fixed_point.from_network": "network_operands",
            "fixed_point.random_operands": "random_operands",
            "injection.controls": "set_control",
            "injection.conversion": "convert non_essential_layers set_scheme",
            "injection.converted_checkpoint": "Converted load_converted round_weights save_converted",
            "injection.distillation": "LayerFit distill",
            "injection.redrawn": "redrawn",
            "layers.non_essential": "NonEssentialConv2d NonEssentialLayer NonEssentialLinear",
            "networks": "NETWORKS make_network",
            "networks.resnet": "ResNet18",
            "networks.wide_resnet": "WideResNet34_10",
            "own_network": "export_own_model",
            "preparation": "prepare",
            "spiking.spike_export": "export_run",
            "trace_export": "export_from_checkpoint export_trace",
        },
        needs={"torch": "PyTorch", "safetensors": "safetensors"},
        extra="train",
    )
    __all__ = sorted(MODULE_OF)
