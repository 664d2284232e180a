"""What decides a NIT network's accuracy: one choice at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from accelsim.errors import AccelsimError
from accelsim.files import read_text, replaced
from accelsim.nn.data.idx import DigitSet, Split
from accelsim.nn.spiking.run_settings import Settings
from models.nit.named_rows import NamedRow
from models.nit.robustness import NARROW, PREDICTION_DRAWS, Target
from models.nit.training import train
from models.nit.widths import pgd_accuracy

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


def row_of(choice: str, data: DigitSet, split: Split, out: Path) -> NamedRow:
    """Train and attack the network of one choice, or read back what was found before in a folder of `out`.

    Per cent of the test images with one draw of the noise and with the mean of 20; of the first 500 of them under
    PGD through the training's surrogate and a narrow one; and the mean noise level of the first and the last layer.
    Raises AccelsimError when `out` holds something else.
    """
    settings = Settings(method="nit", epochs=EPOCHS, **CHOICES[choice])
    folder = out / f"choice-{list(CHOICES).index(choice):02d}"
    folder.mkdir(parents=True, exist_ok=True)
    network = train(settings, data, split.train, folder)
    path = folder / "accuracy.json"
    if path.is_file():
        text = read_text(path, "file of accuracies")
        try:
            return NamedRow(choice, {str(k): float(v) for k, v in json.loads(text).items()})
        except (ValueError, AttributeError, TypeError):
            raise AccelsimError(f"{path}: not a file of accuracies; remove it") from None
    target = Target(network, settings.noisy, settings.loss_scale)
    generator = torch.Generator().manual_seed(1)
    images, labels = data.take(split.test)
    attacked = split.test[:ATTACKED_IMAGES]
    levels = [layer.sigma.mean().item() for layer in network.noisy_layers()]
    values = {
        "clean": 100.0 * target.accuracy(images, labels, generator),
        "mean of 20": 100.0 * target.accuracy(images, labels, generator, PREDICTION_DRAWS),
        "PGD": pgd_accuracy(target, data, attacked, settings.surrogate_width),
        "PGD, width 0.1": pgd_accuracy(target, data, attacked, NARROW),
        "sigma, first": levels[0],
        "sigma, last": levels[-1],
    }
    with replaced(path) as temporary:
        temporary.write_text(json.dumps(values), encoding="utf-8")
    return NamedRow(choice, values)
