"""The study's checkpoints and trace belong together."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.nn.injection.conversion import non_essential_layers
from accelsim.nn.injection.converted_checkpoint import Converted, load_converted
from accelsim.trace import Scheme, open_trace
from models.training.adversarial.adversarial_recipe import load_adversarial_recipe

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "models/checkpoints"
TUNED = ("unstructured-90", "unstructured-99", "nm-1of8", "nm-4of8")


@pytest.fixture(scope="module")
def distilled() -> Converted:
    return load_converted(FOLDER / "resnet18-w16-at.safetensors")


def test_the_trace_is_of_the_checkpoint(distilled: Converted) -> None:
    trace = open_trace(ROOT / "traces/resnet18-w16-at-cifar10.h5")
    assert trace.weights_sha256 == distilled.weights_sha256
    layers = {layer.name: layer.approximation for layer in trace.layers if layer.approximation}
    assert layers == {name: layer.approximation for name, layer in non_essential_layers(distilled.model)}
    assert {scheme.name for scheme in trace.schemes} == distilled.record["accuracies"].keys()
    # As many neurons are essential as the scheme says, in every image.
    noisy = Scheme.unstructured(0.9)
    masks = trace.layer(trace.layers[0].name, noisy).essential()
    assert masks.reshape(len(masks), -1).sum(axis=1).tolist() == [round(0.1 * masks[0].size)] * len(masks)


@pytest.mark.parametrize("scheme", TUNED)
def test_fine_tuned_from_it(distilled: Converted, scheme: str) -> None:
    tuned = load_converted(FOLDER / f"resnet18-w16-at-{scheme}.safetensors")
    said = tuned.record["finetuned"]
    assert (said["scheme"], said["weights_sha256"]) == (scheme, distilled.weights_sha256)
    recipe = load_adversarial_recipe(ROOT / "models/recipes/adversarial/finetune-cpu.yaml")
    assert said["recipe"] == recipe.model_dump(mode="json")
    for (_, before), (_, after) in zip(
        non_essential_layers(distilled.model), non_essential_layers(tuned.model), strict=True
    ):
        assert before.w_codes().equal(after.w_codes()) and before.signs.equal(after.signs)
        assert not before.inner.get_parameter("weight").equal(after.inner.get_parameter("weight"))
