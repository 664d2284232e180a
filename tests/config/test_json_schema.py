"""The JSON Schemas against the readers: what is read is valid, what is valid field by field is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from accelsim.bundled import bundled_path
from accelsim.cli import main
from accelsim.config import load_machine, machine_from_yaml
from accelsim.config.json_schema import machine_schema, technology_schema
from accelsim.errors import AccelsimError
from accelsim.schemas import SCHEMAS
from accelsim.sweep import load_sweep, open_space
from tests.engine.strategies import random_case

ROOT = Path(__file__).resolve().parents[2]
FILES = {
    "machine": [*sorted(bundled_path("hwconfigs").glob("*.yaml")), ROOT / "benchmarks/peers-dense.yaml"],
    "technology": sorted(bundled_path("hwconfigs/technology").glob("*.yaml")),
    "sweep": [*sorted(bundled_path("hwconfigs/sweeps").glob("*.yaml")), ROOT / "benchmarks/search.yaml"],
    "recipe": sorted((ROOT / "models/recipes").glob("*.yaml")),
    "adversarial-recipe": sorted((ROOT / "models/recipes/adversarial").glob("*.yaml")),
    "robust-recipe": sorted((ROOT / "models/recipes/robust").glob("*.yaml")),
}
SHIPPED = [(kind, path) for kind, paths in FILES.items() for path in paths]
MACHINE = Draft7Validator(machine_schema())


def read(path: Path) -> dict[str, Any]:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(data, dict)
    return data


def schema_of(kind: str) -> dict[str, Any]:
    if "recipe" in kind:
        pytest.importorskip("torch", reason="needs the extra train")
    return SCHEMAS[kind]()


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_schemas_of_the_repository_are_these(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    schema = schema_of(kind)
    Draft7Validator.check_schema(schema)
    with pytest.raises(SystemExit) as stopped:
        main(["schema", kind])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert json.loads(printed) == schema
    kept = ROOT / f"docs/schema/{kind}.json"
    assert kept.read_text(encoding="utf-8") == printed, (
        f"accelsim schema {kind} --out docs/schema/{kind}.json"
    )


def _fields(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of every section, wherever in the schema."""
    if isinstance(schema, list):
        for index, each in enumerate(schema):
            yield from _fields(each, f"{path}/{index}")
    elif isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items():
            yield f"{path}/{name}", field
        for key, each in schema.items():
            yield from _fields(each, f"{path}/{key}")


@pytest.mark.parametrize("kind", SCHEMAS)
def test_editors_can_explain_every_field(kind: str) -> None:
    fields = dict(_fields(schema_of(kind)))
    assert len(fields) > 10
    assert [place for place, field in fields.items() if len(field.get("description", "")) < 5] == []


@pytest.mark.parametrize(("kind", "path"), SHIPPED, ids=lambda each: getattr(each, "stem", each))
def test_shipped_files_are_valid_and_name_their_schema(kind: str, path: Path) -> None:
    validator = Draft7Validator(schema_of(kind))
    data = read(path)
    assert list(validator.iter_errors(data)) == []
    assert not validator.is_valid(data | {"nmae": "mine"})
    for key, value in data.items():
        wrong = 7 if isinstance(value, str | dict | list) else "seven"
        assert not validator.is_valid(data | {key: wrong}), key
    found = re.fullmatch(
        r"# yaml-language-server: \$schema=(\S+)", path.read_text(encoding="utf-8").splitlines()[0]
    )
    assert found is not None
    assert (path.parent / found[1]).resolve() == ROOT / f"docs/schema/{kind}.json"


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_any_machine_is_valid(seed: int) -> None:
    machine = random_case(Random(seed)).machine
    assert list(MACHINE.iter_errors(machine.model_dump(mode="json"))) == []


def _places(data: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    below = [
        place
        for key, value in data.items()
        if isinstance(value, dict)
        for place in _places(value, (*path, key))
    ]
    return [(*path, key) for key in data] + below


STRUCTURED = load_machine("structured").model_dump(mode="json")


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(_places(STRUCTURED)),
    st.one_of(
        st.integers(-2, 5000),
        st.none(),
        st.booleans(),
        st.sampled_from(["", "share", "nm", "x y", 1.5, [], {}]),
    ),
)
def test_a_machine_with_another_value_is_valid_if_it_is_read(place: tuple[str, ...], value: object) -> None:
    """And if it is not read though valid, two fields do not go together: the message names more than one."""
    data = deepcopy(STRUCTURED)
    section = data
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = value
    valid = MACHINE.is_valid(data)
    try:
        machine_from_yaml(yaml.safe_dump(data))
    except AccelsimError as error:
        together = ("larger than the memory", "whole multiple", "psums", "give both", "one word of 16 bits")
        assert not valid or any(words in str(error) for words in together), error
    else:
        assert valid


