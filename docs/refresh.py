"""Write the pictures and tables of the documents again: ``python docs/refresh.py [part ...]``, all parts without one.

``figure5``: docs/images/figure5.png and the tables of docs/reproduction.md, from runs (minutes). ``energy``: the tables
of docs/energy.md and the counts of docs/machine.md, from the technology file, the machines and the components.
``mutations``: their table in docs/validation.md, from a run. ``sweeps``: the tables of docs/sweeps.md, from a run of the
bundled sweep (a minute). ``forms``: the table of ResNet-18 without a projection in docs/reproduction.md, from a run.
``robust``: the tables of docs/robustness.md and the first paper's accuracies in docs/reproduction.md, from
docs/results/robust. Text between markers is replaced, the rest stays.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from accelsim import compare, figure5, load_machine, load_technology
from accelsim.energy import area
from accelsim.files import replaced
from accelsim.inputs import as_trace
from accelsim.marked import fill_document
from accelsim.pictures import save_picture
from accelsim.report.figure5_plot import draw_figure5
from accelsim.store import Store
from accelsim.store.flat_table import table
from accelsim.sweep import load_sweep, open_space
from accelsim.sweep.sweep_plan import plan_sweep
from accelsim.sweep.sweep_run import run_sweep
from docs.tables.component_tables import component_tables, counts_markdown
from docs.tables.energy_tables import energy_tables
from docs.tables.equal_area_tables import equal_area_markdown
from docs.tables.form_tables import form_markdown
from models.robust.robust_tables import documents

ROOT = Path(__file__).resolve().parent.parent
AREA_SHARES = (1, 1.25, 1.5, 2)
"""Areas of the tables of docs/sweeps.md, in those of the shipped unstructured machine."""


def rewrite(document: str, contents: dict[str, str]) -> None:
    """Fill each marker of a document under docs/ with its content."""
    fill_document(ROOT / "docs" / document, contents)


def refresh_energy() -> None:
    rewrite("energy.md", energy_content())
    rewrite("machine.md", machine_content())


def machine_content() -> dict[str, str]:
    """Return the table of counts in docs/machine.md, from the components."""
    return {"counts": counts_markdown()}


def energy_content() -> dict[str, str]:
    """The tables of docs/energy.md, from the default technology, the shipped machines and the components."""
    machines = [load_machine(name) for name in ("unstructured", "structured", "dense")]
    return energy_tables(machines, load_technology()) | component_tables()


def refresh_mutations() -> None:
    command = [sys.executable, "-m", "tests.mutations.report"]
    table = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    rewrite("validation.md", {"mutations": table})


def sweeps_content() -> str:
    """The tables of docs/sweeps.md."""
    technology, spec = load_technology(), load_sweep("equal-area")
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "sweep.db") as store:
        run_sweep(spec.file.name, spec.text, plan_sweep(open_space(spec)), store)
        rows = table(store, spec.file.name)
    unit_mm2 = area(load_machine("unstructured"), technology).total_mm2
    failed = sum(row["state"] == "failed" for row in rows)
    count = f"{len(rows)} points, of which {failed} are machines that a layer does not fit on.\n\n"
    return count + equal_area_markdown(rows, unit_mm2, AREA_SHARES)


def refresh_sweeps() -> None:
    rewrite("sweeps.md", {"sweep": sweeps_content()})


def refresh_figure5() -> None:
    figure = figure5()
    with replaced(ROOT / "docs/images/figure5.png") as temporary:
        save_picture(draw_figure5(figure.table), temporary)
    choices = subprocess.run(
        [sys.executable, ROOT / "benchmarks/design_choices.py"], check=True, capture_output=True, text=True
    ).stdout
    sizes, lanes, alternatives = choices.split("\n\n", 2)
    single = figure5(machines=("dense", "unstructured-single", "structured-single"), iso_area_with=None)
    rewrite(
        "reproduction.md",
        {
            "figure5": figure.markdown,
            "single": single.claims_markdown,
            "sizes": f"{sizes}\n\n{lanes}\n",
            "alternatives": alternatives,
        },
    )


def refresh_robust() -> None:
    for document, contents in documents(ROOT / "docs/results/robust").items():
        rewrite(document, contents)


def refresh_forms() -> None:
    """Fill the table of ResNet-18 without a projection in docs/reproduction.md, from a run."""
    trace = as_trace("resnet18-none-cifar10")
    rewrite("reproduction.md", {"forms": form_markdown(compare(trace), trace)})


PARTS = {
    "energy": refresh_energy,
    "mutations": refresh_mutations,
    "sweeps": refresh_sweeps,
    "figure5": refresh_figure5,
    "forms": refresh_forms,
    "robust": refresh_robust,
}


def main() -> None:
    wanted = sys.argv[1:] or list(PARTS)
    if unknown := [name for name in wanted if name not in PARTS]:
        sys.exit(f"refresh: no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    for name in wanted:
        PARTS[name]()


if __name__ == "__main__":
    main()
