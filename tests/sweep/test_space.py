"""From a sweep file to points."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accelsim import load_machine, load_technology
from accelsim.energy import area, iso_area_vpus
from accelsim.errors import AccelsimError
from accelsim.store import Point, Unbuildable
from accelsim.sweep import LeftOut, Space, load_sweep, open_space
from accelsim.sweep.space import MAX_COMBINATIONS
from accelsim.sweep.sweep_plan import plan_sweep
from accelsim.version import MODEL_VERSION

SpaceOf = Callable[..., Space]


def points(space: Space) -> list[Point]:
    found = plan_sweep(space).subjects.values()
    assert all(isinstance(subject, Point) for subject in found)
    return [subject for subject in found if isinstance(subject, Point)]


def test_the_product_of_everything(space_of: SpaceOf) -> None:
    space = space_of(
        axes={"mvu.vpus": [4, 8], "sequencer.lookahead": {"from": 0, "to": 2, "step": 1}},
        zip=[{"weight_sram.kib": [1024, 2048], "weight_sram.width_bits": [32, 64], "cores": [1, 1]}],
        images=["0:1", "0:2"],
    )
    assert space.combinations == 2 * 2 * 3 * 2 * 2 * 2
    found = {
        (
            point.machine.name,
            point.workload.scheme.name,
            point.machine.mvu.vpus,
            point.machine.sequencer.lookahead,
            point.machine.weight_sram.kib,
            point.machine.weight_sram.width_bits,
            len(point.workload.images),
        )
        for point in points(space)
    }
    pairs = (("unstructured", "unstructured-75"), ("structured", "nm-2of8"))
    expected = {
        (*pair, *rest[:2], *memory, images)
        for pair, rest, memory, images in itertools.product(
            pairs, itertools.product((4, 8), (0, 1, 2)), ((1024, 32), (2048, 64)), (1, 2)
        )
    }
    assert found == expected
    assert plan_sweep(space).left_out == {"scheme": 48}


def test_nothing_else_of_the_machine_changes(space_of: SpaceOf) -> None:
    base = load_machine("structured").model_dump(mode="json")
    for point in points(space_of(machines=["structured"], schemes=["nm-2of8"], axes={"mvu.vpus": [5]})):
        changed = point.machine.model_dump(mode="json")
        assert changed["mvu"].pop("vpus") == 5
        expected = {**base, "mvu": {key: value for key, value in base["mvu"].items() if key != "vpus"}}
        assert changed == expected


def test_a_section_can_be_a_value(space_of: SpaceOf) -> None:
    dram = {"bytes_per_cycle": 16, "latency_cycles": 50, "pj_per_bit": 4.0, "source": "made up"}
    found = points(
        space_of(
            machines=["structured"],
            axes={"dram": [None, dram]},
            where=["dram == null or dram.bytes_per_cycle > 8"],
        )
    )
    assert [point.machine.dram is None for point in found] == [True, False]


def test_set_sees_what_was_set_before(space_of: SpaceOf) -> None:
    (point,) = points(
        space_of(
            machines=["structured"],
            schemes=["nm-2of8"],
            axes={"let.half": [3]},
            set={
                "mvu.vpus": "2 * let.half",
                "selector.groups_per_cycle": "mvu.vpus + 1",
                "sequencer.lookahead": 1,
            },
        )
    )
    machine = point.machine
    assert machine.selector is not None and machine.selector.kind == "nm"
    assert (machine.mvu.vpus, machine.selector.groups_per_cycle, machine.sequencer.lookahead) == (6, 7, 1)


def test_equal_area(space_of: SpaceOf) -> None:
    technology, reference = load_technology(), load_machine("unstructured")
    found = points(
        space_of(
            axes={"mvu.bricks_per_vpu": [32, 64], "let.share": [1, 1.1]},
            set={"mvu.vpus": 'iso_area_vpus("unstructured", let.share)'},
            where=["area_mm2() <= let.share * area_mm2('unstructured')"],
        )
    )
    assert len(found) == 8
    for point in found:
        fits = {share: iso_area_vpus(point.machine, reference, technology, share) for share in (1.0, 1.1)}
        assert point.machine.mvu.vpus in fits.values()


def test_constraints(space_of: SpaceOf) -> None:
    axes = {"weight_sram.kib": [1024, 2048], "input_sram.kib": [256, 512]}
    space = space_of(
        machines=["dense"], schemes=["dense"], axes=axes, where=["weight_sram.kib + input_sram.kib <= 2304"]
    )
    assert {(p.machine.weight_sram.kib, p.machine.input_sram.kib) for p in points(space)} == {
        (1024, 256), (1024, 512), (2048, 256),
    }  # fmt: skip
    assert plan_sweep(space).left_out == {"where": 1}


def test_a_constraint_on_the_scheme(space_of: SpaceOf) -> None:
    space = space_of(
        machines=["structured"],
        schemes=["nm-1of8", "nm-4of8"],
        axes={"mvu.vpus": [4, 8]},
        where=["scheme.noise > 0.6 or mvu.vpus == 8", "images == 2"],
    )
    assert {(p.workload.scheme.name, p.machine.mvu.vpus) for p in points(space)} == {
        ("nm-1of8", 4), ("nm-1of8", 8), ("nm-4of8", 8),
    }  # fmt: skip


def test_functions(space_of: SpaceOf) -> None:
    machine, technology = load_machine("dense"), load_technology()
    kib = sum(
        getattr(machine, name).kib
        for name in type(machine).model_fields
        if hasattr(getattr(machine, name), "macro_kib")
    )
    mm2 = area(machine, technology).total_mm2
    conditions = [f"sram_kib() == {2 * kib}", f"sram_kib('dense') == {kib}", "clock_limit_mhz() >= clock_mhz"]
    space = space_of(
        machines=["dense"], schemes=["dense"], set={"cores": 2},
        where=[*conditions, f"abs(area_mm2() - {2 * mm2}) < 1e-9"],
    )  # fmt: skip
    assert len(points(space)) == 1


def test_technology_fields(space_of: SpaceOf) -> None:
    field = "technology.events.multiply_4bit_pj.value"
    found = points(space_of(machines=["structured"], axes={field: [0.5, 1.0]}, where=[f"{field} < 0.9"]))
    (point,) = found
    assert point.technology.events.multiply_4bit_pj.value == 0.5
    assert point.technology.sha256 != load_technology().sha256


def test_every_scheme_where_none_is_named(space_of: SpaceOf) -> None:
    found = points(space_of(machines=["dense", "structured"], schemes=None))
    pairs = {(point.machine.name, point.workload.scheme.name) for point in found}
    assert pairs == {("dense", "dense"), ("structured", "dense")} | {
        ("structured", f"nm-{keep}of8") for keep in (1, 2, 4)
    }


def test_what_cannot_be_built_is_a_point_with_its_error(space_of: SpaceOf) -> None:
    plan = plan_sweep(space_of(axes={"mvu.accumulators_per_vpu": [1, 16]}))
    assert len(plan.subjects) == 4
    assert len(plan.unbuildable) == 2
    assert all("psums" in subject.error and "\n" not in subject.error for subject in plan.unbuildable)
    again = plan_sweep(space_of(axes={"mvu.accumulators_per_vpu": [1, 16]}))
    assert list(plan.subjects) == list(again.subjects)


def test_equal_points_are_one(space_of: SpaceOf) -> None:
    plan = plan_sweep(space_of(axes={"mvu.vpus": [4, 8]}, set={"mvu.vpus": 6}))
    assert len(plan.subjects) == 2
    assert plan.left_out["same"] == 2


def test_identity_is_what_decides_the_result(space_of: SpaceOf, tmp_path: Path) -> None:
    def ids(**keys: Any) -> set[str]:
        return {
            point.id
            for point in points(space_of(**({"machines": ["structured"], "schemes": ["nm-2of8"]} | keys)))
        }

    renamed = tmp_path / "renamed.yaml"
    text = load_machine("structured").to_yaml().replace("name: structured", "name: other")
    renamed.write_text(text)
    assert ids() == ids() == ids(machines=[str(renamed)])
    others = [
        ids(set={"mvu.vpus": 3}),
        ids(schemes=["nm-1of8"]),
        ids(images=["0:1"]),
        ids(images=["1:2"]),
        ids(set={"technology.events.multiply_4bit_pj.value": 0.1}),
    ]
    assert len(set().union(ids(), *others)) == 6


def test_another_model_version_makes_other_points(space_of: SpaceOf, monkeypatch: pytest.MonkeyPatch) -> None:
    def ids() -> set[str]:
        subjects = plan_sweep(space_of(axes={"mvu.accumulators_per_vpu": [1, 16]})).subjects
        assert {type(subject) for subject in subjects.values()} == {Point, Unbuildable}
        return set(subjects)

    before = ids()
    monkeypatch.setattr("accelsim.store.point.__version__", "99.0.0")
    assert ids() == before  # a release that computes the same keeps what is stored
    monkeypatch.setattr("accelsim.store.point.MODEL_VERSION", MODEL_VERSION + 1)
    assert ids().isdisjoint(before)


def test_the_text_of_a_sweep_is_what_was_read(write_sweep: Callable[..., Path]) -> None:
    path = write_sweep(description="before")
    before, spec = path.read_text(), load_sweep(path)
    path.write_text("edited while the machines are resolved")
    assert spec.text == before


def test_a_trace_that_grows_keeps_its_identities(space_of: SpaceOf, tmp_path: Path) -> None:
    from accelsim.trace import Scheme
    from accelsim.trace.synthetic import write_synthetic_trace

    found = []
    for name, schemes in (
        ("one", [Scheme.nm(keep=2, of=8)]),
        ("two", [Scheme.nm(keep=2, of=8), Scheme.nm(keep=1, of=8)]),
    ):
        write_synthetic_trace(tmp_path / f"{name}.h5", schemes, images=2, seed=5)
        space = space_of(machines=["structured"], traces=[str(tmp_path / f"{name}.h5")], schemes=["nm-2of8"])
        found.append([point.id for point in points(space)])
    assert found[0] == found[1]
    write_synthetic_trace(tmp_path / "three.h5", [Scheme.nm(keep=2, of=8)], images=2, seed=6)
    space = space_of(machines=["structured"], traces=[str(tmp_path / "three.h5")], schemes=["nm-2of8"])
    assert [point.id for point in points(space)] != found[0]


def test_names_are_looked_up_beside_the_file(space_of: SpaceOf, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("extends: structured\nname: own\nmvu: {vpus: 3}\n")
    (point,) = points(
        space_of(machines=["own.yaml"], schemes=["nm-2of8"], where=["area_mm2() <= area_mm2('own.yaml')"])
    )
    assert (point.machine.name, point.machine.mvu.vpus) == ("own", 3)


def test_any_point_by_its_coordinates(space_of: SpaceOf) -> None:
    space = space_of(axes={"mvu.vpus": [4, 8, 12]})
    assert [dimension.fields for dimension in space.dimensions] == [
        ("machine",), ("technology",), ("mvu.vpus",), ("trace",), ("scheme",), ("images",),
    ]  # fmt: skip
    point = space.at((1, 0, 2, 0, 1, 0))
    assert isinstance(point, Point)
    assert (point.machine.name, point.machine.mvu.vpus, point.workload.scheme.name) == (
        "structured",
        12,
        "nm-2of8",
    )
    assert space.at((0, 0, 2, 0, 1, 0)) == LeftOut("scheme")
    assert space.labels((1, 0, 2, 0, 1, 0))["mvu.vpus"] == 12


def test_a_later_failure_than_validation(space_of: SpaceOf) -> None:
    (subject,) = plan_sweep(
        space_of(axes={"weight_sram.kib": [2048, 4]}, machines=["structured"], schemes=["nm-2of8"],
                 set={"mvu.vpus": "iso_area_vpus('unstructured')", "weight_sram.macro_kib": 4})
    ).unbuildable  # fmt: skip
    assert isinstance(subject, Unbuildable)


BAD = {
    "unknown key": ({"axis": {}}, "axis"),
    "unknown field": ({"axes": {"mvu.vpu": [1]}}, "did you mean `mvu.vpus`"),
    "unknown section": ({"axes": {"mvv.vpus": [1]}}, "mvv.vpus"),
    "below a value": ({"axes": {"cores.count": [1]}}, "cores"),
    "field of one machine only": ({"axes": {"selector.comparators": [1]}}, "machine structured has no field"),
    "section that is null": ({"axes": {"dram.bytes_per_cycle": [1]}}, "give it whole"),
    "a name": ({"axes": {"name": ["x"]}}, "no field name"),
    "technology": (
        {"axes": {"technology.events.nothing": [1]}},
        "did you mean `technology.events",
    ),
    "set": ({"set": {"mvu.vpu": 3}}, "set.mvu.vpu"),
    "set expression": ({"set": {"mvu.vpus": "import os"}}, "is not an expression"),
    "where expression": ({"where": ["1 +"]}, "is not an expression"),
    "where name": ({"where": ["mvu.vpu > 3"]}, "did you mean `mvu.vpus`"),
    "where function": ({"where": ["area() > 3"]}, "area_mm2"),
    "values": ({"axes": {"mvu.vpus": 3}}, "neither a list nor a range"),
    "all unbuildable": ({"axes": {"mvu.vpus": ["many"]}}, "no machine can be built"),
    "nothing left": ({"where": ["mvu.vpus > 99999"]}, "no points"),
    "lengths": ({"zip": [{"mvu.vpus": [1, 2], "cores": [1]}]}, "as many: "),
    "empty group": ({"zip": [{}]}, "as many: nothing"),
    "twice": ({"axes": {"mvu.vpus": [1]}, "zip": [{"mvu.vpus": [1]}]}, "in two axes"),
    "scheme": ({"schemes": ["nm-3of8"]}, "no scheme 'nm-3of8'"),
    "images": ({"images": ["0:99"]}, "it has 0:2"),
    "images text": ({"images": ["many"]}, "range of images"),
    "machine": ({"machines": ["dense", "nowhere.yaml"]}, "field machines.1: 'nowhere.yaml': no such file"),
    "too long a name": ({"machines": ["x" * 500]}, "no such file"),
    "where arguments": ({"where": ["iso_area_vpus() > 3"]}, "it takes 1 to 2"),
    "machines twice": ({"machines": ["dense", "dense.yaml"]}, "dense.yaml"),
    "trace": ({"traces": ["nowhere.h5"]}, "field traces.0: 'nowhere.h5': no such file"),
    "technology file": ({"technologies": ["nowhere.yaml"]}, "field technologies.0: 'nowhere.yaml'"),
    "no machines": ({"machines": []}, "machines"),
    "let": ({"axes": {"let.a.b": [1]}}, "one name"),
    "name": ({"name": "../x"}, "name"),
    "format": ({"format": "accelsim-sweep/9"}, "accelsim-sweep/1"),
}


@pytest.mark.parametrize("fault", BAD)
def test_faults_are_told_in_one_line(fault: str, tmp_path: Path, small_trace: Path) -> None:
    import yaml

    keys, said = BAD[fault]
    content = {
        "format": "accelsim-sweep/1", "name": "mine", "machines": ["unstructured", "structured"],
        "traces": [str(small_trace)], "schemes": ["unstructured-75", "nm-2of8"],
    } | keys  # fmt: skip
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(AccelsimError) as caught:
        plan_sweep(open_space(load_sweep(path)))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_too_many_combinations(space_of: SpaceOf) -> None:
    many = {"from": 1, "to": 4000, "step": 1}
    space = space_of(axes={"mvu.vpus": many, "cores": {"from": 1, "to": 1000, "step": 1}})
    with pytest.raises(AccelsimError, match=f"at most {MAX_COMBINATIONS}"):
        plan_sweep(space)


def test_other_spikes_are_another_point(space_of: SpaceOf, tmp_path: Path) -> None:
    """Of one shape, images and weights: only what the neurons were sent differs."""
    import numpy as np

    from accelsim.trace import LayerShape, Scheme, TraceWriter

    def of(name: str, first: int, second: int) -> str:
        drawn = [np.random.default_rng(seed).random((1, 5, 11)) < 0.2 for seed in (first, second)]
        with TraceWriter(tmp_path / name, network="net", dataset="data", image_ids=range(2)) as trace:
            trace.add_layer("out", LayerShape.spiking(11, 4, 5))
            trace.add_scheme(Scheme.dense())
            trace.write_spikes("out", np.concatenate(drawn))
        space = space_of(machines=["spiking"], traces=[str(tmp_path / name)], schemes=["dense"])
        (point,) = points(space)
        return point.id

    assert of("a.h5", 1, 2) == of("b.h5", 1, 2)
    assert of("c.h5", 1, 3) != of("d.h5", 1, 2)
