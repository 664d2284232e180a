"""What a gradient by likelihood ratios costs beside backpropagation: time, memory and variance (NIT paper, Table 1).

    python benchmarks/nit.py

prints three Markdown tables, from random images, on one thread: a training step's CPU time and memory; how the
time grows with the width of the layers; how far one estimate of the gradient is from the truth. All in one run.
"""

from __future__ import annotations

import math
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from accelsim.nn.spiking.lif import Lif
from accelsim.nn.spiking.spiking_networks import NoisyNetwork, NoisyPerceptron, SpikingNetwork
from accelsim.tables import frame_of, markdown_table
from models.nit.estimator import Estimator, centred, cross_entropy, lr_gradient
from models.nit.training import set_lr_gradients

BATCH = 64
INPUTS, CLASSES = 784, 10
COPIES = (2, 20, 100)
REPEATS = 3
MIB = 2**20


@dataclass(frozen=True)
class Size:
    """A network's hidden layers and time steps; None: an ANN."""

    hidden: tuple[int, ...]
    steps: int | None

    def __str__(self) -> str:
        layers = "-".join(map(str, (INPUTS, *self.hidden, CLASSES)))
        return f"{layers}, T = {self.steps}" if self.steps else f"{layers}, ANN"

    def network(self) -> NoisyNetwork:
        sizes = (INPUTS, *self.hidden, CLASSES)
        if self.steps is None:
            return NoisyPerceptron(sizes, torch.tanh)
        return SpikingNetwork(
            sizes, steps=self.steps, neuron=Lif(threshold=0.5), readout="count", surrogate_width=1.0
        )


SIZES = (Size((50,), None), Size((50,), 8), Size((128, 128), 8), Size((128, 128), 32))
WIDTHS = (128, 256, 512, 1024)


def batch() -> tuple[Tensor, Tensor]:
    """Images (BATCH, 784) of which four fifths of the pixels are 0, as MNIST's, and labels."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, INPUTS, generator=generator)
    images *= torch.rand(BATCH, INPUTS, generator=generator) < 0.2
    return images, torch.randint(0, CLASSES, (BATCH,), generator=generator)


def backpropagate(network: NoisyNetwork, images: Tensor, labels: Tensor, generator: torch.Generator) -> None:
    """Gradients through the noise, one draw; in a spiking network through time, by the surrogate (STBP-N)."""
    network.zero_grad()
    torch.autograd.backward(cross_entropy(network.run(images, 1, generator).outputs, labels).mean())


def step(size: Size, copies: int) -> Callable[[], None]:
    """One step's gradients: by likelihood ratios with so many copies, or with 0 by backpropagation."""
    network, (images, labels), generator = size.network(), batch(), torch.Generator().manual_seed(1)
    if copies == 0:
        return lambda: backpropagate(network, images, labels, generator)
    return lambda: _discard(set_lr_gradients(network, images, labels, Estimator(copies), generator))


def _discard(_: float) -> None:
    pass


def cpu_ms(work: Callable[[], None]) -> float:
    """The fastest of some runs, after one that is not counted; CPU time hardly depends on what else the machine does."""
    work()
    best = math.inf
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return 1000.0 * best


def kept_bytes(network: NoisyNetwork, copies: int) -> int:
    """What must outlive the forward pass: autograd's saved tensors, or with copies the inputs and noise of Eq. 1.

    Parameters and the batch are not counted; what is shared counts once.
    """
    images, _ = batch()
    known = {tensor.untyped_storage().data_ptr() for tensor in (images, *network.parameters())}
    found: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    generator = torch.Generator().manual_seed(1)
    if copies:
        with torch.no_grad():
            for record in network.run(images, copies, generator, record=True, antithetic=True).records:
                note(record.inputs)
                note(record.noise)
    else:
        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            outputs = network.run(images, 1, generator).outputs  # alive, so that no storage is used again
            del outputs
    return sum(found.values())


def peak_bytes(size: Size, copies: int) -> int:
    """The largest memory of a process during its second step, less what it held before."""
    code = f"from benchmarks import nit; nit.print_peak(nit.Size({size.hidden}, {size.steps}), {copies})"
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True)
    return int(done.stdout)


