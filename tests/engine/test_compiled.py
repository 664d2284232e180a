"""The compiled engine against the reference engine: every count of every layer."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings

from accelsim import load_machine, open_trace, simulate
from accelsim.bundled import is_bundled
from accelsim.config import Machine
from accelsim.counts import COUNT_NAMES
from accelsim.default_machines import default_machines
from accelsim.engine import compiled, run_image, run_images
from accelsim.engine.compiled import compiled_engine as run
from accelsim.engine.compiled import count_images, jit, load_or_compile
from accelsim.engine.compiled.job_shape import JobShape, shape_from_row
from accelsim.engine.compiled.tile_schedule import Timing, timing_from_row
from accelsim.errors import AccelsimError
from accelsim.inputs import ALL_TRACES, FORM_TRACES, as_trace
from accelsim.mapping import check_runs, why_not
from accelsim.trace import Approximation, LayerShape, LayerTrace, Scheme
from accelsim.trace.layer_shape import SPIKING_KINDS
from tests.engine.strategies import Case, cases, random_case, small_machine

RANDOM_CASES = 500
MORE_RANDOM_CASES = 2000


def differences(layers: Sequence[LayerTrace], machine: Machine, image: int = 0) -> dict[tuple[int, str], str]:
    """Counts that the engines do not agree on."""
    fast = run_image(layers, machine, image, engine="compiled")
    slow = run_image(layers, machine, image, engine="reference")
    assert len(fast) == len(slow) == len(layers)
    return {
        (number, name): f"compiled {one.as_dict()[name]}, reference {other.as_dict()[name]}"
        for number, (one, other) in enumerate(zip(fast, slow, strict=True))
        for name in COUNT_NAMES
        if one.as_dict()[name] != other.as_dict()[name]
    }


@settings(max_examples=200, deadline=None)
@given(case=cases())
def test_random_networks(case: Case) -> None:
    assert differences(case.layers, case.machine, case.image) == {}


def test_random_cases() -> None:
    for seed in range(RANDOM_CASES):
        case = random_case(Random(seed))
        assert differences(case.layers, case.machine, case.image) == {}, seed


@pytest.mark.slow
@settings(max_examples=MORE_RANDOM_CASES, deadline=None)
@given(case=cases())
def test_many_random_networks(case: Case) -> None:
    assert differences(case.layers, case.machine, case.image) == {}


def wide_layer(rng: Random, machine: Machine, n: int, positions: int) -> LayerTrace:
    """A layer whose masks take several words a position, fitting the machine's selector."""
    shape = LayerShape(kind="conv", c_in=4, c_out=n, kernel=(1, 1), h_in=1, w_in=positions)
    draw = np.random.default_rng(rng.getrandbits(32))
    assert machine.selector is not None
    if machine.selector.kind == "threshold":
        masks = draw.random((1, positions, n)) < rng.choice((0.02, 0.3, 0.9))
        return LayerTrace.from_masks(
            "wide", shape, Scheme.unstructured(0.5, scope="calibrated"), masks, Approximation(4, 8, 0)
        )
    of = rng.choice((1, 2, 3, 4, 8, 16, 70))
    scheme = Scheme.nm(rng.randint(1, of), of)
    order = draw.random((1, positions, -(-n // of), of)).argsort(axis=-1)
    masks = (order < scheme.keep).reshape(1, positions, -1)[..., :n]
    members = n % of or of  # of the last group, which may be smaller
    masks[..., n - members :] = np.arange(members) < scheme.keep
    return LayerTrace.from_masks("wide", shape, scheme, masks, Approximation(4, 8, 0))


def wide_machine(rng: Random, kind: str) -> Machine:
    """Any number of VPUs, any width of weights and lines."""
    block = rng.choice((1, 2, 4, 9))
    srams = {
        name: {"kib": 4096, "macro_kib": 32, "width_bits": least * rng.choice((1, 2, 3, 4, 16, 64, 100))}
        for name, least in (("weight_sram", 16), ("output_sram", 16), ("patch_buffer", 32))
    }
    nm = {"kind": "nm", "groups_per_cycle": 2, "latency_cycles": 1, "max_of": 70}
    return small_machine(
        mvu={
            "vpus": rng.choice((1, 3, 7, 8, 15, 16, 24, 31, 64, 65, 130, 200)),
            "bricks_per_vpu": rng.choice((16, 64)),
            "position_block": block,
            "accumulators_per_vpu": block * rng.choice((1, 2, 3, 8, 40)),
            "hold_weights": rng.random() < 0.6,
            "spare_vpus": rng.choice(("idle", "share")),
        },
        result_buffer={"kib": 1024},
        **srams,
        **({"selector": nm} if kind == "nm" else {}),
    )


@pytest.mark.parametrize("kind", ["threshold", "nm"])
def test_masks_of_several_words(kind: str) -> None:
    """Wider than the random networks: periods of VPUs below, at and above 64 bits, many passes, long lines."""
    for seed in range(150):
        rng = Random(seed)
        machine = wide_machine(rng, kind)
        layer = wide_layer(rng, machine, rng.choice((40, 64, 100, 128, 300)), rng.randint(1, 12))
        assert differences([layer], machine) == {}, seed


@pytest.mark.parametrize("rows_per_pass", [1, 3, 50, 200])
@pytest.mark.parametrize("n", [100, 127, 128, 300])
@pytest.mark.parametrize("hold_weights", [True, False])
def test_many_rows_on_one_vpu(n: int, rows_per_pass: int, hold_weights: bool) -> None:
    """Counts of rows are bytes as long as they fit."""
    mvu = {
        "vpus": 1,
        "bricks_per_vpu": 16,
        "position_block": 3,
        "accumulators_per_vpu": 3 * rows_per_pass,
        "hold_weights": hold_weights,
    }
    shape = LayerShape(kind="conv", c_in=2, c_out=n, kernel=(1, 1), h_in=1, w_in=7)
    masks = np.random.default_rng(n).random((1, 7, n)) < 0.9
    layer = LayerTrace.from_masks(
        "one", shape, Scheme.unstructured(0.1, scope="calibrated"), masks, Approximation(4, 8, 0)
    )
    assert differences([layer], small_machine(mvu=mvu)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL_TRACES)
def test_bundled_traces(name: str) -> None:
    """Every layer under every scheme, on every shipped machine made for such layers: every image, or the first two."""
    if not is_bundled(f"traces/{name}.h5"):
        pytest.skip("the trace is not in this checkout")
    trace = as_trace(name)
    spiking = any(info.shape.kind in SPIKING_KINDS for info in trace.layers)
    names = ("spiking", "spiking-dense", "spiking-noise") if spiking else default_machines(trace)
    few = 2 if name in FORM_TRACES else len(trace.image_ids)
    ran = set()
    for scheme in trace.schemes:
        layers = [trace.layer(info.name, scheme) for info in trace.layers]
        for machine in map(load_machine, names):
            if why_not(scheme, machine) is None and _runs(layers, machine):
                for image in range(few):
                    assert differences(layers, machine, image) == {}, (scheme.name, machine.name, image)
                ran.add(scheme)
    assert ran == set(trace.schemes)


def _runs(layers: Sequence[LayerTrace], machine: Machine) -> bool:
    try:
        check_runs(layers, machine)
    except AccelsimError:  # a network that is given noise, on a machine without generators of it
        return False
    return True


def test_images_together_are_images_alone(small_trace: Path) -> None:
    trace, machine = open_trace(small_trace), load_machine("structured")
    layers = [trace.layer(info.name, "nm-2of8") for info in trace.layers]
    together = count_images(layers, machine, range(2))
    assert together.shape == (2, len(layers), len(COUNT_NAMES))
    for image in range(2):
        alone = run_image(layers, machine, image, engine="compiled")
        assert [list(counts.as_dict().values()) for counts in alone] == together[image].tolist()
    assert (
        list(run_images(layers, machine, range(1, -1, -1)))
        == list(run_images(layers, machine, range(2)))[::-1]
    )
    assert not np.array_equal(together[0], together[1])


def test_threads_change_nothing(small_trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace, machine = open_trace(small_trace), load_machine("unstructured")
    layers = [trace.layer(info.name, "unstructured-75") for info in trace.layers]
    many = [
        layer
        if layer.masks is None
        else replace(layer, image_ids=tuple(range(8)), masks=np.tile(layer.masks, (4, 1, 1)))
        for layer in layers
    ]
    one = count_images(many, machine, range(8))
    monkeypatch.setattr(run, "BATCH_IMAGES", 3)
    assert np.array_equal(count_images(many, machine, range(8), threads=2), one)


@pytest.mark.parametrize("images", [None, slice(1, 2), slice(None, None, -1)])
def test_simulate_gives_the_same_rows(small_trace: Path, images: slice | None) -> None:
    one, other = (
        simulate(small_trace, "structured", images=images, engine=engine)
        for engine in ("compiled", "reference")
    )
    assert one.rows == other.rows


def test_batches_change_nothing(small_trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    together = simulate(small_trace, "structured", progress=told.append)
    monkeypatch.setitem(simulate.__globals__, "BATCH_IMAGES", 1)
    assert simulate(small_trace, "structured").rows == together.rows
    assert len(told) == 2 * len({row["scheme"] for row in together.rows})


def test_a_layer_that_does_not_fit_is_named() -> None:
    shape = LayerShape(kind="conv", c_in=400, c_out=8, kernel=(3, 3), h_in=3, w_in=3)
    layer = LayerTrace.from_masks("large", shape, Scheme.dense(), None)
    for _ in range(2):
        with pytest.raises(AccelsimError, match="layer large"):
            run_image([layer], small_machine(), 0, engine="compiled")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def never_loaded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a fresh process whose compilation takes its time."""

    class Unused:
        signatures: tuple[()] = ()

        def __call__(self, *arrays: object) -> None:
            import time

            time.sleep(0.2)

    monkeypatch.setattr(run, "dram_waits", Unused())
    monkeypatch.setattr(run, "SILENT_SECONDS", 0.01)
    yield


@pytest.mark.usefixtures("never_loaded")
@pytest.mark.parametrize(("stream", "lines"), [(Terminal, 1), (io.StringIO, 0)])
def test_compiling_is_told_on_a_terminal(
    stream: type[io.StringIO], lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = stream()
    monkeypatch.setattr("sys.stderr", told)
    load_or_compile()
    assert told.getvalue().count("compiling") == told.getvalue().count("\n") == lines


def test_a_disk_that_cannot_be_written_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])  # finds no folder
    assert jit.compiled(lambda number: number + 1)(2) == 3


def test_the_default_engine_is_compiled() -> None:
    from accelsim.engine import ENGINES

    assert ENGINES[0] == "compiled" and compiled.__name__ == "accelsim.engine.compiled"


def test_rows_of_numbers_become_the_shapes_that_they_are() -> None:
    shape = JobShape(*range(len(JobShape._fields)))
    assert shape_from_row.py_func(np.array(shape, np.int64)) == shape
    timing = Timing(*range(len(Timing._fields)))
    assert timing_from_row.py_func(np.array(timing, np.int64)) == timing
