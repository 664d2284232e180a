"""Tables and figures from a results.csv that is written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from accelsim.bitops.paper_tables import published
from accelsim.errors import AccelsimError
from accelsim.marked import between
from models.robust.robust_tables import (
    WORST,
    documents,
    epoch_tables,
    measured_tables,
    paper_tables,
    read_results,
)
from models.robust.study_figures import figure3, figure4, main

ROOT = Path(__file__).parents[3]
MEASURED = ROOT / "docs/results/robust/results.csv"
HEADER = "row,network,variant,attack,images,draws,one,mean,worst,low,high,difference,difference_low,difference_high,bitops\n"
LINES = [
    "at,at,dense,clean,200,1,50,50.00,50,43.1,56.9,,,,1000",
    "at,at,dense,pgd20,200,1,30,30.00,30,24.1,36.7,,,,1000",
    "at,at,dense,pgd20@4,50,1,40,40.00,40,27,54,,,,1000",
    "at,at,dense,pgd100,50,1,28,28.00,28,17,42,,,,1000",
    "at,at,dense,worst case,50,1,26,26.00,26,15,40,,,,1000",
    "unstructured-90,unstructured-90,unstructured-90,clean,200,1,47,47.00,47,40,54,,,,300",
    "unstructured-90,unstructured-90,unstructured-90,pgd20,200,1,31.5,31.54,31,25,38,,,,300",
    "unstructured-90+zeros,unstructured-90+zeros,unstructured-90+zeros,clean,100,1,9,9.00,9,5,16,,,,200",
    "nm-1of8,nm-1of8,nm-1of8,pgd20,200,1,33,33.00,33,27,40,-4,-9,1,310",
    "converted:unstructured-90,converted,unstructured-90,clean,100,1,41,41.00,41,32,51,,,,300",
    "converted:unstructured-90+essential,converted,unstructured-90+essential,clean,100,1,39,39.00,39,30,49,,,,300",
]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    path = tmp_path / "results.csv"
    path.write_text(HEADER + "\n".join(LINES) + "\n")
    return path


def cells(markdown: str, *first: str) -> list[str]:
    """The cells of the first row that begins so."""
    for line in markdown.splitlines():
        found = [cell.strip() for cell in line.strip("|").split("|")]
        if found[: len(first)] == list(first):
            return found[len(first) :]
    raise AssertionError(first)


def test_the_papers_tables_are_complete_and_ours_stand_beside(results: Path) -> None:
    epoch = {**read_results(results)[5], "mean": "51.00", "low": "44", "high": "58", "images": "300"}
    text = paper_tables(read_results(results), [epoch])
    one, two, three, four = (text.index(f"**Table {number}") for number in (1, 2, 3, 4))
    assert one < two < three < four
    table1, table2, table4 = text[one:two], text[two:three], text[four:]
    assert cells(table1, "overfitting-at", "paper") == ["81.71", "52.53", "57.08", "55.54", "78.27", "48.85"]
    assert cells(table1, "overfitting-at", "ours")[:3] == [
        "50.0 [43, 57] of 200",
        "30.0 [24, 37] of 200",
        "not run",
    ]
    assert cells(table4, "noise-injection-7:8", "ours") == ["not run", "33.0 [27, 40] of 200"]
    assert cells(table4, "noise-injection-90", "ours") == ["47.0 [40, 54] of 200", "31.5 [25, 38] of 200"]
    assert cells(table4, "noise-injection-90", "ours, an epoch") == ["51.0 [44, 58] of 300", "not run"]
    assert set(cells(table2, "noise-injection-90", "ours")) == {"not run"}
    # CIFAR-100 was not run, whatever the network.
    assert text.count("| ours | ") == len(published()) and table1.count("of 200") == 4
    assert text.count("| ours, an epoch | ") == 2  # in Tables 1 and 4
    # Every printed number is there, of Table 3 too.
    for entry in published():
        assert all(f"{value:.2f}" in text for value in entry.accuracy.values())
    assert cells(text[three:four], "robust-wrn") == ["59.13", "52.48", "34.12", "28.63", "not run"]


def test_what_was_measured(results: Path) -> None:
    found = measured_tables(read_results(results))
    assert cells(found["cheap"], "`at`") == ["50.0 [43, 57] of 200", "30.0 [24, 37] of 200"]
    assert "`unstructured-90+zeros`" in found["distilled"] and "`unstructured-90+zeros`" not in found["cheap"]
    assert (
        cells(found["differences"], "`nm-1of8`") == ["-4.0 [-9.0, +1.0]"]
        and "`at`" not in found["differences"]
    )
    assert cells(found["distilled"], "`converted:unstructured-90`") == ["41.0 [32, 51] of 100", ""]


def test_an_epoch_of_fine_tuning(results: Path) -> None:
    lines = [line for line in read_results(results) if "+" not in line["row"] and ":" not in line["row"]]
    found = epoch_tables(lines)
    assert cells(found["epoch"], "`at`") == [
        "50.0 [43, 57] of 200",
        "30.0 [24, 37] of 200",
        "26.0 [15, 40] of 50",
    ]
    assert cells(found["epoch-differences"], "`nm-1of8`") == ["-4.0 [-9.0, +1.0]"]


def test_figures(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = read_results(results)
    # Only `at` met more than PGD-20.
    assert [(row["eps_255"], row["steps"], row["mean"]) for row in figure3(lines)] == [
        (4, 20, 40.0),
        (8, 20, 30.0),
        (8, 100, 28.0),
    ]
    labels = {(row["attack"], row["noise_percent"], row["control"]): row["mean"] for row in figure4(lines)}
    assert (
        labels["clean, fine-tuned", 90.0, "none"] == 47.0
        and labels["clean, only distilled", 90.0, "none"] == 41.0
    )
    assert labels["clean, only distilled", 90.0, "essential"] == 39.0
    assert labels["clean, fine-tuned", 0.0, "none"] == labels["clean, only distilled", 0.0, "none"] == 50.0
    costs = tmp_path / "summary.csv"
    costs.write_text("scheme,machine,energy_pj,latency_us\ndense,dense,9,1\nnm-1of8,structured,3,1\n")
    assert main([str(results), "--costs", str(costs), "--out", str(tmp_path / "o")]) == 0
    pictures = {path.name for path in (tmp_path / "o").glob("*.png")}
    assert pictures == {"robust-figure-3.png", "robust-figure-4.png", "figure-co-design.png"}
    joined = (tmp_path / "o/figure-co-design.csv").read_text().splitlines()
    assert joined[1:] == ["dense,dense,30.0,1000,9,1", "nm-1of8,structured,33.0,310,3,1"]
    assert (
        main([str(results), "--costs", str(costs), "--accuracy", "square", "--out", str(tmp_path / "o")]) == 2
    )
    assert "no network has met square" in capsys.readouterr().err


def test_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AccelsimError, match="no such file of results"):
        read_results(tmp_path / "none.csv")
    assert main([str(tmp_path / "none.csv"), "--out", str(tmp_path / "o")]) == 2
    assert "no such file of results" in capsys.readouterr().err
    (tmp_path / "few.csv").write_text(HEADER + LINES[0] + "\n")
    assert main([str(tmp_path / "few.csv"), "--out", str(tmp_path / "o")]) == 0
    assert "figure 3: left out" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "o").iterdir()] == ["robust-figure-4.png"]


def test_the_documents_show_what_was_measured() -> None:
    for document, contents in documents(MEASURED.parent).items():
        for marker, content in contents.items():
            shown = between(ROOT / "docs" / document, marker)
            assert shown == content, f"python docs/refresh.py robust: {marker} of {document}"


@pytest.mark.parametrize("name", ["results.csv", "epoch.csv", "common.csv", "epoch-common.csv"])
def test_what_was_measured_is_possible(name: str) -> None:
    """Shares of whole images and draws, inside their intervals; no attack leaves clearly more than none."""
    lines = read_results(MEASURED.with_name(name))
    for line in lines:
        trials = int(line["images"]) * int(line["draws"])
        right = float(line["mean"]) / 100 * trials
        assert line["attack"] == WORST or abs(right - round(right)) <= 0.01 * trials / 100, line
        assert float(line["low"]) <= float(line["mean"]) <= float(line["high"])
        assert float(line["worst"]) <= float(line["mean"]) + 0.01
    clean = {line["row"]: line for line in lines if line["attack"] == "clean"}
    pgd = {line["row"]: line for line in lines if line["attack"] == "pgd20"}
    assert {"at", "unstructured-90"} <= pgd.keys()
    # An attack does no good, beyond what chance may.
    assert all(float(pgd[row]["low"]) <= float(clean[row]["mean"]) for row in pgd)
