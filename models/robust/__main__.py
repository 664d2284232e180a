"""A whole study by one command: adversarial training, distillation, fine-tuning, baselines, attacks, tables.

    python -m models.robust models/recipes/robust/cpu-1h.yaml --data DATA --out OUT

OUT gets a folder for every network, evaluation/ with a record for every attack, times.csv, results.csv, common.csv (what can
be compared cell by cell) and warnings.txt. Stopped at any moment, the same command goes on. --only and --stages take a part,
so that several processes can share the work.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from accelsim.cli.options import Names, data_option, device_option, out_folder_option, threads_option
from accelsim.cli.program import program
from accelsim.errors import AccelsimError, suggestion
from accelsim.files import writable_folder
from accelsim.nn.base.device import torch_device, use_threads
from accelsim.nn.data.cifar import ImageSet, load_cifar
from models.robust.make_networks import make_networks
from models.robust.measure import measure
from models.robust.robust_plan import load_study
from models.robust.robust_results import write_results

STAGES = ("make", "measure", "results")


@program("python -m models.robust", __doc__)
@click.argument("plan", type=Path)
@data_option
@out_folder_option("Folder for networks, records and tables.")
@click.option("--stages", type=Names(), help=f"Stages, comma-separated. Default: {','.join(STAGES)}.")
@click.option("--only", type=Names(), help="Networks of the plan, comma-separated. Default: all.")
@threads_option
@device_option
def main(
    plan: Path,
    data: str | None,
    out: Path,
    stages: list[str] | None,
    only: list[str] | None,
    threads: int | None,
    device: str,
) -> None:
    """Run a study."""
    use_threads(threads)
    study = load_study(plan)
    for what, given, allowed in (("stage", stages, STAGES), ("network", only, study.plan.networks)):
        for name in given or ():
            if name not in allowed:
                raise AccelsimError(f"{what} {name!r} is unknown; {suggestion(name, list(allowed))}")
    stages, names = stages or list(STAGES), only or list(study.plan.networks)
    torch_device(device)
    writable_folder(out)

    def images(train: bool) -> ImageSet:
        return load_cifar(study.training.dataset, data, train=train)

    if "make" in stages:
        make_networks(study, names, images(True), out, device, _print)
    if "measure" in stages:
        measure(study, names, images, out, device, _print)
    if "results" in stages:
        for path in write_results(study, out):
            print(f"written: {path}")


def _print(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
