"""accelsim against SCALE-Sim on the same network: time, memory and simulated cycles per second, in one run.

Both simulate one image of ResNet-18 on CIFAR-10, dense (SCALE-Sim knows no masks that depend on the data), on a core of
32 x 32 multipliers with on-chip memories of the same sizes. Every simulator is a process of its own, from start to end.

    python benchmarks/peers.py resnet18-cifar10 --scale-sim --layers 5

SCALE-Sim takes minutes and about 3 GB, so it runs only if asked for: ``--scale-sim`` makes a virtual environment below
``--build``, installs a pinned release from PyPI there, and runs it. ``--layers`` takes the first layers only.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accelsim import AccelsimError, TraceFile, load_machine
from accelsim.config import Machine
from accelsim.engine import run_image
from accelsim.engine.compiled import load_or_compile
from accelsim.inputs import as_trace
from accelsim.tables import frame_of, markdown_table
from accelsim.trace import LayerShape

PINNED = ("scalesim==3.0.0", "numpy==1.26.4")
"""NumPy, because this release fails with NumPy 2."""

MACHINE = Path(__file__).parent / "peers-dense.yaml"

SCALE_SIM_CONFIG = """\
[general]
run_name = peer
[architecture_presets]
ArrayHeight = {lanes}
ArrayWidth = {vpus}
IfmapSramSzkB = {input_kib}
FilterSramSzkB = {weight_kib}
OfmapSramSzkB = {output_kib}
IfmapOffset = 0
FilterOffset = 10000000
OfmapOffset = 20000000
Dataflow = ws
Bandwidth = 10
ReadRequestBuffer = 64
WriteRequestBuffer = 64
[layout]
IfmapCustomLayout = False
IfmapSRAMBankBandwidth = 10
IfmapSRAMBankNum = 10
IfmapSRAMBankPort = 2
FilterCustomLayout = False
FilterSRAMBankBandwidth = 10
FilterSRAMBankNum = 10
FilterSRAMBankPort = 2
[sparsity]
SparsitySupport = false
SparseRep = ellpack_block
OptimizedMapping = false
BlockSize = 8
RandomNumberGeneratorSeed = 40
[run_presets]
InterfaceBandwidth = CALC
UseRamulatorTrace = False
"""

MODELS = """\
Both: the cycles of every layer of one image, dense, 16-bit multipliers all of which work each cycle at best, on-chip
memories of the sizes below, no time for loading weights into the chip.

