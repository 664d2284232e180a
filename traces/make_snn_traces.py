"""Make the bundled traces of spiking networks on MNIST again, and that of the ANN beside them: train, measure, export.

    python traces/make_snn_traces.py --mnist FOLDER

FOLDER holds MNIST's four idx files, plain or gzipped. WORK keeps the trainings (a stopped one goes on from there). All
three networks have the same layers; they are trained on the 60,000 training images and measured on the 10,000 test images.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import torch

from accelsim.cli.options import FOLDER
from accelsim.cli.program import program
from accelsim.nn.data.idx import PARTS, DigitSet, load_digits
from accelsim.nn.spiking.run_settings import Settings
from accelsim.nn.spiking.spike_export import export_network
from accelsim.nn.spiking.spiking_networks import NoisyNetwork, NoisyPerceptron
from models.nit.curves import Images, Schedule, train_perceptron
from models.nit.training import train

HERE = Path(__file__).parent
HIDDEN = (128, 128)
SEED = 1
TRACE_IMAGES = 64
SPIKING = {
    "stbp": Settings(method="stbp", seed=SEED, hidden=HIDDEN, epochs=4, replications=12, lr=2e-3),
    "nit": Settings(method="nit", seed=SEED, hidden=HIDDEN, epochs=8, replications=12, lr=5e-3),
}
ANN_EPOCHS, ANN_BATCH, ANN_LR = 4, 256, 2e-3


def train_ann(data: DigitSet, index: torch.Tensor) -> NoisyPerceptron:
    """A ReLU network of the same layers, by backpropagation without noise (Adam)."""
    network = NoisyPerceptron((784, *HIDDEN, 10), seed=SEED)
    images = Images(*data.take(index))
    schedule = Schedule(epochs=ANN_EPOCHS, batch=ANN_BATCH, lr=ANN_LR, seed=SEED)
    train_perceptron(network, "bp", images, schedule)
    return network


def make(mnist: Path, work: Path, out: Path) -> None:
    """All three traces."""
    torch.set_num_threads(
        1
    )  # each sum then has one order, so the spikes do not depend on the machine's core count
    data = load_digits(mnist)
    trained = torch.arange(PARTS[0][1])
    tested = torch.arange(PARTS[0][1], len(data))
    networks: dict[str, tuple[NoisyNetwork, bool, str]] = {}
    for method, settings in SPIKING.items():
        print(f"{method}: {settings.epochs} epochs in {work / method}", flush=True)
        network = train(settings, data, trained, work / method)
        how = f"{settings.method} (models/nit), {settings.epochs} epochs, {settings.steps} time steps"
        networks[f"snn-{method}-mnist"] = (network, settings.noisy, how)
    ann = train_ann(data, trained)
    networks["ann-mnist"] = (ann, False, f"ReLU, backpropagation, {ANN_EPOCHS} epochs of Adam")
    for name, (network, noisy, how) in networks.items():
        export_network(
            network,
            data,
            tested[:TRACE_IMAGES].tolist(),
            out / f"{name}.h5",
            name=name.removesuffix("-mnist"),
            dataset="mnist",
            noisy=noisy,
            seed=SEED,
            tested=tested,
            notes=f"{how}, seed {SEED}; 784-{'-'.join(map(str, HIDDEN))}-10. MNIST's 70,000 images are numbered from the "
            "first training image on, so 60,000 is the first test image. Accuracy: one pass, on all test images.",
            seeds={"training": SEED},
            overwrite=True,
        )
        print(f"{out / name}.h5: {(out / f'{name}.h5').stat().st_size:,} bytes", flush=True)


@program("python traces/make_snn_traces.py", __doc__, goes_on_from="the last epoch")
@click.option("--mnist", type=FOLDER, required=True, help="Folder of MNIST's idx files.")
@click.option(
    "--work", type=FOLDER, default=Path("out/snn-training"), show_default=True, help="Folder for trainings."
)
@click.option(
    "--out", type=FOLDER, default=HERE, show_default="beside this script", help="Folder for the traces."
)
def main(mnist: Path, work: Path, out: Path) -> None:
    """Make the traces."""
    make(mnist, work, out)


if __name__ == "__main__":
    sys.exit(main())
