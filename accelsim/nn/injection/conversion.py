"""Turn any nn.Module into one that injects noise into non-essential neurons, and change its scheme."""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator

from torch import nn

from accelsim.errors import AccelsimError
from accelsim.forms import Form
from accelsim.nn.base.seeds import check_seed
from accelsim.nn.layers.geometry import symmetric_padding
from accelsim.nn.layers.non_essential import NonEssentialConv2d, NonEssentialLayer, NonEssentialLinear
from accelsim.nn.layers.precise_layer import PreciseLayer, WrappedLayer
from accelsim.nn.layers.projection import Projection, choose_projection
from accelsim.nn.layers.projection_forms import DEFAULT_FORM, Density
from accelsim.schemes import Scheme


def convert(
    model: nn.Module,
    scheme: Scheme,
    *,
    form: Form = DEFAULT_FORM,
    k_ratio: float | None = None,
    density: Density | None = None,
    seed: int = 0,
    linear: bool = False,
    skip: Collection[str] = (),
    copy_model: bool = True,
) -> nn.Module:
    """Replace every torch.nn.Conv2d (and Linear, if `linear`) by its non-essential counterpart.

    model: any module; layers are found by `named_modules`, so what is written with torch.nn.functional
        stays as it is. Subclasses of Conv2d and Linear stay too: they may compute something else.
    scheme: in force at first; `set_scheme` changes it. Under a dense scheme the model is the original.
    form: of the approximation: "none" (y is x in INT4), "pixel" (one P for every pixel's channels), "patch" (the
        paper's P for each patch); see accelsim.nn.layers.projection.
    k_ratio: with pixel and patch, rows of P as a share of its columns (default 1/4), see `projection_size` there.
    density: with pixel and patch, share of P's entries that are not zero (default 1/3), or "sqrt".
    seed: 0 to 2^31 - 1; layer i (in `named_modules` order) draws its P from seed * 1,000,003 + i.
    skip: names of layers to leave alone.
    copy_model: False changes `model` itself.

    The approximation is untrained until `accelsim.nn.injection.distillation.distill` has run.
    Raises AccelsimError for an unknown form, a k_ratio or density that is out of range or given with the form none, a
    seed out of range, a name in `skip` that is no layer, a layer with another
    padding than zeros, or a model in which nothing can be converted.
    """
    check_seed("convert", seed)
    if copy_model:
        model = copy.deepcopy(model)
    kinds: tuple[type[nn.Module], ...] = (nn.Conv2d, nn.Linear) if linear else (nn.Conv2d,)
    names = {name for name, _ in model.named_modules()}
    for name in skip:
        if name not in names:
            raise AccelsimError(f"convert: skip names {name!r}, which is no module of the model")
    # Fixed before the first replacement: wrapped layers would be found again inside their wrappers.
    found = [(name, module) for name, module in model.named_modules() if type(module) in kinds]
    for index, (name, module) in enumerate(found):
        if name not in skip:
            row = module.get_parameter("weight")[0]
            taps = row[0].numel() if row.ndim > 1 else 1
            drawn = choose_projection(form, k_ratio, density, row.numel(), taps, seed * 1_000_003 + index)
            replace_layer(model, name, drawn, scheme)
    if not any(isinstance(module, NonEssentialLayer) for module in model.modules()):
        raise AccelsimError("convert: no layer to convert (torch.nn.Conv2d, or Linear by option)")
    return model


def replace_layer(model: nn.Module, name: str, projection: Projection, scheme: Scheme) -> None:
    """Wrap the one layer `name` of `model` in place, under every name that the model holds it by.

    Raises AccelsimError when it is no Conv2d or Linear, or pads with anything but equal zeros.
    """
    module = dict(model.named_modules()).get(name)
    wrapped: NonEssentialLayer
    if not name:
        raise AccelsimError("convert: the model is itself one layer; put it in a torch.nn.Sequential")
    if isinstance(module, nn.Conv2d):
        if module.padding_mode != "zeros":
            raise AccelsimError(
                f"convert: layer {name} has padding_mode {module.padding_mode!r}, must be 'zeros'; skip it"
            )
        try:
            symmetric_padding(module)
        except AccelsimError as error:
            raise AccelsimError(f"convert: layer {name}: {error}; skip it") from error
        wrapped = NonEssentialConv2d(module, projection, scheme)
    elif isinstance(module, nn.Linear):
        wrapped = NonEssentialLinear(module, projection, scheme)
    else:
        raise AccelsimError(f"convert: {name} is {type(module).__name__}, must be a Conv2d or Linear")
    wrapped.train(module.training)
    in_every_place(model, module, wrapped)


def in_every_place(model: nn.Module, module: nn.Module, other: nn.Module) -> None:
    """Put `other` in the place of `module`, under every name that the model holds it by."""
    aliases = [alias for alias, found in model.named_modules(remove_duplicate=False) if found is module]
    for alias in aliases:
        parent, _, attribute = alias.rpartition(".")
        setattr(model.get_submodule(parent), attribute, other)


def non_essential_layers(model: nn.Module) -> Iterator[tuple[str, NonEssentialLayer]]:
    """(name, layer) of every converted layer, in `named_modules` order."""
    for name, module in model.named_modules():
        if isinstance(module, NonEssentialLayer):
            yield name, module


def wrapped_layers(model: nn.Module) -> Iterator[tuple[str, WrappedLayer]]:
    """(name, layer) of every converted layer, and of those wrapped for their precision alone."""
    for name, module in model.named_modules():
        if isinstance(module, WrappedLayer):
            yield name, module


def set_scheme(model: nn.Module, scheme: Scheme) -> nn.Module:
    """Put another scheme in force in every converted layer; W~ and b~ stay. Returns `model`, changed."""
    for _, layer in wrapped_layers(model):
        if isinstance(layer, NonEssentialLayer):
            layer.selector.scheme = scheme
        elif isinstance(layer, PreciseLayer):
            layer.scheme = scheme
    return model