SCALE-Sim: a systolic array that keeps weights in place; operands enter at its edges and move on by one a cycle, so that
every set of weights costs the filling and the draining of the array, which counts where a layer has few positions. It
follows the addresses of every operand of every cycle through double-buffered memories, and estimates the DRAM bandwidth
that would never stall them. Not modelled: banks and ports of the memories (unless a layout is given), the write-back of
outputs as a limit, energy (another program's task), masks that depend on the data.

accelsim: operands broadcast to vector units, results in registers; windows, ports, banks, slots, psum latency, write-back
and the order of jobs, as docs/machine.md says, and from the counts energy and area. Not modelled: addresses, and
DRAM in this configuration.
"""

# No cycle-by-cycle traces on disk; `scalesim.scale` has no option that leaves them out.
RUN_SCALE_SIM = """\
import sys
from scalesim.scale_sim import scalesim
config, topology, layout, out = sys.argv[1:]
scalesim(save_disk_space=True, verbose=False, config=config, topology=topology, layout=layout).run_scale(top_path=out)
"""

# A small process between this one and the measured one: Linux begins a process's peak memory with its parent's.
LAUNCH = """\
import json, os, subprocess, sys, time
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(child.pid, 0)
wall_s, cpu_s = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
print(json.dumps([wall_s, cpu_s, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]))
"""


@dataclass(frozen=True)
class Usage:
    """What a process took from start to end. ``cpu_s``, of all its threads, depends little on what else runs."""

    wall_s: float
    cpu_s: float
    peak_mib: float


@dataclass(frozen=True)
class Measured:
    """A simulator, what it took, and the cycles that it simulated."""

    name: str
    usage: Usage
    cycles: int


def topology(layers: Sequence[tuple[str, LayerShape]]) -> str:
    """SCALE-Sim's topology CSV. It knows no padding, so maps are as large as their windows reach.

    Raises AccelsimError for a layer that it has no words for: groups, dilation, or unequal strides.
    """
    lines = [
        "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,"
    ]
    for name, shape in layers:
        if shape.groups != 1 or shape.dilation != (1, 1) or shape.stride[0] != shape.stride[1]:
            raise AccelsimError(f"layer {name}: SCALE-Sim has no groups, dilation or unequal strides")
        height = (shape.h_out - 1) * shape.stride[0] + shape.kernel[0]
        width = (shape.w_out - 1) * shape.stride[1] + shape.kernel[1]
        cells = [height, width, *shape.kernel, shape.c_in, shape.c_out, shape.stride[0]]
        # Every row ends in a comma: the last cell is dropped when it is read.
        lines.append(", ".join([name, *map(str, cells)]) + ",")
    return "\n".join(lines) + "\n"


def measured(name: str, command: Sequence[str | Path], log: Path) -> Usage:
    """Run a command to its end. Raises AccelsimError if it fails."""
    with log.open("w", encoding="utf-8") as stream:
        launcher = [sys.executable, "-S", "-c", LAUNCH, *map(str, command)]
        done = subprocess.run(launcher, stdout=subprocess.PIPE, stderr=stream, check=True)
    *usage, status = json.loads(done.stdout)
    if status:
        raise AccelsimError(f"{name} ended with exit code {status}; see {log}")
    return Usage(*usage)


def run_scale_sim(layers: Sequence[tuple[str, LayerShape]], machine: Machine, build: Path) -> Measured:
    """Install SCALE-Sim below `build` if it is not there, and run it on the layers."""
    python = build / "venv" / "bin" / "python"
    if not python.exists():
        print(f"Installing {' '.join(PINNED)} into {build / 'venv'}.", file=sys.stderr)
        venv.create(build / "venv", with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED], check=True)
    files = [build / name for name in ("scale.cfg", "topology.csv", "layout.csv")]
    config = SCALE_SIM_CONFIG.format(
        lanes=machine.mvu.lanes,
        vpus=machine.mvu.vpus,
        input_kib=machine.input_sram.kib,
        weight_kib=machine.weight_sram.kib,
        output_kib=machine.output_sram.kib,
    )
    # Without custom layouts only the header of the layout file is read.
    for path, text in zip(files, (config, topology(layers), "Layer name,\n"), strict=True):
        path.write_text(text, encoding="utf-8")
    command = [python, "-c", RUN_SCALE_SIM, *files, build / "scale-sim"]
    usage = measured("SCALE-Sim", command, build / "scale-sim.log")
    with (build / "scale-sim" / "peer" / "COMPUTE_REPORT.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream, skipinitialspace=True))
    if len(rows) != len(layers):
        raise AccelsimError(f"SCALE-Sim reported {len(rows)} of {len(layers)} layers")
    cycles = sum(int(float(row["Total Cycles"])) for row in rows)
    return Measured(f"SCALE-Sim {PINNED[0].partition('==')[2]}", usage, cycles)


def run_accelsim(trace: TraceFile, names: Sequence[str], engine: str, build: Path) -> Measured:
    """The command ``accelsim run`` on one dense image."""
    out = build / f"accelsim-{engine}"
    command = [
        sys.executable,
        "-m",
        "accelsim",
        "run",
        trace.path,
        "--machine",
        MACHINE,
        "--schemes",
        "dense",
    ]
    command += ["--images", "0:1", "--engine", engine, "--layers", ",".join(names), "--out", out]
    usage = measured(f"accelsim ({engine})", command, build / f"accelsim-{engine}.log")
    with (out / "layers.csv").open(encoding="utf-8") as stream:
        cycles = sum(int(row["latency_cycles"]) for row in csv.DictReader(stream))
    return Measured(f"accelsim, engine {engine}", usage, cycles)


def seconds_in_process(trace: TraceFile, names: Sequence[str], machine: Machine) -> tuple[float, float]:
    """The first image on a new machine, and one more on the same, in a running process: the fastest of some.

    What no mask changes is worked out once per machine, and of a dense network that is everything: the second figure
    says little more than that nothing was left to do.
    """
    load_or_compile()
    layers = [trace.layer(name, "dense", images=slice(0, 1)) for name in names]
    first, further = [], []
    for number in range(20):
        new = machine.model_copy(update={"name": f"{machine.name}-{number}"})
        for times in (first, further):
            start = time.perf_counter()
            run_image(layers, new, 0)
            times.append(time.perf_counter() - start)
    return min(first), min(further)


def show(rows: Sequence[Measured]) -> None:
    """A Markdown table; its last column is relative to the last row."""
    table = frame_of(
        {
            "simulator": row.name,
            "wall s": row.usage.wall_s,
            "CPU s": row.usage.cpu_s,
            "peak MiB": row.usage.peak_mib,
            "simulated cycles": row.cycles,
            "cycles per wall second": row.cycles / row.usage.wall_s,
            "per CPU second": row.cycles / row.usage.cpu_s,
            "CPU, relative": row.usage.cpu_s / rows[-1].usage.cpu_s,
        }
        for row in rows
    )
    formats = dict(zip(table.columns[1:], (",.2f", ",.2f", ",.0f", ",", ",.0f", ",.0f", ",.1f"), strict=True))
    print(markdown_table(table, formats=formats), end="")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python benchmarks/peers.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("trace", nargs="?", default="resnet18-cifar10")
    parser.add_argument(
        "--scale-sim", action="store_true", help="install and run SCALE-Sim too (minutes, 3 GB)"
    )
    parser.add_argument("--build", type=Path, default=Path("out/peers"), help="folder for what this makes")
    parser.add_argument("--layers", type=int, help="how many layers of the network, from the first")
    arguments = parser.parse_args()
    trace, machine = as_trace(arguments.trace), load_machine(MACHINE)
    build = arguments.build.resolve()
    build.mkdir(parents=True, exist_ok=True)
    layers = [(info.name, info.shape) for info in trace.layers][: arguments.layers]
    names = [name for name, _ in layers]
    load_or_compile()  # once, so that the measured process finds the machine code on disk as every later one does
    rows = [run_accelsim(trace, names, engine, build) for engine in ("reference", "compiled")]
    if arguments.scale_sim:
        rows.insert(0, run_scale_sim(layers, machine, build))

    print(f"{trace.network}, {len(layers)} layers, one image, dense.")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}.\n")
    show(rows)
    first, further = seconds_in_process(trace, names, machine)
    print(
        f"\nIn a running process of the compiled engine: {1e3 * first:.2f} ms for a machine's first image, "
        f"{rows[-1].cycles / first:,.0f} cycles per second; {1e3 * further:.2f} ms for each further one, "
        "since of a dense network everything is the same for all images."
    )
    print(f"\n{MODELS}\n{MACHINE.name}:\n\n{machine.to_yaml()}")
    if arguments.scale_sim:
        print(f"SCALE-Sim's configuration:\n\n{(build / 'scale.cfg').read_text(encoding='utf-8')}")
        print(f"Its topology:\n\n{(build / 'topology.csv').read_text(encoding='utf-8')}")


if __name__ == "__main__":
    try:
        main()
    except AccelsimError as error:
        sys.exit(f"peers.py: {error}")
