"""``extends:``: what a machine laid over another becomes, and what is said when it cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.config import load_machine, machine_from_yaml
from accelsim.config.extends import MAX_FILES
from accelsim.errors import AccelsimError

Write = Callable[[str, str], Path]
OPTIONAL = ("projection", "selector", "dram")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_changed_keys_are_changed_and_all_others_kept(write: Write) -> None:
    machine = load_machine(write("mine.yaml", "extends: structured\nname: mine\nmvu: {vpus: 3}\ncores: 2\n"))
    expected = load_machine("structured").model_dump() | {"name": "mine", "description": "", "cores": 2}
    expected["mvu"]["vpus"] = 3
    assert machine.model_dump() == expected


def test_null_drops_a_section(write: Write) -> None:
    path = write("plain.yaml", "extends: structured\nname: plain\nprojection: null\nselector:\n")
    assert load_machine(path).dense_only


def test_a_section_of_another_kind_is_taken_whole(write: Write) -> None:
    """A threshold selector has no groups_per_cycle; merged key by key it would be refused."""
    text = "extends: structured\nname: t\nselector: {kind: threshold, comparators: 5, latency_cycles: 1}\n"
    selector = load_machine(write("t.yaml", text)).selector
    assert selector is not None
    assert selector.model_dump() == {"kind": "threshold", "comparators": 5, "latency_cycles": 1}


def test_the_same_kind_said_again_is_merged(write: Write) -> None:
    path = write("s.yaml", "extends: structured\nname: s\nselector: {kind: nm, max_of: 16}\n")
    shipped = load_machine("structured").selector
    assert shipped is not None
    selector = load_machine(path).selector
    assert selector is not None and selector.model_dump() == shipped.model_dump() | {"max_of": 16}


def test_relative_to_the_file_not_to_the_current_folder(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("base.yaml", "extends: dense\nname: base\nmvu: {vpus: 7}\n")
    write("deep/mid.yaml", "extends: ../base.yaml\nclock_mhz: 400\n")  # not whole by itself: it has no name
    top = write("deep/top.yaml", "extends: mid.yaml\nname: top\n")
    monkeypatch.chdir("/")
    machine = load_machine(top)
    assert (machine.name, machine.mvu.vpus, machine.clock_mhz) == ("top", 7, 400)


def test_a_text_extends_bundled_machines_too() -> None:
    assert machine_from_yaml("extends: dense\nname: d\n").mvu == load_machine("dense").mvu


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [path]
    return [leaf for key, each in value.items() for leaf in leaves(each, (*path, key))]


def picked(data: Any, paths: list[tuple[str, ...]]) -> dict[str, Any]:
    """The part of nested dicts that holds these leaves."""
    part: dict[str, Any] = {}
    for path in paths:
        here, value = part, data
        for key in path[:-1]:
            here, value = here.setdefault(key, {}), value[key]
        here[path[-1]] = value[path[-1]]
    return part


@settings(max_examples=50, deadline=None)
@given(rng=st.randoms(use_true_random=False), name=st.sampled_from(["dense", "structured", "unstructured"]))
def test_any_split_over_files_is_the_same_machine(
    rng: Random, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each key may be in any of three files, and wrong in those below: the machine and its hash do not change."""
    machine = load_machine(name)
    whole = machine.model_dump(mode="json")
    folder = tmp_path_factory.mktemp("split")
    paths = [path for path in leaves(whole) if path not in (("name",), ("description",))]
    level_of = {path: rng.randint(0, 2) for path in paths}
    for level in range(3):
        part = picked(whole, [path for path in paths if level_of[path] == level])
        for path in paths:
            if level_of[path] > level and rng.random() < 0.5 and path[-1] != "kind":
                here = part
                for key in path[:-1]:
                    here = here.setdefault(key, {})
                here[path[-1]] = "replaced by a file above"
        if level:
            part["extends"] = f"{level - 1}.yaml"
        if level == 2:
            part |= {"name": machine.name, "description": machine.description}
        (folder / f"{level}.yaml").write_text(yaml.safe_dump(part), encoding="utf-8")
    again = load_machine(folder / "2.yaml")
    assert again == machine and again.sha256 == machine.sha256


