"""``python -m accelsim.rtl.synth --liberty FILE``: measure the blocks of the RTL and write the technology file."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
import warnings
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import click
import numpy as np
import torch
from amaranth.back import rtlil

from accelsim.bundled import require_clone
from accelsim.cli.program import run_program
from accelsim.config.machine import load_machine
from accelsim.config.technology import load_technology
from accelsim.errors import AccelsimError
from accelsim.files import replaced, writable_folder
from accelsim.rtl.synth.catalog import SCHEMES, BlockSpec, catalog
from accelsim.rtl.synth.control import control_units
from accelsim.rtl.synth.library import load_library
from accelsim.rtl.synth.measure_blocks import (
    Bench,
    MeasuredBlock,
    load_block,
    mapped_only,
    measured,
    save_block,
)
from accelsim.rtl.synth.real_operands import exported_layers, operand_files
from accelsim.rtl.synth.synthesis_report import deviations, print_blocks, print_comparison, report_csv
from accelsim.rtl.synth.technology_file import technology_yaml
from accelsim.rtl.synth.whole import wholes
from accelsim.rtl.yosys import yosys_version

ROOT = Path(__file__).resolve().parents[3]
TECHNOLOGY = ROOT / "hwconfigs" / "technology"
NAME = "freepdk45-rtl"
SRAM_FROM = "freepdk45"
"""The technology file whose SRAM figures are taken over."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--liberty",
    type=Path,
    required=True,
    help="45 nm cell library, .lib or .lib.gz; not part of this project.",
)
@click.option(
    "--out",
    type=Path,
    default=TECHNOLOGY,
    show_default=False,
    help="Folder for the technology file and report.",
)
@click.option(
    "--work",
    type=Path,
    default=ROOT / "build" / "synth",
    show_default=False,
    help="Netlists, and what is done already.",
)
@click.option("--only", multiple=True, help="Measure these blocks only and write no file.")
@click.option("--check", is_flag=True, help="Compare with the shipped figures; write no file.")
@click.option(
    "--whole",
    is_flag=True,
    help="Map a VPU, the output port and issue stages, each in one piece; write no file.",
)
def synth(liberty: Path, out: Path, work: Path, only: tuple[str, ...], check: bool, whole: bool) -> int:
    """Synthesize, time and simulate the blocks of the RTL; write area, delay and energy per event.

    With --check the exit code is 1 if a figure is not the shipped one.

    \b
    Examples: python -m accelsim.rtl.synth --liberty NangateOpenCellLibrary_typical.lib --only fused_multiplier
              python -m accelsim.rtl.synth --liberty NangateOpenCellLibrary_typical.lib --check
    """
    require_clone("synth", "exported operands of real layers and the shipped figures")
    yosys_version()
    warnings.filterwarnings("ignore", module="amaranth")
    library = load_library(liberty)
    machines = {name: load_machine(name) for name in ("dense", "unstructured", "structured")}
    specs = wholes(machines) if whole else [*catalog(machines), *control_units(machines)]
    if unknown := set(only) - {spec.name for spec in specs}:
        raise AccelsimError(
            f"only: no block {min(unknown)}; there are {', '.join(spec.name for spec in specs)}"
        )
    chosen = [spec for spec in specs if not only or spec.name in only]
    if whole:
        for spec in chosen:
            click.echo(f"{spec.name} ...", err=True)
            print_blocks({spec.name: mapped_only(spec, library)}, machines)
        return 0
    writable_folder(work)
    if not (only or check):
        writable_folder(out)
    bench = Bench(library, dict(zip(SCHEMES, machines.values(), strict=True)), exported_layers(ROOT, SCHEMES))
    blocks = {block.name: block for block in _all(chosen, bench, work)}
    print_blocks(blocks, machines)
    if check:
        differing = list(deviations(blocks, (TECHNOLOGY / f"{NAME}-blocks.csv").read_text(encoding="utf-8")))
        click.echo("\n".join(differing) or f"{len(blocks)} blocks: every figure is the shipped one")
        return 1 if differing else 0
    if only:
        return 0
    print_comparison(blocks, machines)
    sram = load_technology(SRAM_FROM).sram_conditions
    text = technology_yaml(NAME, blocks, machines, library, sram, tools(), date.today())
    for path, content in (
        (out / f"{NAME}.yaml", text),
        (out / f"{NAME}-blocks.csv", report_csv(blocks)),
    ):
        with replaced(path) as temporary:
            temporary.write_text(content, encoding="utf-8")
        click.echo(f"wrote {path}")
    return 0


def tools() -> str:
    """Tools and versions that the numbers depend on."""
    return (
        f"{yosys_version()} (Yosys with ABC), amaranth {importlib.metadata.version('amaranth')}, "
        f"numpy {np.__version__}, torch {torch.__version__}"
    )


def _all(specs: Sequence[BlockSpec], bench: Bench, work: Path) -> Iterator[MeasuredBlock]:
    """Every block, from an earlier run if nothing that it depends on has changed."""
    shared = shared_digest(bench)
    for number, spec in enumerate(specs, 1):
        path = work / f"{spec.name}-{_digest(spec, shared)}.json"
        block = load_block(path)
        click.echo(f"[{number}/{len(specs)}] {spec.name}" + (": done before" if block else " ..."), err=True)
        if block is None:
            block = measured(spec, bench, work / "netlists")
            save_block(path, block)
        yield block


def _digest(spec: BlockSpec, shared: bytes) -> str:
    digest = hashlib.sha256(rtlil.convert(spec.build(), name=spec.name, emit_src=False).encode())
    digest.update(shared)
    return digest.hexdigest()[:12]


def shared_digest(bench: Bench, root: Path = ROOT) -> bytes:
    """Of what every block's figures depend on: tools, cell library, machines, operands, and the code that makes them."""
    digest = hashlib.sha256("\0".join([tools(), bench.library.sha256]).encode())
    for machine in bench.machines.values():
        digest.update(machine.sha256.encode())
    flow = sorted(Path(__file__).parent.glob("*.py"))
    fixed_point = sorted((root / "accelsim" / "nn" / "fixed_point").glob("*.py"))
    for file in (*flow, *fixed_point, *operand_files(root)):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.digest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code (`run_program`)."""
    name, interrupted = "python -m accelsim.rtl.synth", "interrupted; blocks that are done are kept"
    return run_program(synth, arguments, name=name, prefix="synth: ", interrupted=interrupted)


if __name__ == "__main__":
    sys.exit(main())
