"""The shipped machines load; machines are frozen, hashed by content, and survive a trip through YAML."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from accelsim.bundled import bundled_path
from accelsim.components.nm_selector import NmSelector
from accelsim.components.threshold_selector import ThresholdSelector
from accelsim.config import Machine, load_machine, machine_from_yaml
from accelsim.errors import AccelsimError

NAMES = ("dense", "unstructured", "structured")


def test_shipped_machines_say_what_their_names_say() -> None:
    dense, unstructured, structured = (load_machine(name) for name in NAMES)
    assert dense.dense_only and dense.projection is None
    assert isinstance(unstructured.selector, ThresholdSelector) and not unstructured.mvu.hold_weights
    assert isinstance(structured.selector, NmSelector) and structured.mvu.hold_weights
    assert unstructured.mvu.lanes == 4  # 64 bricks, 16 to a 16-bit multiplier
    assert [machine.name for machine in (dense, unstructured, structured)] == list(NAMES)


def test_shipped_machines_differ_only_where_their_kind_does() -> None:
    """Anything else that differed would be a hidden advantage in a comparison."""
    alike = [load_machine(name).model_dump() for name in NAMES]
    for machine in alike:
        for field in ("name", "description", "projection", "selector"):
            del machine[field]
        # The depth is the least that the RTL of each kind can be built with (docs/machine.md, section 12).
        for field in ("vpus", "accumulators_per_vpu", "hold_weights", "spare_vpus", "pipeline_depth_cycles"):
            del machine["mvu"][field]
    assert alike[0] == alike[1] == alike[2]


@pytest.mark.parametrize("name", NAMES)
def test_yaml_round_trip(name: str) -> None:
    machine = load_machine(name)
    again = machine_from_yaml(machine.to_yaml())
    assert again == machine
    assert again.sha256 == machine.sha256
    assert hash(again) == hash(machine)


@settings(max_examples=60, deadline=None)
@given(
    description=st.text(st.characters(codec="utf-8"), max_size=40),
    vpus=st.integers(1, 4096),
    lanes=st.integers(1, 256),
    energy=st.floats(0, 10_000),
)
def test_yaml_round_trip_of_any_values(description: str, vpus: int, lanes: int, energy: float) -> None:
    data = load_machine("structured").model_dump()
    data["description"] = description
    data["mvu"] |= {"vpus": vpus, "bricks_per_vpu": 16 * lanes}
    data["dram"] = {
        "bytes_per_cycle": 8,
        "latency_cycles": 0,
        "pj_per_bit": energy,
        "source": description + "x",
    }
    machine = Machine.model_validate(data)
    assert machine_from_yaml(machine.to_yaml()) == machine


@pytest.mark.parametrize(
    "text", ["1e3", "010", "null", "yes", "1:30", "0x10", ".nan", "2026-11-21", " a: b", "~"]
)
def test_texts_that_look_like_numbers_stay_texts(text: str) -> None:
    data = load_machine("dense").model_dump() | {"description": text}
    assert machine_from_yaml(Machine.model_validate(data).to_yaml()).description == text


def test_machine_is_frozen() -> None:
    machine = load_machine("dense")
    with pytest.raises(ValidationError, match="frozen"):
        machine.clock_mhz = 1  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        machine.mvu.vpus = 1  # type: ignore[misc]


def test_resized_changes_vpus_and_nothing_else() -> None:
    machine = load_machine("structured")
    bigger = machine.resized(vpus=33)
    assert bigger.mvu.vpus == 33
    assert bigger.resized(vpus=machine.mvu.vpus) == machine
    assert bigger.sha256 != machine.sha256
    with pytest.raises(
        AccelsimError, match=r"machine structured: field mvu\.vpus: 0 is below the least allowed, 1"
    ):
        machine.resized(vpus=0)


def test_sha256_is_of_the_content_not_of_the_text(tmp_path: Path) -> None:
    text = bundled_path("hwconfigs/dense.yaml").read_text(encoding="utf-8")
    head, rest = text.split("mvu:", 1)
    moved = tmp_path / "moved.yaml"
    moved.write_text(f"# another comment\nmvu:{rest}{head}", encoding="utf-8")
    assert load_machine(moved).sha256 == load_machine("dense").sha256


def test_sha256_is_of_the_canonical_json() -> None:
    """Result files cite it, so what is hashed is fixed: all fields, resolved, sorted, without spaces."""
    machine = load_machine("dense").resized(vpus=7)
    written = yaml.safe_load(machine.to_yaml())
    canonical = json.dumps(written, sort_keys=True, separators=(",", ":"))
    assert canonical.startswith('{"clock_mhz":400,"cores":1,')
    assert machine.sha256 == hashlib.sha256(canonical.encode()).hexdigest()


def test_a_file_is_found_by_path_and_a_shipped_machine_by_name(tmp_path: Path) -> None:
    own = tmp_path / "dense.yaml"
    own.write_text(load_machine("structured").to_yaml(), encoding="utf-8")
    assert load_machine(own).name == "structured"
    assert load_machine("dense").name == "dense"
    with pytest.raises(
        AccelsimError,
        match=r"denes: no such machine; did you mean `dense`\? allowed: dense, dense-int, int4, spiking, spiking-dense",
    ):
        load_machine("denes")


def test_where_a_machine_came_from_is_no_part_of_it(tmp_path: Path) -> None:
    text = "extends: structured\nname: mine\nmvu:\n  vpus: 8\n"
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    from_file, from_text = load_machine(path), machine_from_yaml(text)
    assert (
        from_file == from_text and hash(from_file) == hash(from_text) and from_file.sha256 == from_text.sha256
    )
    assert from_file != load_machine("structured")
    assert from_file.where("mvu.vpus") == f"{path}:4: field mvu.vpus"
    assert from_text.where("mvu.vpus") == "machine mine: field mvu.vpus"
    for same in (from_file.resized(vpus=9), pickle.loads(pickle.dumps(from_file))):
        assert same.where("mvu.vpus") == f"{path}:4: field mvu.vpus"
