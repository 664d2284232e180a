"""Error bars and effects against energies recomputed the long way: a technology file with other constants."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from accelsim import figure5, load_technology
from accelsim.bundled import bundled_path
from accelsim.counts import COUNT_NAMES, Counts
from accelsim.energy import energy
from accelsim.energy.spread import Spread
from accelsim.report.claims import evaluate_claims
from accelsim.report.error_bars import Uncertainty
from accelsim.report.figure5 import Figure5
from accelsim.report.ratios import Draws, Ratios
from accelsim.report.tornado import sensitivity, tornado
from tests.report.test_claims import GOOD, table

SPREAD = Spread(by=0.3, draws=50, seed=3)


@pytest.fixture(scope="module")
def nominal(small_trace: Path) -> Figure5:
    return figure5([small_trace], spread=SPREAD)


def rewritten(
    folder: Path, change: Callable[[dict[str, Any]], None], columns: dict[str, float] | None = None
) -> Path:
    """The shipped technology, its YAML changed and columns of its SRAM table multiplied, as files in ``folder``."""
    source = bundled_path("hwconfigs/technology/freepdk45-rtl.yaml")
    content = yaml.safe_load(source.read_text())
    change(content)
    (folder / "changed.yaml").write_text(yaml.safe_dump(content))
    name = content["sram"]["table"]
    with (source.parent / name).open() as old, (folder / name).open("w") as new:
        reader = csv.DictReader(old)
        writer = csv.DictWriter(new, list(reader.fieldnames or ()))
        writer.writeheader()
        for row in reader:
            scaled = {column: repr(float(row[column]) * factor) for column, factor in (columns or {}).items()}
            writer.writerow(row | scaled)
    return folder / "changed.yaml"


def ends_of(figure: Figure5, constant: str) -> pd.DataFrame:
    found = figure.uncertainty
    assert found is not None
    rows = sensitivity(figure.table, found)
    return rows[rows["constant"] == constant].reset_index(drop=True)


@pytest.mark.parametrize(("event", "end"), [("multiply_16bit", "low"), ("register_file_write", "high")])
def test_a_rewritten_event_gives_the_same_ratios(
    nominal: Figure5, small_trace: Path, tmp_path: Path, event: str, end: str
) -> None:
    def change(content: dict[str, Any]) -> None:
        content["events"][f"{event}_pj"]["value"] *= {"low": 0.7, "high": 1.3}[end]

    other = figure5([small_trace], technology=rewritten(tmp_path, change), spread=None).table
    ends = ends_of(nominal, event)
    assert not np.allclose(other["energy_rel"], nominal.table["energy_rel"], rtol=1e-4)
    for column in ("energy_rel", "edp_rel"):
        np.testing.assert_allclose(ends[f"{column}_{end}"], other[column], rtol=1e-12)


def test_rewritten_leakage_and_a_rewritten_sram_table_give_the_same_ratios(
    nominal: Figure5, small_trace: Path, tmp_path: Path
) -> None:
    def leak_more(content: dict[str, Any]) -> None:
        for block in content["blocks"].values():
            block["leakage_uw"] *= 1.3

    for folder, change, columns, constant in (
        ("logic", leak_more, {}, "logic_leakage"),
        ("sram", lambda _: None, {"read_energy_pj": 1.3, "write_energy_pj": 1.3}, "all SRAM"),
        ("leak", leak_more, {"leakage_mw": 1.3, "gate_leakage_mw": 1.3}, "all leakage"),
    ):
        (tmp_path / folder).mkdir()
        changed = rewritten(tmp_path / folder, change, columns)
        other = figure5([small_trace], technology=changed, spread=None).table
        np.testing.assert_allclose(
            ends_of(nominal, constant)["energy_rel_high"], other["energy_rel"], rtol=1e-12
        )


def test_a_joint_draw_priced_item_by_item(nominal: Figure5) -> None:
    """Draw 11: the energy items of each image under scaled events, SRAM and leakage items scaled by hand."""
    found = nominal.uncertainty
    assert found is not None
    factor = dict(zip(found.constants, SPREAD.joint(len(found.constants))[:, 11], strict=True))
    technology = load_technology()
    events = technology.events.model_copy(
        update={
            f"{name}_pj": getattr(technology.events, f"{name}_pj").model_copy(
                update={"value": getattr(technology.events, f"{name}_pj").value * factor[name]}
            )
            for name in factor
            if hasattr(technology.events, f"{name}_pj")
        }
    )
    drawn = type(technology)(**{**vars(technology), "events": events, "sha256": "drawn"})
    images, sums = nominal.results.images, {}
    for row in images.to_dict("records"):
        counts = Counts(**{name: int(row[name]) for name in COUNT_NAMES})
        items = energy(counts, nominal.results.machines[row["machine"]], drawn).items
        total = 0.0
        for item in items:
            scaled = item.group in ("sram", "leakage")
            total += item.pj * (factor[item.name.replace("_16bit", "").replace("_4bit", "")] if scaled else 1)
        sums.setdefault((row["machine"], row["scheme"]), []).append((total, total * row["latency_us"]))
    means = {key: np.mean(costs, axis=0) for key, costs in sums.items()}
    for index, row in enumerate(nominal.table.itertuples()):
        expected = means[row.machine, row.scheme] / means["dense", "dense"]
        joint = found.draws.joint
        assert [joint.energy[index, 11], joint.edp[index, 11]] == pytest.approx(list(expected), rel=1e-10)


def test_bars_are_percentiles_and_files_hold_them(nominal: Figure5) -> None:
    found = nominal.uncertainty
    assert found is not None
    row = nominal.table.set_index("scheme").loc["nm-1of8"]
    index = list(nominal.table["scheme"]).index("nm-1of8")
    drawn = np.sort(found.draws.joint.edp[index])
    # NumPy's percentiles lie at 0.05 x 49 = 2.45 and 46.55 in the sorted draws.
    assert row["edp_rel_p5"] == pytest.approx(drawn[2] + 0.45 * (drawn[3] - drawn[2]))
    assert row["edp_rel_p95"] == pytest.approx(drawn[46] + 0.55 * (drawn[47] - drawn[46]))
    assert row["energy_rel_p5"] < row["energy_rel"] < row["energy_rel_p95"]
    assert nominal.results.provenance["uncertainty"]["seed"] == 3
    assert not np.allclose(nominal.table["energy_rel_published"], nominal.table["energy_rel"], rtol=0.01)
    dense = nominal.table.set_index("scheme").loc["dense"]
    assert dense["energy_rel_p5"] == dense["energy_rel_p95"] == 1


def drawn_like(frame: pd.DataFrame, **columns: np.ndarray) -> Ratios:
    """The table's own ratios in two draws, some of them replaced."""
    own = {
        cost: np.repeat(frame[[f"{cost}_rel"]].to_numpy(float), 2, axis=1)
        for cost in ("energy", "edp", "sram")
    }
    return Ratios(frame[["time_rel"]].to_numpy(float), **(own | columns))