@pytest.mark.parametrize("place", _places(STRUCTURED), ids=".".join)
def test_a_key_that_is_unknown_or_gone(place: tuple[str, ...]) -> None:
    data = deepcopy(STRUCTURED)
    section = data
    for key in place[:-1]:
        section = section[key]
    value = section.pop(place[-1])
    optional = place in {("description",), ("dram",), ("projection",), ("selector",)}
    assert MACHINE.is_valid(data) == optional
    section[place[-1] + "x"] = value
    assert not MACHINE.is_valid(data)


@pytest.mark.parametrize(
    ("data", "valid"),
    [
        ({"extends": "structured", "name": "mine", "mvu": {"vpus": 8}}, True),
        ({"extends": "structured", "name": "mine", "selector": {"max_of": 4}, "dram": None}, True),
        ({"extends": "structured", "name": "mine", "mvu": {"vpus": 0}}, False),
        ({"extends": "structured", "name": "mine", "mvu": {"vpu": 8}}, False),
        ({"extends": "structured", "mvu": {"vpus": 8}}, False),
        ({"extends": 3, "name": "mine"}, False),
        ({"name": "mine", "mvu": {"vpus": 8}}, False),
    ],
)
def test_a_file_that_extends_another(data: dict[str, Any], valid: bool) -> None:
    assert MACHINE.is_valid(data) == valid
    try:
        machine_from_yaml(yaml.safe_dump(data))
    except AccelsimError:
        assert not valid
    else:
        assert valid


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("events", "multiply_16bit_pj"),
        ("events", "ring_write_pj"),
        ("blocks", "multiplier"),
        ("sram", "table"),
    ],
)
def test_every_key_of_a_technology_is_needed(section: str, key: str) -> None:
    validator = Draft7Validator(technology_schema())
    data = read(bundled_path("hwconfigs/technology/freepdk45.yaml"))
    assert validator.is_valid(data)
    del data[section][key]
    assert not validator.is_valid(data)


def test_an_energy_of_a_technology_is_positive() -> None:
    data = read(bundled_path("hwconfigs/technology/freepdk45.yaml"))
    data["events"]["multiply_16bit_pj"] = {"value": -1, "source": "none"}
    assert not Draft7Validator(technology_schema()).is_valid(data)


SWEEP = {
    "format": "accelsim-sweep/1",
    "name": "s",
    "machines": ["structured"],
    "traces": ["resnet18-cifar10"],
}


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({"axes": {"mvu.vpus": [4, 8]}}, True),
        ({"axes": {"mvu.vpus": {"from": 4, "to": 8, "step": 2}}}, True),
        (
            {
                "axes": {
                    "mvu.vpus": {"from": 4, "to": 8, "factor": 2},
                    "cores": {"from": 1, "to": 4, "count": 3},
                }
            },
            True,
        ),
        ({"axes": {"mvu.vpus": 8}}, False),
        ({"axes": {"mvu.vpus": []}}, False),
        ({"axes": {"mvu.vpus": {"from": 4, "to": 8}}}, False),
        ({"axes": {"mvu.vpus": {"from": 4, "to": 8, "step": 2, "factor": 2}}}, False),
        ({"axes": {"mvu.vpus": {"from": 4, "to": 8, "step": 0}}}, False),
        ({"axes": {"mvu.vpus": {"from": 4, "to": 8, "factor": 1}}}, False),
        ({"axes": {"mvu.vpus": {"from": 4, "to": 8, "count": 1}}}, False),
        ({"zip": [{"mvu.vpus": [4, 8], "mvu.bricks_per_vpu": [128, 64]}]}, True),
        ({"zip": [{}]}, False),
        ({"zip": {"mvu.vpus": [4, 8]}}, False),
        ({"images": ["0:2", 3], "schemes": ["nm-1of8"], "set": {"cores": 2}, "where": ["cores > 1"]}, True),
        ({"schemes": []}, False),
        ({"machines": []}, False),
    ],
)
def test_a_sweep_is_valid_if_it_is_read(changes: dict[str, Any], valid: bool, tmp_path: Path) -> None:
    data = SWEEP | changes
    assert Draft7Validator(SCHEMAS["sweep"]()).is_valid(data) == valid
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(data))
    if valid:
        open_space(load_sweep(path))
    else:
        with pytest.raises(AccelsimError, match=re.escape(str(path))):
            open_space(load_sweep(path))
