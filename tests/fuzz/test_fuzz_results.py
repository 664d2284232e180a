"""Results databases, their logs, and folders of results with flipped bits."""

from __future__ import annotations

import shutil
import subprocess
import sys
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
def logged(database: Path) -> Path:
    """A database whose writer was killed, so that its last rows are in the log alone."""
    place = database.with_name("logged.db")
    shutil.copy(database, place)
    program = (
        "import os, sys; from accelsim.store import Store\n"
        "store = Store.open(sys.argv[1])\n"
        "for number in range(9): store.set_sweep(f'late-{number}', 'x' * 3000, [(f'{at}', {}) for at in range(9)])\n"
        "os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", program, str(place)], check=True)
    return place


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, small_trace: Path) -> Path:
    folder = tmp_path_factory.mktemp("results") / "r"
    code, _, err = command(["run", str(small_trace), "--machine", "structured", "--out", str(folder)])
    assert code == 0, err
    return folder


def copied_files(source: Path, place: Path) -> list[Path]:
    """Copy a database, with its log and index, or a folder; return the files that matter."""
    if source.is_dir():
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(source, place)
        return sorted(each for each in place.iterdir() if each.suffix in (".json", ".parquet"))
    for suffix in ("", "-wal", "-shm"):
        copy = Path(f"{place}{suffix}")
        copy.unlink(missing_ok=True)
        if Path(f"{source}{suffix}").exists():
            shutil.copy(f"{source}{suffix}", copy)
    return [place]


@pytest.mark.parametrize("kind", ["database", "log", "folder"])
def test_fuzz_results(
    kind: str,
    cases: Cases,
    outcomes: Counter[str],
    tmp_path: Path,
    database: Path,
    logged: Path,
    results: Path,
) -> None:
    """A flipped bit is found by `check` and refused in one line, or nothing that is read differs."""
    read = folder_content if kind == "folder" else database_content
    source = {"database": database, "log": logged, "folder": results}[kind]
    place = tmp_path / "copy"
    copied_files(source, place)
    sound = read(place)
    for rng in cases(f"results {kind}", 60):
        damaged = rng.choice(copied_files(source, place))
        if kind == "log":
            damaged = place.with_name("copy-wal")
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
        elif said is None and got == [sound]:
            outcomes["harmless"] += 1
        else:
            outcomes["missed"] += 1
    assert not [kind for kind in outcomes if kind not in ("found", "harmless")], outcomes
