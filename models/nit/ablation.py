"""What decides a NIT network's accuracy: one choice at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim.nn.data.idx import DigitSet, Split
from accelsim.nn.spiking.run_settings import Settings
from models.nit.nit_columns import NARROW, PREDICTION_DRAWS, accuracy_from, pgd_of_width
from models.nit.spiking_target import SpikingTarget
from models.nit.training import train
from models.study.records import ValuesRecord

EPOCHS = 3
ATTACKED_IMAGES = 500

CHOICES: dict[str, dict[str, Any]] = {
    "as in the tables, but 3 epochs": {},
    "learning rate 1e-3": {"lr": 1e-3},
    "learning rate 2e-2": {"lr": 2e-2},
    "T = 2": {"steps": 2},
    "T = 16": {"steps": 16},
    "random spikes as input": {"encoding": "rate"},
    "spikes of the last step, loss not scaled (the text)": {"readout": "last", "loss_scale": 1.0},
    "decay 0.75": {"decay": 0.75},
    "threshold 1": {"threshold": 1.0},
    "C = 4": {"replications": 4},
    "losses as they are, independent noise (the text)": {"reduced": False},
    "sigma stays at 1": {"sigma_least": 1.0, "sigma_most": 1.0},
    "sigma at least 0.5": {"sigma_least": 0.5},
    "weights within 0.5": {"weight_bound": 0.5},
    "the two of the text together": {"readout": "last", "loss_scale": 1.0, "reduced": False},
}
"""What a row of the table is called, and the settings that it changes."""


def row_of(choice: str, data: DigitSet, split: Split, out: Path) -> dict[str, float]:
    """Train and attack the network of one choice, or read back what was found before in a folder of `out`.

    Returns:
        By column: per cent of the test images with one draw of the noise and with the mean of 20; of the first 500 of
        them under PGD through the training's surrogate and a narrow one; the mean noise level of the first and last layer.

    Raises:
        AccelsimError: `out` holds something else.
    """
    settings = Settings(method="nit", epochs=EPOCHS, **CHOICES[choice])
    folder = out / f"choice-{list(CHOICES).index(choice):02d}"
    folder.mkdir(parents=True, exist_ok=True)
    network = train(settings, data, split.train, folder)
    # The folder's weights, whose settings `train` compares, are what decides these numbers.
    record = ValuesRecord.open(folder / "accuracy.json", {}, ("values",), _without_group)
    values = record.groups["values"]
    if values:
        return values
    target = SpikingTarget.trained(network, settings, seed=1)
    images, labels = data.take(split.test)
    attacked = split.test[:ATTACKED_IMAGES]
    values["clean"] = 100.0 * target.accuracy(images, labels)
    values["mean of 20"] = 100.0 * target.accuracy(images, labels, PREDICTION_DRAWS)
    for name, width in (("PGD", settings.surrogate_width), ("PGD, width 0.1", NARROW)):
        values[name] = accuracy_from(2, pgd_of_width(width), target, data, attacked)
    levels = [layer.sigma.mean().item() for layer in network.noisy_layers()]
    values |= {"sigma, first": levels[0], "sigma, last": levels[-1]}
    record.save()
    return values


def _without_group(found: dict[str, Any]) -> dict[str, Any]:
    """Return the object of an older file, which was the values alone, as the present one."""
    return found if "values" in found else {"values": found}