def print_peak(size: Size, copies: int) -> None:
    """Run in a process of its own by `peak_bytes`; Linux only."""
    torch.set_num_threads(1)
    work = step(size, copies)
    before = _status_bytes("VmRSS")
    work()
    print(_status_bytes("VmHWM") - before)


def _status_bytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    (line,) = (line for line in lines if line.startswith(field + ":"))
    return 1024 * int(line.split()[1])


def costs() -> str:
    """Time and memory of a step."""
    rows = []
    for size in SIZES:
        base = cpu_ms(step(size, 0))
        for copies in (0, *COPIES):
            ms = cpu_ms(step(size, copies)) if copies else base
            kept = kept_bytes(size.network(), copies)
            # Eq. 3 needs one bit of each element, of which Eq. 1 needs 32.
            signs = kept / 32 / MIB if copies else None
            name = f"likelihood ratio, C = {copies}" if copies else "backpropagation"
            rows.append([str(size), name, ms, ms / base, peak_bytes(size, copies) / MIB, kept / MIB, signs])
    formats = {
        "ms per step": ".1f",
        "relative": ".1f",
        "peak MiB": ".0f",
        "kept MiB": ".1f",
        "as signs, MiB": ".2f",
    }
    return markdown_table(frame_of(rows, ["network", "gradient", *formats]), formats=formats)


def growth() -> str:
    """Time against width, of ANNs with two hidden layers, and the exponent that the last doubling shows."""
    rows = []
    for copies, name in ((0, "backpropagation"), (20, "likelihood ratio, C = 20")):
        times = [cpu_ms(step(Size((width, width), None), copies)) for width in WIDTHS]
        exponent = math.log2(times[-1] / times[-2])
        rows.append([name, *times, exponent])
    formats = {**dict.fromkeys(map(str, WIDTHS), ".1f"), "exponent": ".2f"}
    return markdown_table(frame_of(rows, ["gradient", *formats]), formats=formats)


@torch.no_grad()
def relative_error(copies: int, *, reduced: bool, draws: int = 20) -> float:
    """Root mean square of |estimate - truth| over |truth|, for the first weights of an ANN and one batch.

    copies: 0 for backpropagation through one draw of the noise. reduced: with a baseline and antithetic noise.
    """
    network, (images, labels), generator = SIZES[0].network(), batch(), torch.Generator().manual_seed(2)
    first = network.noisy_layers()[0]

    def backpropagated() -> Tensor:
        with torch.enable_grad():
            backpropagate(network, images, labels, generator)
        assert first.weight.grad is not None
        return first.weight.grad.clone()

    def estimated() -> Tensor:
        seen = network.run(images, copies, generator, record=True, antithetic=reduced)
        losses = cross_entropy(seen.outputs, labels)
        weights = centred(losses, antithetic=True) if reduced else losses
        return lr_gradient(first, seen.records[0], weights).weight

    truth = torch.stack([backpropagated() for _ in range(400)]).mean(dim=0)
    made = [estimated() if copies else backpropagated() for _ in range(draws)]
    squares = torch.stack([(each - truth).square().sum() for each in made])
    return float(squares.mean().sqrt() / truth.norm())


def variances() -> str:
    """The error of one estimate."""
    rows: list[list[object]] = [["backpropagation through one draw", relative_error(0, reduced=False), None]]
    for copies in (4, 20, 100):
        plain, reduced = (relative_error(copies, reduced=each) for each in (False, True))
        rows.append([f"likelihood ratio, C = {copies}", plain, reduced])
    formats = {"losses as they are": ".2f", "baseline and antithetic noise": ".2f"}
    return markdown_table(frame_of(rows, ["gradient", *formats]), formats=formats)


def main() -> None:
    torch.set_num_threads(1)
    print(f"Batches of {BATCH}; {platform.machine()}, PyTorch {torch.__version__}, one thread.\n")
    for table in (costs, growth, variances):
        print(table(), flush=True)


if __name__ == "__main__":
    main()
