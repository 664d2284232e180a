"""Results databases and folders of results with flipped bits."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from accelsim.file_checks import check_file
from accelsim.inputs import DEFAULT_TECHNOLOGY
from accelsim.report.html.result_folder import read_folder
from accelsim.store import Store
from tests.fuzz.conftest import Cases
from tests.fuzz.one_line import command, refusal

SWEEP = (
    "format: accelsim-sweep/1\nname: s\nmachines: [structured]\ntraces: [{}]\naxes: {{mvu.vpus: [2, 4, 8]}}\n"
)


def database_content(path: Path) -> str:
    with Store.open_to_read(path) as store:
        return repr([*store.records(), *store.sweeps(), sorted(store.sweep_files().items())])


def folder_content(path: Path) -> str:
    folder = read_folder(path)
    return repr((folder.summary.to_dict(), folder.layers.to_dict(), folder.provenance, folder.claims))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory, small_trace: Path) -> Path:
    folder = tmp_path_factory.mktemp("database")
    (folder / "s.yaml").write_text(SWEEP.format(small_trace))
    code, _, err = command(["sweep", str(folder / "s.yaml"), "--db", str(folder / "s.db")])
    assert code == 0, err
    return folder / "s.db"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, small_trace: Path) -> Path:
    folder = tmp_path_factory.mktemp("results") / "r"
    code, _, err = command(["run", str(small_trace), "--machine", "structured", "--out", str(folder)])
    assert code == 0, err
    return folder


@pytest.mark.parametrize("kind", ["database", "folder"])
def test_fuzz_results(
    kind: str, cases: Cases, outcomes: Counter[str], tmp_path: Path, database: Path, results: Path
) -> None:
    """A flipped bit is found by `check` and refused in one line, or nothing that is read differs."""
    read = database_content if kind == "database" else folder_content
    place = tmp_path / "copy"
    for rng in cases(f"results {kind}", 60):
        if kind == "database":
            shutil.copy(database, place)
            damaged = place
        else:
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(results, place)
            damaged = rng.choice(
                sorted(each for each in place.iterdir() if each.suffix in (".json", ".parquet"))
            )
        expected = read(database if kind == "database" else results).replace(str(results), str(place))
        raw = bytearray(damaged.read_bytes())
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        damaged.write_bytes(raw)
        got: list[str] = []
        try:
            said = refusal(lambda got=got: got.append(read(place)))
            problems, _ = check_file(str(place), DEFAULT_TECHNOLOGY)
        except AssertionError:
            raise
        except Exception as error:
            outcomes[f"fault: {type(error).__name__}"] += 1
            continue
        if problems:
            outcomes["found"] += 1
        elif said is None and got == [expected]:
            outcomes["harmless"] += 1
        else:
            outcomes["missed"] += 1
    assert not [kind for kind in outcomes if kind not in ("found", "harmless")], outcomes
