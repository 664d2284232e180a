"""Options that several commands share, and the types they parse to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from accelsim.cli.completion_command import bundled_or_file, schemes_of_trace
from accelsim.engine import ENGINES
from accelsim.errors import AccelsimError
from accelsim.inputs import DEFAULT_TECHNOLOGY, image_slice
from accelsim.nn.base.seeds import MAX_SEED
from accelsim.nn.data.cifar_layout import DATASETS
from accelsim.nn.layers.projection_forms import DEFAULT_FORM, FORMS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class ImageRange(click.ParamType[slice]):
    """``0:4``, ``2:``, ``:4`` or ``3`` as a slice."""

    name = "RANGE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> slice:
        if isinstance(value, slice):
            return value
        try:
            return image_slice(str(value))
        except AccelsimError as error:
            self.fail(str(error), param, ctx)


class Names(click.ParamType[list[str]]):
    """A comma-separated list of names."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[str]:
        if isinstance(value, list):
            return value
        names = [name.strip() for name in str(value).split(",") if name.strip()]
        if not names:
            self.fail(f"{value!r} names nothing", param, ctx)
        return names


FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)

machine_names = bundled_or_file("hwconfigs")

machine_option = click.option(
    "--machine",
    required=True,
    shell_complete=machine_names,
    help="Machine YAML, or a bundled one: dense, unstructured, structured.",
)
images_option = click.option(
    "--images", type=ImageRange(), help="Images of the trace by index: 0:4, 2:, 3. Default: all."
)
schemes_option = click.option(
    "--schemes", type=Names(), shell_complete=schemes_of_trace, help="Schemes by name. Default: all that fit."
)
technology_option = click.option(
    "--technology",
    default=DEFAULT_TECHNOLOGY,
    show_default=True,
    shell_complete=bundled_or_file("hwconfigs/technology"),
    help="Technology YAML, or a bundled one's name.",
)
engine_option = click.option(
    "--engine", type=click.Choice(ENGINES), default=ENGINES[0], show_default=True, help="Simulation engine."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the summary as JSON instead of a table."
)


def out_option(default: str | None) -> Decorator:
    """``--out DIR``, required where there is no default."""
    return click.option(
        "--out",
        type=click.Path(file_okay=False),
        help="Folder for CSV, Parquet and JSON; made if missing, files of the same name are replaced.",
        **({"required": True} if default is None else {"default": default, "show_default": True}),
    )


def out_folder_option(help_text: str) -> Decorator:
    """``--out FOLDER``, required, a Path, of a program that writes several files."""
    return click.option("--out", type=click.Path(path_type=Path), required=True, help=help_text)


def seed_option(help_text: str, default: int = 0) -> Decorator:
    """``--seed``, any seed that every generator can take."""
    kind = click.IntRange(0, MAX_SEED)
    return click.option("--seed", type=kind, default=default, show_default=True, help=help_text)


overwrite_option = click.option("--overwrite", is_flag=True, help="Replace the file if it exists.")
data_option = click.option(
    "--data",
    metavar="FOLDER",
    help="Folder of the data set's binary files. Default: the environment variable ACCELSIM_DATA.",
)
dataset_option = click.option(
    "--dataset", type=click.Choice(DATASETS), default=DATASETS[0], show_default=True, help="The data set."
)
device_option = click.option(
    "--device", default="cpu", show_default=True, help="Where PyTorch computes: cpu, cuda or cuda:<number>."
)
threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), help="Number of PyTorch's threads. Default: one for each core."
)


def recipe_option(help_text: str) -> Decorator:
    """``--recipe FILE``, required, as the parameter ``recipe_file``."""
    return click.option("--recipe", "recipe_file", type=FILE, required=True, help=help_text)


recipe_changes_option = click.option(
    "--set",
    "changes",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a field of the recipe; may be given several times.",
)


class Density(click.ParamType[float]):
    """A share above 0 and at most 1, or ``sqrt``."""

    name = "SHARE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "sqrt":
            return value
        try:
            return float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor sqrt", param, ctx)


def projection_options(note: str = "") -> Decorator:
    """``--form``, ``--k-ratio`` and ``--density`` of the approximation, as ``accelsim.nn.convert`` takes them.

    note: what follows each help text, such as " (--model)".
    """
    options = (
        click.option(
            "--form",
            type=click.Choice(FORMS),
            default=DEFAULT_FORM,
            show_default=True,
            help=f"What W~ meets: the input as INT4, or P times each pixel's channels or each patch{note}.",
        ),
        click.option(
            "--k-ratio",
            type=float,
            help=f"Rows of P as a share of its columns, with --form pixel and patch{note}. Default: 0.25.",
        ),
        click.option(
            "--density",
            type=Density(),
            help="Share of P's entries that are not zero, or sqrt for 1 / sqrt(columns), with --form pixel and "
            f"patch{note}. Default: 1/3.",
        ),
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


precision_option = click.option(
    "--precision-rule",
    default="mse",
    show_default=True,
    metavar="RULE",
    help="How the scales of 8- and 4-bit activations are chosen: mse, or percentile-P such as percentile-99.9.",
)


def linear_option(help_text: str) -> Decorator:
    """``--linear``: linear layers too."""
    return click.option("--linear", is_flag=True, help=help_text)
