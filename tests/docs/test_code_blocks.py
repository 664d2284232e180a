"""Every code block of the documents runs, in order, as a reader would run it; those that cannot are checked, and say why."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator

from accelsim.cli import main
from accelsim.file_kinds import kind_of
from accelsim.report import charts as chart_registry
from accelsim.schemas import SCHEMAS
from accelsim.schemes import scheme_registry
from tests.docs.blocks import LANGUAGES, ROOT, SHELL, Block, blocks_of, documents, spans_of
from tests.docs.command_lines import NotUnderstood, check_command, check_options, commands, only_starts
from tests.docs.given import GIVEN

IN_A_SHELL = (ROOT / "docs/quickstart.md",)
"""Documents whose every command is a process of its own; one will do."""

NAMES = [str(path.relative_to(ROOT)) for path in documents()]


def _runs(name: str) -> bool:
    return any(block.not_run is None and block.language != "text" for block in blocks_of(ROOT / name))


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if _runs(name)])
def test_code_blocks_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if any("torch" in block.text or "accelsim export" in block.text for block in blocks_of(ROOT / name)):
        pytest.importorskip("torch", reason="needs the extra train")
    shutil.copytree(ROOT / "hwconfigs", tmp_path / "hwconfigs")
    (tmp_path / "traces").symlink_to(ROOT / "traces")
    GIVEN.get(name, lambda folder: None)(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # What a document registers is known to its own blocks only.
    for registry in (scheme_registry, chart_registry):
        monkeypatch.setattr(registry, "_registered", dict(registry._registered))
    for block in blocks_of(ROOT / name):
        if block.file is not None:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.runnable_text, encoding="utf-8")
        if block.not_run is None:
            _run(block)


def _run(block: Block) -> None:
    text = block.runnable_text
    if block.language in SHELL and block.document not in IN_A_SHELL and only_starts(text, "accelsim"):
        # In this process, which has compiled and imported all that a new one would need seconds for.
        for _, *arguments in commands(text):
            with pytest.raises(SystemExit) as stopped:
                main(arguments)
            assert not stopped.value.code, f"{block.where}: accelsim {' '.join(arguments)}"
    elif block.language in SHELL:
        # Programs of this environment, and modules of the repository, whether or not either is installed elsewhere.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{block.where}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    elif block.language == "python" and block.file is None:
        try:
            exec(compile(text, block.where, "exec"), {"__name__": "__main__"})
        except BaseException as error:
            error.add_note(f"in the block at {block.where}")
            raise
    elif block.language == "yaml":
        Path(block.file or "mine.yaml").write_text(text, encoding="utf-8")


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("name", NAMES)
def test_code_blocks_are_sound(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    made = {("python", block.file) for block in blocks_of(ROOT / name) if block.file is not None}
    for block in blocks_of(ROOT / name):
        assert block.language in LANGUAGES, f"{block.where}: language {block.language!r}, not of {LANGUAGES}"
        assert block.not_run is None or len(block.not_run) > 5, f"{block.where}: no reason"
        if block.language in SHELL:
            for words in commands(block.text):
                if tuple(words) not in made:
                    check_command(words, block.where)
        elif block.language == "python":
            ast.parse(block.text, block.where)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "yaml":
            _check_yaml(block, tmp_path)
    for span in spans_of(ROOT / name):
        if span.startswith("accelsim "):
            check_options(span.split(), name)


def _check_yaml(block: Block, folder: Path) -> None:
    """By its JSON Schema, and by the reader itself."""
    shutil.copytree(ROOT / "hwconfigs", folder, dirs_exist_ok=True)
    path = folder / (block.file or "mine.yaml")
    path.write_text(block.text, encoding="utf-8")
    kind = kind_of(path)
    faults = Draft7Validator(SCHEMAS[kind]()).iter_errors(yaml.safe_load(block.text))
    assert [error.message for error in faults] == [], block.where
    with pytest.raises(SystemExit) as stopped:
        main(["check", str(path)])
    assert not stopped.value.code, block.where


@pytest.mark.parametrize(
    "line",
    [
        "accelsim rum",
        "accelsim run resnet18-cifar10 --machin structured --out x",
        "accelsim run --machine structured --out x",
        "accelsim run a --machine b --out c --engine fast",
        "python -m models.nothing",
        "python -m models.evaluation --checkpont x",
        "python benchmarks/engine.py",
        "python benchmarks/engines.py --image 3x",
        "make figure6",
        "pip install '.[trian]'",
        "true && acelsim run",
    ],
)
def test_a_wrong_command_is_noticed(line: str) -> None:
    with pytest.raises(NotUnderstood):
        for words in commands(line):
            check_command(words, "here")


def test_shell_lines_are_split_as_a_shell_does() -> None:
    text = "A=1 make x  # why\naccelsim run t \\\n  --out o > log && accelsim results 'a b' | head\n"
    assert list(commands(text)) == [
        ["make", "x"],
        ["accelsim", "run", "t", "--out", "o"],
        ["accelsim", "results", "a b"],
        ["head"],
    ]


def test_what_needs_a_shell() -> None:
    assert only_starts(
        "accelsim results x.db --where 'noise > 0.8'  # some\naccelsim area a \\\n  b\n", "accelsim"
    )
    for text in ("accelsim area a > b", "accelsim area $A", "true && accelsim area a", "make figure5"):
        assert not only_starts(text, "accelsim")


def test_marks_belong_to_the_block_after_them() -> None:
    text = "<!-- not run: an hour of training -->\n```sh\nmake traces\n```\n\n- item\n\n  ```python\n  1\n  ```\n"
    first, second = blocks_of(ROOT / "README.md", text)
    assert (first.not_run, first.line, first.language) == ("an hour of training", 2, "sh")
    assert (second.not_run, second.text) == (None, "1\n")
    for wrong in ("<!-- not run: lost -->\n\nText.\n", '=== "tab"\n\n    ```sh\n    ls\n    ```\n'):
        with pytest.raises(AssertionError):
            blocks_of(ROOT / "README.md", wrong)
