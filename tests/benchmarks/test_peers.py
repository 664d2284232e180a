"""What `benchmarks/peers.py` asks of the other simulator is the same work; and its measurements measure."""

from __future__ import annotations

import configparser
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim import AccelsimError, load_machine
from accelsim.trace import LayerShape
from benchmarks import peers


def macs_as_scale_sim_reads_it(row: str) -> int:
    """Multiplications of a row of its topology, by its own rules: the last cell is dropped, windows that fit count."""
    _, *cells = row.split(",")[:-1]
    height, width, filter_height, filter_width, channels, filters, stride = map(int, cells)
    positions = ((height - filter_height) // stride + 1) * ((width - filter_width) // stride + 1)
    return positions * filter_height * filter_width * channels * filters


@given(
    c_in=st.integers(1, 64),
    c_out=st.integers(1, 64),
    kernel=st.tuples(st.integers(1, 5), st.integers(1, 5)),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    size=st.tuples(st.integers(5, 40), st.integers(5, 40)),
)
def test_topology_is_the_same_work(
    c_in: int, c_out: int, kernel: tuple[int, int], stride: int, padding: int, size: tuple[int, int]
) -> None:
    shape = LayerShape(
        kind="conv",
        c_in=c_in,
        c_out=c_out,
        kernel=kernel,
        stride=(stride, stride),
        padding=(padding, padding),
        h_in=size[0],
        w_in=size[1],
    )
    _, row = peers.topology([("layer", shape)]).splitlines()
    assert macs_as_scale_sim_reads_it(row) == shape.positions * shape.n * shape.d


def test_topology_of_a_fully_connected_layer() -> None:
    (_, row) = peers.topology([("fc", LayerShape.linear(512, 10))]).splitlines()
    assert row == "fc, 1, 1, 1, 1, 512, 10, 1,"


def test_what_scale_sim_cannot_say_is_refused() -> None:
    grouped = LayerShape(kind="conv", c_in=4, c_out=4, kernel=(3, 3), groups=4, h_in=8, w_in=8)
    with pytest.raises(AccelsimError, match="layer depthwise: SCALE-Sim has no groups"):
        peers.topology([("depthwise", grouped)])


def test_both_simulators_have_the_same_array_and_memories() -> None:
    machine = load_machine(peers.MACHINE)
    assert (machine.mvu.lanes, machine.mvu.vpus) == (32, 32)
    read = configparser.ConfigParser()
    read.read_string(
        peers.SCALE_SIM_CONFIG.format(lanes=32, vpus=32, input_kib=512, weight_kib=2048, output_kib=512)
    )
    array = read["architecture_presets"]
    assert array["Dataflow"] == "ws"  # it takes any other text without a word, and runs something else
    assert (array.getint("ArrayHeight"), array.getint("ArrayWidth")) == (32, 32)
    assert array.getint("FilterSramSzkB") == machine.weight_sram.kib
    assert array.getint("IfmapSramSzkB") == machine.input_sram.kib
    assert array.getint("OfmapSramSzkB") == machine.output_sram.kib


def test_memory_is_that_of_the_process_measured(tmp_path: Path) -> None:
    """A process that touches 64 MiB more shows 64 MiB more, whatever this one holds."""
    log = tmp_path / "log"
    small = peers.measured("small", [sys.executable, "-S", "-c", "pass"], log)
    large = peers.measured("large", [sys.executable, "-S", "-c", "x = b'1' * (64 << 20)"], log)
    assert 0 < small.wall_s < 60 and 0 <= small.cpu_s < 10
    assert small.peak_mib < 40
    assert large.peak_mib - small.peak_mib == pytest.approx(64, abs=4)


def test_a_peer_that_fails_is_told(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with pytest.raises(AccelsimError, match="peer ended with exit code 3"):
        peers.measured("peer", [sys.executable, "-S", "-c", "print('why'); raise SystemExit(3)"], log)
    assert log.read_text() == "why\n"
