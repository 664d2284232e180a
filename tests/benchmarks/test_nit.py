"""What the benchmark of likelihood ratios counts, against sums by hand; its figures are only printed."""

from __future__ import annotations

import pytest
import torch

from benchmarks import nit

FLOAT_BYTES = 4


@pytest.fixture(autouse=True)
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(nit, "BATCH", 4)


@pytest.mark.parametrize(("steps", "times"), [(None, 1), (3, 3)])
def test_likelihood_ratios_keep_noise_and_inputs_of_all_copies(steps: int | None, times: int) -> None:
    size = nit.Size((6, 5), steps)
    # Noise of 6, 5 and 10 neurons; inputs of the layers after the first, of 6 and 5. The first gets the batch.
    assert nit.kept_bytes(size.network(), 8) == FLOAT_BYTES * times * 4 * 8 * (6 + 5 + 10 + 6 + 5)


def test_backpropagation_keeps_less_than_many_copies_and_more_than_the_inputs() -> None:
    network = nit.Size((6, 5), 3).network()
    inputs = FLOAT_BYTES * 3 * 4 * (6 + 5)
    assert inputs <= nit.kept_bytes(network, 0) < nit.kept_bytes(network, 8)


def test_error_falls_with_the_root_of_the_copies_and_the_baseline_helps() -> None:
    few, many, reduced = (
        nit.relative_error(copies, reduced=each) for copies, each in ((4, False), (64, False), (64, True))
    )
    assert few / many == pytest.approx(4.0, rel=0.4)
    assert reduced < many


@pytest.mark.slow
def test_a_process_tells_its_peak() -> None:
    # Noise and currents of 500 copies are 2 x 8 MiB at least; what is held before is not counted.
    assert nit.peak_bytes(nit.Size((64,), 8), 500) > 8 * nit.MIB
