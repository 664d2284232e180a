"""The claims follow from the table: each is shown once holding and once not, on tables made by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from accelsim import AccelsimError
from accelsim.report.claims import Claim, evaluate_claims, paired


def row(network: str, scheme: str, kind: str, noise: float, **values: float) -> dict[str, object]:
    made: dict[str, object] = {
        "network": network,
        "scheme": scheme,
        "kind": kind,
        "noise": noise,
        "machine": kind,
    }
    made |= {"time_rel": 1.0, "energy_rel": 1.0, "edp_rel": 1.0, "sram_rel": 0.5, "mapping_efficiency": 0.5}
    for work in ("approximate", "precise"):
        for part in ("issue", "port_stall", "bubble"):
            made[f"{work}_{part}_cycles"] = 1.0
    return made | values


def table(network: str = "resnet18", **structured: list[float]) -> pd.DataFrame:
    """Unstructured falls 0.8, 0.4 in everything; structured as given."""
    rows = [row(network, "dense", "dense", 0.0)]
    for noise, value in ((0.5, 0.8), (0.875, 0.4)):
        rows.append(
            row(network, f"unstructured-{100 * noise:g}", "unstructured", noise,
                time_rel=value, energy_rel=value, edp_rel=value**2, sram_rel=value / 2)
        )  # fmt: skip
    for index, (noise, keep) in enumerate(((0.5, 4), (0.875, 1))):
        values = {name: numbers[index] for name, numbers in structured.items()}
        rows.append(row(network, f"nm-{keep}of8", "nm", noise, **values))
    return pd.DataFrame(rows)


GOOD = {"time_rel": [0.5, 0.2], "energy_rel": [0.75, 0.38], "edp_rel": [0.3, 0.1], "sram_rel": [0.3, 0.1]}


def verdicts(frame: pd.DataFrame) -> dict[str, bool | None]:
    return {claim.name: claim.holds for claim in evaluate_claims(frame)}


def test_all_hold_on_a_table_that_says_so() -> None:
    assert verdicts(table(**GOOD)) == {"C1": True, "C2": True, "C3": True, "C4": True, "C5": None}


@pytest.mark.parametrize(
    ("claim", "column", "values"),
    [
        ("C2", "time_rel", [0.5, 0.41]),
        ("C3", "sram_rel", [0.41, 0.1]),
        ("C3", "energy_rel", [0.5, 0.38]),
        ("C3", "energy_rel", [1.1, 0.38]),
        ("C4", "edp_rel", [0.65, 0.1]),
    ],
)
def test_each_fails_on_one_number(claim: str, column: str, values: list[float]) -> None:
    found = verdicts(table(**(GOOD | {column: values})))
    assert found.pop(claim) is False
    assert found.pop("C5") is None
    assert all(found.values())


def test_c1_fails_if_energy_rises_with_noise() -> None:
    frame = table(**GOOD)
    frame.loc[frame["scheme"] == "unstructured-87.5", "energy_rel"] = 0.81
    assert verdicts(frame)["C1"] is False


def test_c5_compares_the_lost_advantage_of_two_networks() -> None:
    # EDP of unstructured: 0.64, 0.16. Advantage of structure on ResNet: 6.4 then 1.6; on WRN: 3.2 then 4.
    small = table("resnet18", **(GOOD | {"edp_rel": [0.1, 0.1]}))
    wide = table("wrn34-10", **(GOOD | {"edp_rel": [0.2, 0.04]}))
    both = pd.concat([small, wide], ignore_index=True)
    assert verdicts(both)["C5"] is True
    swapped = pd.concat(
        [small.assign(network="wrn34-10"), wide.assign(network="resnet18")], ignore_index=True
    )
    assert verdicts(swapped)["C5"] is False
    assert verdicts(small)["C5"] is None


def test_c5_needs_an_advantage_to_lose() -> None:
    # EDP of structure worse than unstructured everywhere: 0.64 / 0.8, 0.16 / 0.4 and 0.64 / 0.7, 0.16 / 0.2.
    small = table("resnet18", **(GOOD | {"edp_rel": [0.8, 0.4]}))
    wide = table("wrn34-10", **(GOOD | {"edp_rel": [0.7, 0.2]}))
    assert verdicts(pd.concat([small, wide], ignore_index=True))["C5"] is False


def test_other_scopes_are_not_mixed_in() -> None:
    other = row("resnet18", "unstructured-50-position", "unstructured", 0.5, time_rel=9.0, energy_rel=9.0)
    frame = pd.concat([table(**GOOD), pd.DataFrame([other])], ignore_index=True)
    assert verdicts(frame) == verdicts(table(**GOOD))
    assert len(paired(frame)) == 2


def test_two_machines_of_a_kind_are_refused() -> None:
    second = row("resnet18", "nm-4of8", "nm", 0.5, **{name: numbers[0] for name, numbers in GOOD.items()})
    frame = pd.concat([table(**GOOD), pd.DataFrame([second | {"machine": "other"}])], ignore_index=True)
    with pytest.raises(AccelsimError, match="nm and other both run nm schemes"):
        evaluate_claims(frame)


def test_one_degree_of_noise_is_no_trend() -> None:
    frame = table(**GOOD)
    assert "C1" not in verdicts(frame[frame["noise"] != 0.5])


def test_evidence_carries_the_numbers() -> None:
    claims = {claim.name: claim for claim in evaluate_claims(table(**GOOD))}
    assert "50 %: 0.62" in claims["C2"].evidence  # 0.5 / 0.8
    assert "87.5 %: 0.50" in claims["C2"].evidence  # 0.2 / 0.4
    assert claims["C2"].verdict == "holds"
    assert Claim("C9", "x", "t", False, "e").verdict == "does not hold"


def test_only_groups_of_eight_pair() -> None:
    frame = pd.concat(
        [table(**GOOD), pd.DataFrame([row("resnet18", "nm-1of2", "nm", 0.5)])], ignore_index=True
    )
    assert list(paired(frame)["scheme_s"]) == ["nm-4of8", "nm-1of8"]


def test_nothing_to_claim_without_pairs() -> None:
    frame = table(**GOOD)
    assert verdicts(frame[frame["kind"] != "nm"]) == {"C1": True}
