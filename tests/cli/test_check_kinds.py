"""`accelsim check` on every kind of file, and that it refuses what a run would."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner, Result
from safetensors.numpy import save_file

from accelsim.bundled import bundled_path
from accelsim.cli import cli
from accelsim.errors import AccelsimError
from accelsim.json_text import json_text

SWEEP = """format: accelsim-sweep/1
name: s
machines: [structured]
traces: [{trace}]
schemes: [nm-1of8]
"""


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def problem(path: Path) -> str:
    done = invoke("check", path)
    assert done.exit_code == 1, done.output
    (line,) = done.stderr.splitlines()
    return line


def test_recipes_and_tables_are_sound() -> None:
    tables = bundled_path("hwconfigs/technology/cacti7_45nm_sram.csv")
    recipes = sorted(Path("models/recipes").rglob("*.yaml"))
    assert len(recipes) > 10
    done = invoke("check", tables, *recipes)
    assert done.exit_code == 0, done.output
    assert "SRAM table, 72 macros" in done.output


@pytest.mark.parametrize("recipe", ["smoke.yaml", "adversarial/smoke.yaml", "robust/smoke.yaml"])
def test_a_wrong_recipe_is_named(tmp_path: Path, recipe: str) -> None:
    shutil.copytree("models/recipes", tmp_path / "recipes")
    path = tmp_path / "recipes" / recipe
    path.write_text(path.read_text() + "colour: red\n")
    assert "colour" in problem(path)


def test_a_folder_of_results(tmp_path: Path, small_trace: Path) -> None:
    out = tmp_path / "r"
    assert invoke("run", small_trace, "--machine", "structured", "--out", out).exit_code == 0
    assert "folder of results" in invoke("check", out).output
    (out / "results.json").write_text("{")
    assert "results.json" in problem(out)
    assert "is a folder without results.json" in problem(tmp_path)


def test_a_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    weights = {"a": np.ones(3, np.float32)}
    save_file(weights, path)
    assert "checkpoint, 1 tensors" in invoke("check", path).output
    path.write_bytes(path.read_bytes()[:-1])
    assert "cannot read the checkpoint" in problem(path)
    weights["a"][1] = np.nan
    save_file(weights, path)
    assert "tensor 'a' holds values that are not finite" in problem(path)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('images: ["on"]', "'on' is not a range of images"),
        ('images: ["0:99"]', "are not all in the trace"),
        ('where: ["4"]', "is 4, not true or false"),
        ('where: ["mvu.vpus > 99999"]', "no points"),
        ("axes: {let.x: [1, .nan]}", "field axes.let.x.1: must be a finite number, not nan"),
        ("set: {let.x: .inf}", "field set.let.x: must be a finite number, not inf"),
        ("zip: [{let.x: [1, -.inf]}]", "field zip.0.let.x.1: must be a finite number, not -inf"),
        ("axes: {mvu.vpus: [0]}", "no machine can be built"),
    ],
)
def test_a_sweep_that_the_run_refuses(tmp_path: Path, small_trace: Path, more: str, said: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(SWEEP.format(trace=small_trace) + more + "\n")
    done = invoke("sweep", path, "--db", tmp_path / "s.db")
    assert isinstance(done.exception, AccelsimError) and said in str(done.exception), done.output
    assert problem(path) == str(done.exception)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [("clock_mhz", 1000, "is more than technology"), ("macro_kib", 4096, "4096")],
)
def test_a_machine_that_the_technology_refuses(
    tmp_path: Path, small_trace: Path, field: str, value: int, said: str
) -> None:
    text = bundled_path("hwconfigs/structured.yaml").read_text()
    path = tmp_path / "m.yaml"
    path.write_text(re.sub(rf"\b{field}: \d+", f"{field}: {value}", text))
    done = invoke("run", small_trace, "--machine", path, "--out", tmp_path / "r")
    assert isinstance(done.exception, AccelsimError), done.output
    assert said in problem(path) and problem(path) == str(done.exception)


def test_json_holds_no_nan() -> None:
    content = {"a": [1.5, float("nan"), {"b": float("-inf")}], "c": (float("inf"), None, "NaN")}
    assert json.loads(json_text(content)) == {"a": [1.5, None, {"b": None}], "c": [None, None, "NaN"]}


def machine_file(path: Path, name: str, **changes: dict[str, int]) -> Path:
    """Write a shipped machine with some fields of its sections changed."""
    data = yaml.safe_load(bundled_path(f"hwconfigs/{name}.yaml").read_text())
    for section, fields in changes.items():
        data[section] |= fields
    path.write_text(yaml.safe_dump(data))
    return path


def test_a_machine_together_with_traces(tmp_path: Path, small_trace: Path) -> None:
    """What `run` refuses of a machine and a trace, `check --trace` refuses in the same words, and nothing else."""
    machines = [
        machine_file(tmp_path / "a.yaml", "structured"),
        machine_file(tmp_path / "b.yaml", "structured", weight_sram={"kib": 32}, mvu={"vpus": 32}),
        machine_file(tmp_path / "c.yaml", "dense"),
        machine_file(tmp_path / "d.yaml", "unstructured", input_sram={"kib": 32}),
    ]
    traces = [str(small_trace), "ann-mnist"]
    refused = 0
    for path in machines:
        assert invoke("check", path).exit_code == 0
        done = invoke("check", path, "--trace", traces[0], "--trace", traces[1])
        said = []
        for trace in traces:
            run = invoke("run", trace, "--machine", path, "--images", "0:1", "--out", tmp_path / "out")
            said += [str(run.exception)] if run.exit_code else []
        assert done.stderr.splitlines() == said
        assert done.exit_code == (1 if said else 0)
        refused += bool(said)
    assert 0 < refused < len(machines)
    done = invoke("check", small_trace, "--trace", "ann-mnist")
    assert "no machine is among the files" in str(done.exception)


def test_a_machine_on_which_no_layer_fits(tmp_path: Path) -> None:
    path = machine_file(
        tmp_path / "m.yaml", "structured", sequencer={"lookahead": 800}, result_buffer={"kib": 16}
    )
    assert "too small" in problem(path) and "of one neuron" in problem(path)
