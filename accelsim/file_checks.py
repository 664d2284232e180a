"""Check a file of any kind that accelsim reads, by the code that reads it when it is used."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

from accelsim.bundled import bundled_path
from accelsim.config.sram_table import read_sram_table
from accelsim.energy import area, check_clock
from accelsim.errors import AccelsimError
from accelsim.file_kinds import Kind, kind_of
from accelsim.inputs import ALL_TRACES, as_machine, as_technology, as_trace
from accelsim.mapping import check_runs
from accelsim.trace import LayerShape, LayerTrace, Scheme, check_trace

_ONE_NEURON = LayerShape(kind="conv", c_in=1, c_out=1, kernel=(1, 1), h_in=1, w_in=1)
"""What does not fit the smallest layer fits none."""

Found = tuple[tuple[str, ...], str]
"""Problems, a line each, and what the file is, in words, if it has none."""


def check_file(file: str, technology: str) -> Found:
    """Read a file whole and return what is wrong with it.

    Args:
        file: A path or a bundled name.
        technology: What a machine is to be made in.
    """
    try:
        return _CHECKS[kind_of(file)](file, technology)
    except AccelsimError as error:
        return (str(error),), ""


def check_machine_with(machine: str, trace: str, technology: str) -> Found:
    """Check whether a machine can run a trace, by the code of a run.

    Args:
        machine: A path or a bundled name.
        trace: A path or a bundled name of a trace that is sound.
        technology: What the machine is to be made in.
    """
    from accelsim.simulate import check_run

    try:
        layers, schemes = check_run(as_trace(trace), as_machine(machine), as_technology(technology))
    except AccelsimError as error:
        return (str(error),), ""
    return (), f"runs {len(schemes)} schemes of {len(layers)} layers"


def _trace(file: str, technology: str) -> Found:
    bundled = file in ALL_TRACES and not Path(file).exists()
    report = check_trace(bundled_path(f"traces/{file}.h5") if bundled else file)
    return report.problems, f"trace, {report.blocks_checked} blocks"


def _machine(file: str, technology: str) -> Found:
    machine, made_in = as_machine(file), as_technology(technology)
    check_clock(machine, made_in)
    area(machine, made_in)
    check_runs([LayerTrace.from_masks("of one neuron", _ONE_NEURON, Scheme.dense(), None)], machine)
    return (), f"machine {machine.name}"


def _technology(file: str, technology: str) -> Found:
    return (), f"technology {as_technology(file).name}"


def _sram_table(file: str, technology: str) -> Found:
    table = read_sram_table(Path(file), conditions={})
    return (), f"SRAM table, {len(table.macros)} macros"


def _sweep(file: str, technology: str) -> Found:
    from accelsim.sweep import load_sweep, open_space
    from accelsim.sweep.sweep_plan import plan_sweep

    space = open_space(load_sweep(file))
    plan = plan_sweep(space)
    not_built = f", {len(plan.unbuildable)} of them cannot be built" if plan.unbuildable else ""
    return (), f"sweep, {space.combinations} combinations, {len(plan.subjects)} points{not_built}"


def _database(file: str, technology: str) -> Found:
    from accelsim.store import Store

    with Store.open_to_read(file) as store:
        problems = store.problems()
        before = f"; {store.lacks}" if store.lacks else ""
        return problems, "" if problems else f"results, {len(store.done())} points done{before}"


def _folder(file: str, technology: str) -> Found:
    from accelsim.report.html.result_folder import READ_FILES, read_folder
    from accelsim.results.folder_checksums import folder_problems, has_checksums

    folder = Path(file)
    if problems := folder_problems(folder, READ_FILES):
        return tuple(problems), ""
    rows = len(read_folder(folder).layers)
    before = "" if has_checksums(folder) else "; written before checksums"
    return (), f"folder of results, {rows} rows{before}"


def _checkpoint(file: str, technology: str) -> Found:
    from accelsim.extras import require_torch

    require_torch("accelsim check of a checkpoint")
    from accelsim.nn.base.tensor_files import check_finite_tensors, load_tensors

    tensors, metadata = load_tensors(file)
    check_finite_tensors(tensors, file)
    if "layers" in metadata:
        from accelsim.nn.injection.converted_checkpoint import load_converted

        return (), f"converted checkpoint of {load_converted(file).network}, {len(tensors)} tensors"
    return (), f"checkpoint, {len(tensors)} tensors"


def _recipe(file: str, technology: str) -> Found:
    try:
        # Recipes are of the programs in models/, which are not installed: only a clone has them, and reads them.
        recipes = importlib.import_module("models.recipe_files")
    except ImportError:
        raise AccelsimError(
            f"{file}: is a recipe; check it in a clone of accelsim, which has the programs that read it"
        ) from None
    kind: str = recipes.check_recipe(Path(file))
    return (), kind


_CHECKS: dict[Kind, Callable[[str, str], Found]] = {
    "trace": _trace,
    "machine": _machine,
    "technology": _technology,
    "SRAM table": _sram_table,
    "sweep": _sweep,
    "results": _database,
    "folder of results": _folder,
    "checkpoint": _checkpoint,
    "recipe": _recipe,
}