def test_claims_tell_in_how_many_draws_they_hold() -> None:
    frame = table(**GOOD)
    edp = np.repeat(frame[["edp_rel"]].to_numpy(float), 2, axis=1)
    edp[list(frame["scheme"]).index("nm-4of8"), 1] = 0.65  # unstructured has 0.64
    ends = ("a -30 %", "a +30 %")
    draws = Draws(drawn_like(frame, edp=edp), drawn_like(frame, edp=edp), ends)
    claims = {claim.name: claim for claim in evaluate_claims(frame, draws)}
    assert claims["C4"].holds
    assert str(claims["C4"].under_draws) == "holds in 50 % of draws; changed by a +30 % alone"
    published = {
        claim.name: str(claim.under_draws)
        for claim in evaluate_claims(
            frame, Draws(draws.joint, draws.ends, ends, drawn_like(frame, edp=edp[:, 1:]))
        )
    }
    assert published["C4"].endswith("; does not with published ones")
    assert published["C3"].endswith("; holds with published ones")
    for name in ("C1", "C2", "C3"):
        assert str(claims[name].under_draws) == "holds in 100 % of draws"
    assert claims["C5"].under_draws is None


def test_the_tornado_names_the_largest_effect_and_where() -> None:
    frame = table(**GOOD)
    energy = np.repeat(frame[["energy_rel"]].to_numpy(float), 4, axis=1)  # a -, b -, a +, b +
    schemes = list(frame["scheme"])
    energy[schemes.index("unstructured-50"), 0] = 0.72  # 0.8 - 10 %
    energy[schemes.index("nm-1of8"), 3] = 0.38 * 1.25
    ends = Ratios(frame[["time_rel"]].to_numpy(float), energy, energy, energy)
    found = Uncertainty(SPREAD, ("a", "b"), ("a", "b"), Draws(ends, ends, ("a -", "b -", "a +", "b +")))
    first, second = tornado(frame, found, "resnet18")
    assert (first.constant, first.scheme, first.noise) == ("b", "nm-1of8", 0.875)
    assert first.relative == pytest.approx((0, 0.25)) and first.structured == pytest.approx((0, 0.25))
    assert (second.constant, second.scheme, second.noise) == ("a", "unstructured-50", 0.5)
    assert second.relative == pytest.approx((-0.1, 0)) and second.structured == pytest.approx(
        (1 / 0.9 - 1, 0)
    )
    # Schemes that do not pair are still ranked.
    alone = frame[frame["kind"] != "nm"].reset_index(drop=True)
    part = Ratios(ends.time[:3], energy[:3], energy[:3], energy[:3])
    (effect, _) = tornado(
        alone, Uncertainty(SPREAD, ("a", "b"), ("a", "b"), Draws(part, part, ())), "resnet18"
    )
    assert effect.constant == "a" and effect.structured is None and effect.noise is None
