"""Machine files, technology files and sweeps with wrong values, keys, structure and bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from accelsim.bundled import bundled_path
from accelsim.config import load_machine, load_technology
from accelsim.energy import area, check_clock, clock_limit
from accelsim.file_checks import check_file, check_machine_with
from accelsim.inputs import as_technology, as_trace
from accelsim.simulate import simulate
from accelsim.store import Point
from accelsim.sweep import load_sweep, open_space
from accelsim.sweep.evaluate_points import evaluate
from accelsim.sweep.sweep_plan import plan_sweep
from tests.fuzz.conftest import Cases
from tests.fuzz.one_line import refusal
from tests.fuzz.yaml_mutations import mutated

MACHINES = ("dense", "structured", "unstructured", "spiking-noise", "structured-single")
SWEEP = """format: accelsim-sweep/1
name: s
machines: [structured, unstructured]
traces: [TRACE]
schemes: [nm-1of8, dense]
images: ["0:1", ":"]
axes:
  mvu.vpus: {from: 2, to: 8, factor: 2}
  let.x: [1, 2.5]
zip:
  - {clock_mhz: [400, 500], sequencer.lookahead: [1, 2]}
set:
  cores: "1 if let.x > 2 else 2"
where: ["mvu.vpus * let.x < 12", "scheme == 'dense' or noise > 0.5"]
"""


def use_machine(path: Path, trace: Path) -> None:
    machine, technology = load_machine(path), as_technology("freepdk45-rtl")
    check_clock(machine, technology)
    area(machine, technology)
    simulate(trace, machine, technology=technology, images=slice(0, 1))


def use_technology(path: Path, trace: Path) -> None:
    technology = load_technology(path)
    machine = load_machine("structured")
    clock_limit(machine, technology)
    simulate(trace, machine, technology=technology, images=slice(0, 1), schemes=["nm-1of8"])


def use_sweep(path: Path, trace: Path) -> None:
    plan = plan_sweep(open_space(load_sweep(path)))
    points = [subject for subject in plan.subjects.values() if isinstance(subject, Point)][:1]
    for outcome in evaluate(points):
        assert outcome.error is None or "\n" not in outcome.error


@pytest.mark.parametrize("kind", ["machine", "technology", "sweep"])
def test_fuzz_yaml(
    kind: str, cases: Cases, outcomes: Counter[str], tmp_path: Path, small_trace: Path
) -> None:
    """A mutated file is used, or refused in one line; what `check` finds, the use refuses too."""
    use: Callable[[Path, Path], None] = {
        "machine": use_machine, "technology": use_technology, "sweep": use_sweep
    }[kind]  # fmt: skip
    as_trace(small_trace)
    if kind == "technology":
        table = bundled_path("hwconfigs/technology/cacti7_45nm_sram.csv")
        (tmp_path / table.name).write_bytes(table.read_bytes())
    path = tmp_path / "f.yaml"
    for rng in cases(f"yaml {kind}", 40):
        if kind == "machine":
            text = bundled_path(f"hwconfigs/{rng.choice(MACHINES)}.yaml").read_text()
        elif kind == "technology":
            text = bundled_path(
                f"hwconfigs/technology/{rng.choice(('freepdk45', 'freepdk45-rtl'))}.yaml"
            ).read_text()
        else:
            text = SWEEP.replace("TRACE", str(small_trace))
        path.write_bytes(mutated(text, rng))
        said = refusal(lambda: use(path, small_trace))
        problems, _ = check_file(str(path), "freepdk45-rtl")
        assert all("\n" not in each for each in problems)
        # A file whose format line is gone is not recognized, which `check` says in its own words.
        assert not problems or said is not None or b"accelsim-" not in path.read_bytes(), problems
        outcomes["refused" if said else "used"] += 1
        if said and not problems and kind == "machine":
            # What the machine alone does not decide, it decides together with the trace.
            together, _ = check_machine_with(str(path), str(small_trace), "freepdk45-rtl")
            assert together == (said,), (together, said)
            outcomes["refused with this trace"] += 1
        elif said and not problems:
            outcomes["refused by the use alone"] += 1
