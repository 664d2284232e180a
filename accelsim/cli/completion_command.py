"""``accelsim completion``, and what the Tab key offers for the values of arguments and options."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem, get_completion_class

from accelsim.bundled import bundled_names
from accelsim.errors import AccelsimError
from accelsim.inputs import ALL_TRACES, as_trace
from accelsim.schemes import families
from accelsim.trace import TraceFile

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_ACCELSIM_COMPLETE"

Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands, options, bundled names, schemes and layers.

    \b
    Examples: accelsim completion bash > ~/.local/share/bash-completion/completions/accelsim
              accelsim completion zsh > ~/.zfunc/_accelsim        (a folder in fpath, before compinit)
              accelsim completion fish > ~/.config/fish/completions/accelsim.fish

    \b
    In this shell only: source <(accelsim completion bash)
    """
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(context.find_root().command, {}, "accelsim", VARIABLE).source())


def bundled_or_file(folder: str) -> Completer:
    """Names of the YAML files that ship in a folder, or a file."""
    return lambda context, parameter, typed: _offered(typed, bundled_names(folder), files=True)


def trace_or_file(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Names of bundled traces, or a file."""
    return _offered(typed, ALL_TRACES, files=True)


def schemes_of_trace(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Schemes of the trace that the line has named already."""
    return _offered(typed, _of_trace(context, lambda trace: [scheme.name for scheme in trace.schemes]))


def example_schemes(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """One scheme of every known family; more follow from other numbers in their ids."""
    try:
        return _offered(typed, [family.example for family in families()])
    except AccelsimError:  # a completion has nowhere to complain
        return []


def layers_of_trace(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """Layers of the trace that the line has named already."""
    return _offered(typed, _of_trace(context, lambda trace: [layer.name for layer in trace.layers]))


def _of_trace(context: click.Context, names: Callable[[TraceFile], list[str]]) -> list[str]:
    # Where an option still lacks its value, Click leaves the arguments before it unnamed.
    given = [context.params.get("trace"), *context.args]
    try:
        return next(names(as_trace(each)) for each in given if each)
    except (StopIteration, AccelsimError):  # a completion has nowhere to complain
        return []


def _offered(typed: str, names: Iterable[str], files: bool = False) -> list[CompletionItem]:
    """The names that go on from what is typed, which may be a list: then from its last part."""
    before, comma, last = typed.rpartition(",")
    items = [CompletionItem(typed, type="file")] if files else []
    return items + [CompletionItem(before + comma + name) for name in names if name.startswith(last)]
