"""Rows, sums and files of results, against sums done by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pandas as pd
import pytest

from accelsim import (
    AccelsimError,
    Machine,
    Results,
    compare,
    load_machine,
    load_technology,
    open_trace,
    simulate,
)
from accelsim.compare import same_area
from accelsim.counts import COUNT_NAMES
from accelsim.energy import GROUPS, area
from accelsim.engine import run_image
from accelsim.mapping import check_runs
from accelsim.results.normalize import normalized
from accelsim.trace import LayerShape, Scheme, TraceWriter
from accelsim.trace.synthetic import synthetic_layer_trace, write_synthetic_trace


@pytest.fixture(scope="module")
def results(small_trace: Path) -> Results:
    return simulate(small_trace, "structured")


def test_one_row_per_scheme_image_and_layer(results: Results, small_trace: Path) -> None:
    trace = open_trace(small_trace)
    assert len(results.layers) == 4 * 2 * len(trace.layers)  # dense and three N:M schemes fit the machine
    assert not results.layers.isna().any().any()


def test_a_row_holds_what_the_engine_counted(results: Results, small_trace: Path) -> None:
    trace = open_trace(small_trace)
    layers = [trace.layer(info.name, "nm-2of8", images=slice(1, 2)) for info in trace.layers]
    counts = run_image(layers, load_machine("structured"))
    table = results.layers
    rows = table[(table["scheme"] == "nm-2of8") & (table["image_id"] == trace.image_ids[1])]
    for (_, row), count in zip(rows.iterrows(), counts, strict=True):
        assert {name: row[name] for name in COUNT_NAMES} == count.as_dict()


def test_an_image_is_the_sum_of_its_layers(results: Results) -> None:
    layers = results.layers.groupby(["scheme", "image_id"], sort=False)
    images = results.images.set_index(["scheme", "image_id"])
    for name in ("latency_cycles", "energy_pj", *(f"{group}_pj" for group in GROUPS)):
        for key, total in layers[name].sum().items():
            assert math.isclose(images.loc[key, name], total, rel_tol=1e-12), name


def test_energy_is_the_sum_of_its_groups_and_edp_the_product(results: Results) -> None:
    for _, row in results.images.iterrows():
        assert math.isclose(row["energy_pj"], sum(row[f"{group}_pj"] for group in GROUPS), rel_tol=1e-12)
        assert math.isclose(row["edp_pj_us"], row["energy_pj"] * row["latency_us"], rel_tol=1e-12)
        assert row["latency_us"] == row["latency_cycles"] / 400


def test_utilizations_are_shares(results: Results) -> None:
    for name in ("mvu_busy", "mapping_efficiency", "brick_utilization", "front_busy", "output_busy"):
        assert results.layers[name].between(0, 1).all(), name


def test_files_open_elsewhere_and_agree(results: Results, tmp_path: Path) -> None:
    paths = results.write(tmp_path / "new" / "folder")
    assert {path.name for path in paths} == {
        "layers.csv", "layers.parquet", "images.csv", "images.parquet", "summary.csv", "results.json",
    }  # fmt: skip
    for name in ("layers", "images"):
        csv = pd.read_csv(tmp_path / f"new/folder/{name}.csv")
        parquet = pd.read_parquet(tmp_path / f"new/folder/{name}.parquet")
        assert list(csv.columns) == list(parquet.columns)
        assert all(column == column.strip() and " " not in column for column in csv.columns)
        pd.testing.assert_frame_equal(csv, parquet, check_dtype=False)
    stored = json.loads((tmp_path / "new/folder/results.json").read_text())
    machine = stored["provenance"]["machines"]["structured"]
    assert machine["sha256"] == load_machine("structured").sha256
    assert stored["provenance"]["traces"]["small"]["sha256"]
    assert [row["scheme"] for row in stored["summary"]] == ["dense", "nm-4of8", "nm-2of8", "nm-1of8"]


def test_two_runs_write_the_same_bytes(small_trace: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        simulate(small_trace, "structured", images=slice(0, 1)).write(tmp_path / name)
    for file in ("layers.csv", "images.csv", "summary.csv", "results.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_folder_that_cannot_be_made_is_told_in_one_line(results: Results, tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("precious")
    with pytest.raises(AccelsimError, match="cannot write results") as caught:
        results.write(blocker / "sub")
    assert "\n" not in str(caught.value)
    assert blocker.read_text() == "precious"


def test_choice_of_layers_and_images(small_trace: Path) -> None:
    trace = open_trace(small_trace)
    last = trace.layers[-1].name
    first = trace.layers[0].name
    table = simulate(trace, "dense", layers=[last, first], images=slice(1, 2)).layers
    assert list(table["layer"]) == [first, last]  # order of execution, not of asking
    assert set(table["image_id"]) == {trace.image_ids[1]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"schemes": ["nm-1of4"]}, "no scheme 'nm-1of4'"),
        ({"schemes": ["unstructured-50"]}, "selector of kind nm"),
        ({"layers": ["nonesuch"]}, "no layer 'nonesuch'"),
        ({"images": slice(2, 4)}, "not all in the trace"),
        ({"images": slice(0, 3)}, "not all in the trace"),
        ({"images": 3}, "images: 3; allowed: a slice"),
        ({"schemes": "dense"}, "schemes: 'dense'; allowed: a list"),
        ({"schemes": []}, "allowed: a list"),
        ({"schemes": [3]}, "schemes: \\[3\\]; allowed: a list"),
        ({"layers": "conv1"}, "layers: 'conv1'; allowed: a list"),
        ({"layers": []}, "layers: \\[\\]; allowed: a list"),
        ({"layers": [3]}, "allowed: a list"),
        ({"images": slice(0, 2, 0)}, "no step of 0"),
        ({"images": slice("a", None)}, "whole numbers"),
        ({"technology": 3}, "technology: int; allowed"),
        ({"engine": "magic"}, "no engine named 'magic'"),
        ({"technology": "tsmc2"}, "no such technology"),
    ],
)
def test_wrong_choices_are_told_in_one_line(
    small_trace: Path, arguments: dict[str, object], words: str
) -> None:
    with pytest.raises(AccelsimError, match=words) as caught:
        simulate(small_trace, "structured", **arguments)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["trace", "machine"])
def test_what_is_no_trace_or_machine_is_told(small_trace: Path, what: str) -> None:
    given = {"trace": small_trace, "machine": "structured", what: {"mvu": 3}}
    with pytest.raises(AccelsimError, match=f"{what}: dict; allowed: a {what}, a file or a bundled name"):
        simulate(**given)  # type: ignore[arg-type]


def test_compare_runs_each_scheme_on_its_machine_and_dense_once(small_trace: Path) -> None:
    table = compare(small_trace).summary
    machine_of = dict(zip(table["scheme"], table["machine"], strict=True))
    assert machine_of["dense"] == "dense"
    assert machine_of["unstructured-50"] == "unstructured"
    assert machine_of["nm-1of8"] == "structured"
    assert len(table) == 7


def test_compare_at_equal_area(small_trace: Path) -> None:
    technology = load_technology()
    machines = [load_machine(name) for name in ("dense", "unstructured", "structured")]
    small = machines[1].resized(vpus=8)
    resized = same_area([machines[0], small, machines[2]], small, technology)
    budget = area(small, technology).total_mm2
    for machine in resized:
        assert area(machine, technology).total_mm2 <= budget
    results = compare(small_trace, [machines[0], small, machines[2]], schemes=["nm-4of8"])
    assert results.machines["structured"] == resized[2]
    as_given = compare(
        small_trace, [machines[0], small, machines[2]], schemes=["nm-4of8"], iso_area_with=None
    )
    assert as_given.machines["structured"] == machines[2]


def test_dense_is_one_after_normalizing(small_trace: Path) -> None:
    table = normalized(compare(small_trace, schemes=["unstructured-75"]).summary).set_index("scheme")
    assert list(table.loc["dense", ["time_rel", "energy_rel", "edp_rel"]]) == [1, 1, 1]
    row, dense = table.loc["unstructured-75"], table.loc["dense"]
    assert row["time_rel"] == row["latency_us"] / dense["latency_us"]
    assert math.isclose(sum(row[f"{group}_rel"] for group in GROUPS), row["energy_rel"], rel_tol=1e-12)
    with pytest.raises(AccelsimError, match="needs one dense result"):
        normalized(simulate(small_trace, "unstructured", schemes=["unstructured-50"]).summary)


def test_the_same_simulation_is_not_counted_twice(small_trace: Path) -> None:
    one = simulate(small_trace, "dense", images=slice(0, 1))
    with pytest.raises(AccelsimError, match="dense on dense is in both"):
        one.extend(simulate(small_trace, "dense"))


def test_compare_leaves_out_what_fits_no_machine_unless_it_is_named(small_trace: Path) -> None:
    results = compare(small_trace, ["dense", "unstructured"], images=slice(0, 1))
    assert results.provenance["left_out"] == ["nm-4of8", "nm-2of8", "nm-1of8"]
    with pytest.raises(
        AccelsimError, match="nm-4of8 fits none of the machines: machine dense has no projection"
    ):
        compare(small_trace, ["dense", "unstructured"], schemes=["nm-4of8"])


def test_dense_is_in_every_trace(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    write_synthetic_trace(path, [Scheme.nm(keep=1, of=8)])
    assert list(compare(path).summary["scheme"]) == ["dense", "nm-1of8"]


def test_faults_of_a_layer_name_the_line_of_the_machine_file(small_trace: Path, tmp_path: Path) -> None:
    text = (
        load_machine("structured")
        .to_yaml()
        .replace("kib: 192", "kib: 1")
        .replace("macro_kib: 16", "macro_kib: 1")
    )
    path = tmp_path / "tight.yaml"
    path.write_text(text)
    line = 1 + text.splitlines().index("patch_buffer:") + 1
    with pytest.raises(
        AccelsimError, match=rf"tight.yaml:{line}: field patch_buffer.kib: 1 is too small .*; at least"
    ):
        simulate(small_trace, path)
    path.write_text(load_machine("structured").to_yaml().replace("clock_mhz: 400", "clock_mhz: 900"))
    with pytest.raises(AccelsimError, match=r"tight.yaml:4: field clock_mhz: 900 is more than"):
        simulate(small_trace, path)


def test_the_least_size_told_is_enough_for_all_layers(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    write_synthetic_trace(path, [Scheme.nm(keep=1, of=8)])
    data = load_machine("structured").model_dump(mode="json")
    data["mvu"]["vpus"] = 16
    data["weight_sram"] |= {"kib": 4, "macro_kib": 1}
    with pytest.raises(AccelsimError, match="at least") as caught:
        simulate(path, Machine.model_validate(data))
    data["weight_sram"]["kib"] = int(str(caught.value).rpartition(" ")[2])
    trace = open_trace(path)
    check_runs(
        [trace.layer(info.name, "nm-1of8", images=slice(0, 1)) for info in trace.layers],
        Machine.model_validate(data),
    )


def test_results_of_different_machines_of_one_name_do_not_mix(small_trace: Path) -> None:
    one = simulate(small_trace, "dense")
    other = simulate(small_trace, load_machine("dense").resized(vpus=4))
    with pytest.raises(AccelsimError, match="two different machines are named dense"):
        one.extend(other)


def test_results_do_not_depend_on_the_order_of_layers_in_the_file(tmp_path: Path) -> None:
    scheme = Scheme.nm(keep=2, of=8)
    shapes = {
        f"layer{c}": LayerShape(kind="conv", c_in=8, c_out=c, kernel=(3, 3), h_in=6, w_in=6)
        for c in (8, 16, 40)
    }
    layers = {
        name: synthetic_layer_trace(shape, scheme, name=name, seed=index)
        for index, (name, shape) in enumerate(shapes.items())
    }
    tables = []
    for order in (list(layers), list(reversed(layers))):
        path = tmp_path / f"{order[0]}.h5"
        with TraceWriter(path, network="net", dataset="none", image_ids=[0]) as writer:
            for name in order:
                writer.add_layer(name, layers[name].shape, layers[name].approximation)
            writer.add_scheme(scheme)
            for name in order:
                writer.write(scheme, name, layers[name].essential())
        tables.append(simulate(path, "structured").layers.sort_values("layer", ignore_index=True))
    pd.testing.assert_frame_equal(*(table.drop(columns="layer_index") for table in tables))


@pytest.mark.parametrize("image", [-1, 2])
def test_an_image_that_is_not_there(small_trace: Path, image: int) -> None:
    trace = open_trace(small_trace)
    layers = [trace.layer(info.name, "nm-2of8", images=slice(0, 2)) for info in trace.layers]
    with pytest.raises(AccelsimError, match="it has 0 to 1"):
        run_image(layers, load_machine("structured"), image)


def test_no_machine_runs_if_another_cannot(small_trace: Path) -> None:
    data = load_machine("structured").model_dump(mode="json")
    data["output_sram"] |= {"kib": 1, "macro_kib": 1}
    seen: list[str] = []
    with pytest.raises(AccelsimError, match=r"field output_sram.kib: 1 is too small"):
        compare(small_trace, ["dense", "unstructured", Machine.model_validate(data)], progress=seen.append)
    assert seen == []
