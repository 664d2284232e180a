"""Validation: the RTL against both engines and the fixed-point reference, on random and on real layers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from accelsim.bundled import bundled_path
from accelsim.errors import AccelsimError
from accelsim.inputs import as_machine
from accelsim.mapping import why_not
from accelsim.nn.fixed_point.layer_operands import CoreOperands
from accelsim.nn.fixed_point.sample import SampledMap, load_sample
from accelsim.nn.injection.converted_checkpoint import load_converted
from accelsim.rtl.core.core_shape import CoreShape, Limits, core_shape
from accelsim.rtl.layer_program import TileProgram, layer_programs
from accelsim.rtl.rtl_simulation import AmaranthRunner, TileResult, TileRunner
from accelsim.rtl.validation.random_cases import differences, random_cases
from accelsim.rtl.verilator.runner import VerilatorRunner

Simulator = Literal["amaranth", "verilator"]

LAYERS_PER_MACHINE = 5
"""Making a random machine takes as long as running some layers on it."""

FULL_LIMITS = Limits(rows_per_vpu=32, sign_rows=8192)
"""What the layers of ResNet-18 need of the shipped machines."""

SAMPLE = "traces/operands/resnet18-cifar10.npz"
CHECKPOINT = "models/checkpoints/resnet18-cifar10.safetensors"

MACHINES = ("dense", "unstructured", "structured")
"""Bundled machines whose whole layers are run; each scheme on the first that runs it."""


@dataclass(frozen=True)
class Outcome:
    """A layer that was run in RTL.

    group: the kind of a random machine, or the scheme of a real layer. machine: its name. what: the case, so that
    it can be run again. cycles: simulated, of all cores. seconds: wall time of the RTL, with loading and reading back.
    words: of z' compared. differences: a line each, none if all agrees.
    """

    group: str
    machine: str
    what: str
    cycles: int
    words: int
    seconds: float
    differences: tuple[str, ...]


def random_outcomes(
    cases: int, seed: int, simulator: Simulator, folder: Path | None = None
) -> Iterator[Outcome]:
    """Run ``cases`` random layers, five on each random machine; the machines have the seeds from ``seed`` on.

    ``folder`` keeps compiled models (Verilator). Raises AccelsimError if a tool is missing.
    """
    for first in range(0, cases, LAYERS_PER_MACHINE):
        number = seed + first // LAYERS_PER_MACHINE
        yield from machine_outcomes(number, min(LAYERS_PER_MACHINE, cases - first), simulator, folder)


def machine_outcomes(
    number: int, layers: int, simulator: Simulator = "amaranth", folder: Path | None = None
) -> list[Outcome]:
    """Run the first ``layers`` of the random layers of machine ``number``, as ``random_outcomes`` does."""
    drawn = random_cases(number, LAYERS_PER_MACHINE)
    with ExitStack() as stack:
        runner: TileRunner
        if simulator == "verilator":
            runner = stack.enter_context(VerilatorRunner(drawn.shape, folder))
        else:
            runner = AmaranthRunner(drawn.shape)
        return [
            _outcome(drawn.kind, f"seed {number}, layer {i}", operands, drawn.shape, runner)
            for i, operands in enumerate(drawn.layers[:layers])
        ]


def sampled_layers(wanted: Sequence[str] | None = None) -> list[SampledMap]:
    """The real layers that ship with accelsim, under each of their schemes; those named, or all.

    Raises AccelsimError for a name that is not among them.
    """
    maps = load_sample(bundled_path(SAMPLE)).maps
    known = sorted({each.layer for each in maps})
    for name in wanted or ():
        if name not in known:
            raise AccelsimError(f"--layers: no layer {name}; there is: {', '.join(known)}, or all, or none")
    return [each for each in maps if wanted is None or each.layer in wanted]


def full_outcomes(
    layers: Sequence[SampledMap],
    folder: Path | None = None,
    building: Callable[[str], None] = lambda machine: None,
) -> Iterator[Outcome]:
    """Run whole layers of the bundled sample under Verilator, each scheme on its shipped machine.

    ``folder`` keeps the compiled models; ``building`` is told the name of a machine that must be compiled first.
    Raises AccelsimError if a tool is missing, a layer does not fit, or the sample's checkpoint is not the bundled one.
    """
    sample = load_sample(bundled_path(SAMPLE))
    converted = load_converted(bundled_path(CHECKPOINT))
    machines = [as_machine(name) for name in MACHINES]
    shapes = [core_shape(machine, FULL_LIMITS) for machine in machines]
    shape_of = {each: next(s for s in shapes if not why_not(each.scheme, s.machine)) for each in layers}
    operands = {each: sample.operands(converted, each.scheme.name, each.layer) for each in layers}
    for each in layers:  # a layer that does not fit is told before minutes of compiling
        next(layer_programs(operands[each], shape_of[each]))
    for shape in shapes:
        chosen = [each for each in layers if shape_of[each] is shape]
        if not chosen:
            continue
        with VerilatorRunner(shape, folder, partial(building, shape.machine.name)) as runner:
            for each in chosen:
                yield _outcome(each.scheme.name, each.layer, operands[each], shape, runner)


class _Timed:
    """A `TileRunner` that adds up the wall time of another."""

    def __init__(self, runner: TileRunner) -> None:
        self._runner = runner
        self.seconds = 0.0

    def run(self, program: TileProgram) -> TileResult:
        start = time.perf_counter()
        result = self._runner.run(program)
        self.seconds += time.perf_counter() - start
        return result


def _outcome(group: str, what: str, operands: CoreOperands, shape: CoreShape, runner: TileRunner) -> Outcome:
    timed = _Timed(runner)
    found, counts = differences(operands, shape, timed)
    return Outcome(
        group,
        shape.machine.name,
        what,
        counts.core_cycles,
        operands.positions * operands.n,
        timed.seconds,
        tuple(found),
    )
