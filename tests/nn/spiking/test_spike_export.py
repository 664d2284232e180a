"""From a spiking network to a trace: the spikes are those of the network, and the simulator runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from accelsim import open_trace, simulate
from accelsim.cli import cli
from accelsim.errors import AccelsimError
from accelsim.nn.data.idx import DigitSet
from accelsim.nn.spiking.lif import Lif
from accelsim.nn.spiking.run_settings import Settings
from accelsim.nn.spiking.spike_export import (
    accuracy,
    export_network,
    layer_shapes,
    received_spikes,
    trained_network,
)
from accelsim.nn.spiking.spiking_networks import NoisyPerceptron, SpikingNetwork
from models.nit.training import train


@pytest.fixture
def digits() -> DigitSet:
    draw = torch.Generator().manual_seed(3)
    images = torch.randint(0, 256, (40, 28, 28), generator=draw, dtype=torch.uint8)
    return DigitSet(images, torch.arange(40) % 10)


def network(steps: int = 4) -> SpikingNetwork:
    return SpikingNetwork((784, 9, 7, 10), steps=steps, neuron=Lif(0.25, 0.5), readout="count", seed=2)


def spikes_by_hand(net: SpikingNetwork, image: np.ndarray) -> list[np.ndarray]:
    """What layers 2 and 3 receive, neuron by neuron and step by step (Eq. 7), without noise."""
    signal = [image.astype(np.float64)] * net.steps
    received = []
    for layer in net.noisy_layers():
        weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
        u, fired, out = np.zeros(len(bias)), np.zeros(len(bias)), []
        for now in signal:
            u = 0.25 * u * (1 - fired) + weight @ now + bias
            fired = (u > 0.5).astype(np.float64)
            out.append(fired)
        signal = out
        received.append(np.array(out).astype(bool))
    return received[:-1]


def test_spikes_are_those_of_the_network(digits: DigitSet) -> None:
    net = network()
    x, _ = digits.take(torch.tensor([5, 0]))
    received = received_spikes(net, x, torch.Generator(), noisy=False)
    assert [each.shape for each in received] == [(2, 4, 9), (2, 4, 7)]
    for image in range(2):
        for ours, theirs in zip(received, spikes_by_hand(net, x[image].numpy()), strict=True):
            assert np.array_equal(ours[image], theirs)
    assert sum(each.sum() for each in received) > 0


def test_shapes_say_what_each_layer_receives() -> None:
    shapes = dict(layer_shapes(network(), noisy=True))
    assert [(name, shape.kind, shape.d, shape.n) for name, shape in shapes.items()] == [
        ("fc1", "current", 784, 9),
        ("fc2", "spiking", 9, 7),
        ("fc3", "spiking", 7, 10),
    ]
    assert all(shape.steps == 4 and shape.noise for shape in shapes.values())
    ann = layer_shapes(NoisyPerceptron((5, 4, 3)), noisy=False)
    assert [shape.kind for _, shape in ann] == ["linear", "linear"]


@pytest.mark.parametrize("noisy", [False, True])
def test_a_trace_of_real_images_runs(tmp_path: Path, digits: DigitSet, noisy: bool) -> None:
    path, net = tmp_path / "snn.h5", network()
    export_network(
        net, digits, [7, 3], path, name="net", dataset="digits", noisy=noisy, seed=1, tested=torch.arange(40)
    )
    trace = open_trace(path)
    assert trace.image_ids == (7, 3) and trace.weights_sha256 is not None
    assert ("noise" in trace.seeds) == noisy
    right, tested = trace.accuracy("dense") or (None, 0)
    assert tested == 40 and right is not None
    if not noisy:
        assert right == accuracy(net, digits, torch.arange(40), torch.Generator(), noisy=False)
    results = simulate(trace, "spiking-noise")
    rows = [row for row in results.rows if row["layer"] == "fc2" and row["image_id"] == 7]
    spikes = trace.layer("fc2", "dense", images=slice(0, 1)).spikes
    assert rows[0]["spike_additions"] == 7 * int(np.unpackbits(spikes).sum())
    assert rows[0]["noise_draws"] == (4 * 7 if noisy else 0)


def test_a_noisy_pass_repeats_with_its_seed(tmp_path: Path, digits: DigitSet) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        export_network(
            network(), digits, [0, 1], tmp_path / name, name="net", dataset="digits", noisy=True, seed=seed
        )
    spikes = [open_trace(tmp_path / name).layer("fc2", "dense").spikes for name in "abc"]
    assert np.array_equal(spikes[0], spikes[1]) and not np.array_equal(spikes[0], spikes[2])


def test_a_finished_run_is_loaded_with_its_settings(tmp_path: Path, digits: DigitSet) -> None:
    settings = Settings(method="stbp", hidden=(6,), steps=3, epochs=1, batch=20)
    trained = train(settings, digits, torch.arange(40), tmp_path)
    net, read = trained_network(tmp_path)
    assert read == settings and net.sizes == (784, 6, 10) and net.steps == 3
    for ours, theirs in zip(net.parameters(), trained.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_run_is_exported_from_the_command_line(
    tmp_path: Path, digits: DigitSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    train(Settings(method="nit", hidden=(6,), steps=3, epochs=1, batch=20), digits, torch.arange(40), run)
    monkeypatch.setattr("accelsim.nn.spiking.spike_export.load_digits", lambda folder: digits)
    monkeypatch.setattr("accelsim.nn.spiking.spike_export.PARTS", (("train", 30), ("t10k", 10)))
    said = ["export", "--spiking", str(run), "--images", "30:32", "--out", str(tmp_path / "t.h5")]
    refused = CliRunner().invoke(cli, said)
    assert isinstance(refused.exception, AccelsimError) and "--spiking needs --data" in str(refused.exception)
    assert CliRunner().invoke(cli, [*said, "--data", str(tmp_path / "mnist")]).exit_code == 0
    trace = open_trace(tmp_path / "t.h5")
    assert (trace.network, trace.dataset, trace.image_ids) == ("snn-nit", "mnist", (30, 31))
    assert (trace.accuracy("dense") or (0, 0))[1] == 10


def test_what_is_not_there_is_refused(tmp_path: Path, digits: DigitSet) -> None:
    with pytest.raises(AccelsimError, match="image 40, must be 0 to 39"):
        export_network(network(), digits, [40], tmp_path / "t.h5", name="n", dataset="d", noisy=False)
    with pytest.raises(AccelsimError, match=r"no such checkpoint; python -m models\.nit\.reproduce"):
        trained_network(tmp_path)


def test_a_run_that_was_stopped_is_not_taken_for_a_finished_one(tmp_path: Path, digits: DigitSet) -> None:
    settings = Settings(method="stbp", hidden=(6,), steps=3, epochs=3, batch=20)

    def stop(epoch: int, *_: object) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings, digits, torch.arange(40), tmp_path, stop)
    with pytest.raises(AccelsimError, match="a run at epoch 2 of 3; run it to its end first"):
        trained_network(tmp_path)


def test_a_network_that_gets_random_spikes_is_not_exported() -> None:
    with pytest.raises(AccelsimError, match="encoding rate, must be current"):
        layer_shapes(SpikingNetwork((4, 3, 2), encoding="rate"), noisy=False)