def refusal(path: Path) -> str:
    with pytest.raises(AccelsimError) as caught:
        load_machine(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_wrong_value_is_told_where_it_is_written(write: Write) -> None:
    base = write("base.yaml", "extends: dense\nname: base\nmvu:\n  vpus: 0\n")
    top = write("top.yaml", "extends: base.yaml\nname: top\nmvu: {bricks_per_vpu: 32}\n")
    assert refusal(top) == f"{base}:4: field mvu.vpus: 0 is below the least allowed, 1"
    top = write("top.yaml", "extends: base.yaml\nname: top\nmvu: {vpus: -1}\n")
    assert refusal(top) == f"{top}:3: field mvu.vpus: -1 is below the least allowed, 1"


def test_a_fault_that_only_a_layer_shows_is_told_where_it_is_written(write: Write) -> None:
    base = write("base.yaml", "extends: dense\nweight_sram:\n  kib: 32\n")
    machine = load_machine(
        write("top.yaml", "extends: base.yaml\nname: top\nweight_sram: {width_bits: 32}\n")
    )
    assert machine.where("weight_sram.kib") == f"{base}:3: field weight_sram.kib"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extends: nope.yaml\nname: x\n", ":1: field extends: 'nope.yaml': no such machine file"),
        ("name: x\nextends: nope\n", ":2: field extends: 'nope': no such machine file"),
        ("extends: x.yaml\nname: x\n", ":1: field extends: goes round in a circle: x.yaml -> x.yaml"),
        ("extends: .\nname: x\n", ":1: field extends: '.': no such machine file"),
        ('extends: "a\\0b"\nname: x\n', ":1: field extends: 'a\\x00b': no such machine file"),
        ("extends: null\nname: x\n", ":1: field extends: must be a file"),
        ("extends: [dense]\nname: x\n", ":1: field extends: must be a file"),
        ("extends: 3\nname: x\n", ":1: field extends: must be a file"),
        ("extends: dense\n", ":1: field name: missing"),
        ("extends: dense\nname: x\nmvu: null\n", ":3: field mvu: must be a section of keys, not nothing"),
        (
            "extends: dense\nname: x\nselector: {kind: threshold, comparators: 8, latency_cycles: 2}\n",
            "the machine has a selector but no projection",
        ),
        ("extend: dense\nname: x\n", ":1: field extend: unknown key `extend`; did you mean `extends`?"),
        ("extends: dense\nname: x\nmvu: {extends: 1}\n", ":3: field mvu.extends: unknown key `extends`"),
    ],
)
def test_what_cannot_be_extended_is_told_in_one_line(write: Write, text: str, said: str) -> None:
    path = write("x.yaml", text)
    message = refusal(path)
    assert message.startswith(str(path)) and said in message


def test_a_damaged_base_is_told_by_its_own_name(write: Write) -> None:
    base = write("base.yaml", "mvu: {vpus: 3\n")
    assert refusal(write("top.yaml", "extends: base.yaml\nname: top\n")).startswith(
        f"{base}:2: not valid YAML"
    )


def test_a_circle_of_three_through_a_link(write: Write, tmp_path: Path) -> None:
    write("a.yaml", "extends: b.yaml\nname: a\n")
    write("b.yaml", "extends: c.yaml\n")
    write("c.yaml", "extends: link.yaml\n")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "a.yaml")
    assert "goes round in a circle: a.yaml -> b.yaml -> c.yaml -> link.yaml" in refusal(tmp_path / "a.yaml")


@pytest.mark.parametrize("files", [MAX_FILES, MAX_FILES + 1])
def test_chains_end(write: Write, tmp_path: Path, files: int) -> None:
    write("0.yaml", load_machine("dense").to_yaml())
    for number in range(1, files):
        write(f"{number}.yaml", f"extends: {number - 1}.yaml\nname: x\n")
    top = tmp_path / f"{files - 1}.yaml"
    if files <= MAX_FILES:
        assert load_machine(top).mvu == load_machine("dense").mvu
    else:
        assert re.search(rf"1\.yaml:1: field extends: more than {MAX_FILES} files in a row", refusal(top))
