"""Measure how readable the code is: sizes of files and functions, nesting, names that occur twice, import cycles.

    python benchmarks/code_metrics.py                                this checkout, as a Markdown table
    python benchmarks/code_metrics.py --details                      and what is behind every number
    python benchmarks/code_metrics.py CHECKOUT --before OTHER        two checkouts side by side

Product code is every tracked Python file outside tests/ (every file below the folder, if it is no Git checkout).
A function's parameters do not include self and cls; those of a click command are its options, so commands are counted
apart. A module's importers are the modules that name it in an import anywhere in the file, or take from a package what
the package has from it; the package's own __init__ is none. A room is a folder; a module that lies directly in a
top-level folder is a room of its own. An import cycle is a largest set of rooms that all reach each other by imports that
run, those inside functions too; cycles that need imports for the type checker as well are counted apart.
"""

from __future__ import annotations

import argparse
import ast
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from accelsim.tables import frame_of, markdown_table

SHORT_FILE_LINES = 40
LONG_MODULE_LINES = 400
LONG_FUNCTION_LINES = 50
DEEP_NESTING = 5
MOST_PARAMETERS = 7
FRAGMENT_LINES = 70

NAMELESS = ("__init__", "__main__")
"""Files whose names Python prescribes."""

NESTING = (
    ast.For,
    ast.AsyncFor,
    ast.While,
    ast.If,
    ast.With,
    ast.AsyncWith,
    ast.Try,
    ast.TryStar,
    ast.Match,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
Findings = dict[str, list[str]]
"""By metric, what it counts: a line for each."""


@dataclass(frozen=True)
class SourceFile:
    """A parsed Python file.

    Attributes:
        path: Relative to the checkout, with slashes.
        lines: Number of text lines.
        tree: Its syntax tree.
    """

    path: str
    lines: int
    tree: ast.Module

    @property
    def stem(self) -> str:
        """The file's name without its ending."""
        return PurePosixPath(self.path).stem

    @property
    def module(self) -> str:
        """The dotted name under which the file is imported from the checkout's root."""
        parts = PurePosixPath(self.path).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def package(self) -> str:
        """The dotted name of its folder, which relative imports start from."""
        return ".".join(PurePosixPath(self.path).parts[:-1])

    @property
    def room(self) -> str:
        """Its folder, or the module itself if it lies directly in a top-level folder."""
        return self.module if self.package.count(".") == 0 else self.package


def source_files(root: Path) -> list[SourceFile]:
    """Return the tracked Python files of a checkout, or all below `root` if it is none, in the order of their paths."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "*.py"], capture_output=True, text=True, check=False
    )
    if listed.returncode == 0 and listed.stdout:
        names = [name for name in listed.stdout.split("\0") if name]
    else:
        names = [path.relative_to(root).as_posix() for path in root.rglob("*.py")]
    files = []
    for name in sorted(names):
        if (root / name).exists():  # deleted, and not yet committed
            text = (root / name).read_text(encoding="utf-8")
            files.append(SourceFile(name, len(text.splitlines()), ast.parse(text, name)))
    return files


def findings(files: Sequence[SourceFile]) -> Findings:
    """Return what each metric counts, in the order of the table."""
    functions = [(file, *found) for file in files for found in _functions(file.tree)]
    found: Findings = {
        "files": [file.path for file in files],
        "lines": [],
        f"files under {SHORT_FILE_LINES} lines": [
            f"{file.path}: {file.lines}" for file in files if file.lines < SHORT_FILE_LINES
        ],
        "file names that occur more than once": _repeated(
            (file.stem, file.path) for file in files if file.stem not in NAMELESS
        ),
        f"modules over {LONG_MODULE_LINES} lines": [
            f"{file.path}: {file.lines}" for file in files if file.lines > LONG_MODULE_LINES
        ],
        "functions": [f"{file.path}:{function.lineno} {function.name}" for file, function, _ in functions],
    }
    found |= _function_findings(functions)
    found["class names that occur more than once"] = _repeated(
        (node.name, f"{file.path}:{node.lineno}")
        for file in files
        for node in ast.walk(file.tree)
        if isinstance(node, ast.ClassDef)
    )
    imports = import_graph(files)
    found[f"modules of at most {FRAGMENT_LINES} lines with one importer"] = _fragments(files, imports)
    cycles = import_cycles(files, import_graph(files, with_typing=False))
    found["import cycles between rooms"] = cycles
    found["more of them with imports for typing"] = [
        cycle for cycle in import_cycles(files, imports) if cycle not in cycles
    ]
    return found


def _functions(tree: ast.AST, is_class: bool = False) -> Iterator[tuple[Function, bool]]:
    """Yield every function, nested ones too, and whether it is a method."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, Function):
            yield node, is_class
        yield from _functions(node, isinstance(node, ast.ClassDef))


def _function_findings(functions: Iterable[tuple[SourceFile, Function, bool]]) -> Findings:
    long: list[str] = []
    deep: list[str] = []
    wide: list[str] = []
    commands: list[str] = []
    for file, function, is_method in functions:
        where = f"{file.path}:{function.lineno} {function.name}"
        lines = (function.end_lineno or function.lineno) - function.lineno + 1
        depth, parameters = nesting(function.body), parameter_count(function, is_method)
        if lines > LONG_FUNCTION_LINES:
            long.append(f"{where}: {lines}")
        if depth >= DEEP_NESTING:
            deep.append(f"{where}: {depth}")
        if parameters > MOST_PARAMETERS:
            (commands if _is_command(function) else wide).append(f"{where}: {parameters}")
    return {
        f"functions over {LONG_FUNCTION_LINES} lines": long,
        f"functions nested {DEEP_NESTING} deep or more": deep,
        f"functions with more than {MOST_PARAMETERS} parameters": wide,
        f"click commands with more than {MOST_PARAMETERS} options": commands,
    }


def nesting(body: Iterable[ast.AST]) -> int:
    """Return the most for, while, if, with, try and match statements around one place; `elif` adds none.

    Functions and classes inside are not looked into: they are counted by themselves.
    """
    deepest = 0
    for node in body:
        if isinstance(node, Function | ast.ClassDef | ast.expr):
            continue
        if isinstance(node, ast.If) and len(node.orelse) == 1 and _is_elif(node.orelse[0], node):
            depth = max(1 + nesting(node.body), nesting(node.orelse))
        else:
            depth = isinstance(node, NESTING) + nesting(ast.iter_child_nodes(node))
        deepest = max(deepest, depth)
    return deepest


def _is_elif(node: ast.stmt, parent: ast.If) -> bool:
    return isinstance(node, ast.If) and node.col_offset == parent.col_offset


def parameter_count(function: Function, is_method: bool) -> int:
    """Return how many parameters a caller can give, `*` and `**` counted as one each."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args]
    if is_method and named and named[0].arg in ("self", "cls"):
        named = named[1:]
    return len(named) + len(arguments.kwonlyargs) + bool(arguments.vararg) + bool(arguments.kwarg)


def _is_command(function: Function) -> bool:
    calls = [each.func if isinstance(each, ast.Call) else each for each in function.decorator_list]
    return any(isinstance(call, ast.Attribute) and call.attr in ("command", "group") for call in calls)


def import_graph(files: Sequence[SourceFile], *, with_typing: bool = True) -> dict[str, set[str]]:
    """Return for each module the modules among `files` that it imports, itself not among them.

    Args:
        files: The source files.
        with_typing: Whether imports under `if TYPE_CHECKING:` count.
    """
    known = {file.module for file in files}
    named = {file.module: list(_imported(file, known, with_typing)) for file in files}
    packages = {file.module for file in files if file.stem == "__init__"}
    origin = {
        (package, alias): module
        for package in packages
        for module, alias in named[package]
        if alias is not None
    }
    graph: dict[str, set[str]] = {}
    for module, names in named.items():
        sources = {origin[name] for name in names if name in origin}
        graph[module] = ({name for name, _ in names} | sources) - {module}
    return graph


def _nodes(tree: ast.AST, with_typing: bool) -> Iterator[ast.AST]:
    """Yield every node below `tree`, without those under `if TYPE_CHECKING:` unless `with_typing`."""
    for node in ast.iter_child_nodes(tree):
        if not with_typing and isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        yield node
        yield from _nodes(node, with_typing)


def _imported(file: SourceFile, known: set[str], with_typing: bool) -> Iterator[tuple[str, str | None]]:
    """Yield every known module that is imported, and the name that is taken from it, if one is."""
    for node in _nodes(file.tree, with_typing):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, file.package)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                if inner in known:
                    yield inner, None
                elif base in known:
                    yield base, alias.name


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def _fragments(files: Sequence[SourceFile], imports: Mapping[str, set[str]]) -> list[str]:
    packages = {file.module for file in files if file.stem == "__init__"}
    importers: dict[str, list[str]] = defaultdict(list)
    for module, named in imports.items():
        for name in named:
            if module not in packages:
                importers[name].append(module)
    return [
        f"{file.path}: {file.lines}, imported by {importers[file.module][0]}"
        for file in files
        if file.stem not in NAMELESS and file.lines <= FRAGMENT_LINES and len(importers[file.module]) == 1
    ]


def import_cycles(files: Sequence[SourceFile], imports: Mapping[str, set[str]]) -> list[str]:
    """Return each largest set of rooms that all reach each other through imports, as a line of their names."""
    room_of = {file.module: file.room for file in files}
    edges: dict[str, set[str]] = {room: set() for room in room_of.values()}
    for module, named in imports.items():
        edges[room_of[module]] |= {room_of[name] for name in named} - {room_of[module]}
    reached = {room: _reachable(room, edges) for room in edges}
    cycles = {
        tuple(sorted(other for other in reached[room] if room in reached[other]))
        for room in edges
        if room in reached[room]
    }
    return [" <-> ".join(rooms) for rooms in sorted(cycles)]


def _reachable(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    """Return the rooms that imports lead to; `start` itself only if they lead back."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = edges[waiting.pop()] - found
        found |= fresh
        waiting.extend(fresh)
    return found


def _repeated(named: Iterable[tuple[str, str]]) -> list[str]:
    places: dict[str, list[str]] = defaultdict(list)
    for name, place in named:
        places[name].append(place)
    counted = Counter({name: len(each) for name, each in places.items() if len(each) > 1})
    return [f"{name} ({count}): {', '.join(places[name])}" for name, count in counted.most_common()]


def measured(root: Path) -> dict[str, Findings]:
    """Return the findings of a checkout's product code and tests, and their lines."""
    files = source_files(root)
    in_tests = [file for file in files if file.path.startswith("tests/")]
    product = [file for file in files if not file.path.startswith("tests/")]
    result = {"product": findings(product), "tests": findings(in_tests)}
    for name, part in (("product", product), ("tests", in_tests)):
        result[name]["lines"] = [""] * sum(file.lines for file in part)
    return result


def table(columns: Mapping[str, Findings]) -> str:
    """Return the counts as a Markdown table, a column for each name."""
    metrics = next(iter(columns.values()))
    rows = [[metric, *(len(each[metric]) for each in columns.values())] for metric in metrics]
    return markdown_table(frame_of(rows, ["", *columns]), formats=dict.fromkeys(columns, ","))


def details(columns: Mapping[str, Findings]) -> str:
    """Return what is behind the numbers, but not every file, line and function."""
    return "\n".join(
        f"\n## {name}: {metric}\n\n" + "\n".join(f"- {line}" for line in lines)
        for name, found in columns.items()
        for metric, lines in found.items()
        if lines and metric not in ("files", "lines", "functions")
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of the checkout that the arguments name."""
    parser = argparse.ArgumentParser(
        prog="python benchmarks/code_metrics.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkout", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--before", type=Path, help="Another checkout to compare with.")
    parser.add_argument("--details", action="store_true", help="List what each number counts.")
    options = parser.parse_args(arguments)
    now = measured(options.checkout)
    columns = now
    if options.before is not None:
        before = measured(options.before)
        columns = {
            f"{name}, {when}": part[name]
            for name in now
            for when, part in (("before", before), ("after", now))
        }
    print(table(columns), end="")
    if options.details:
        print(details(now))


if __name__ == "__main__":
    main()
