"""Names of variants, and the networks they stand for."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from accelsim.errors import AccelsimError
from accelsim.nn.base.random_module import is_random
from accelsim.nn.injection.conversion import convert
from accelsim.nn.injection.distillation import distill
from accelsim.trace import Scheme
from models.study.variants import Variant, product


@pytest.mark.parametrize(
    "name",
    [
        "dense",
        "unstructured-90",
        "nm-1of8+zeros",
        "unstructured-90+refit",
        "unstructured-50+random+projected",
    ],
)
def test_names_round_trip(name: str) -> None:
    assert Variant.parse(name).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unstructured-90+zeroes", "did you mean `zeros`"),
        ("unstructured-90+none", "'none'"),
        ("unstructured-90+zeros+random", "'random'"),
        ("dense+zeros", r"leave '\+zeros' out"),
        ("unstructed-90", "scheme 'unstructed-90' is unknown"),
    ],
)
def test_wrong_names(name: str, message: str) -> None:
    with pytest.raises(AccelsimError, match=message):
        Variant.parse(name)


def test_product_has_dense_once() -> None:
    found = product(["dense", "nm-1of8"], ["none", "zeros"], ["fixed", "projected"])
    assert [variant.name for variant in found] == [
        "dense",
        "nm-1of8",
        "nm-1of8+projected",
        "nm-1of8+zeros",
        "nm-1of8+zeros+projected",
    ]


@torch.no_grad()
def test_networks_of_variants(classifier: nn.Module, labelled) -> None:
    x, _ = labelled
    model = convert(classifier, Scheme.dense(), form="patch", k_ratio=0.5, seed=2)
    distill(model, x.split(50))
    before = model(x)

    def network(name: str) -> nn.Module:
        return Variant.parse(name).network(model, x.split(50), 3, pool=3)

    assert torch.equal(network("dense")(x), before) and torch.equal(network("dense")(x), classifier(x))
    assert not torch.equal(network("unstructured-70")(x), before)
    for name, draws in [
        ("unstructured-70", False),
        ("unstructured-70+refit", True),
        ("unstructured-70+random", True),
    ]:
        assert is_random(network(name)) == draws == Variant.parse(name).is_random(model)
    assert torch.equal(model(x), before)
    with pytest.raises(AccelsimError, match="'nm-1of4': the checkpoint is not converted"):
        Variant.parse("nm-1of4").network(classifier, (), 0)
