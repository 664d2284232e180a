"""A sweep in a process of its own that is killed, run again, killed ... : the harness behind test_faults.py.

    python tests/sweep/killed.py 50

kills so many times at random moments, each time checks that the database is whole, and at the end compares its table
with that of a sweep that nobody disturbed.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from accelsim.store import Store
from accelsim.store.flat_table import table
from accelsim.trace import Scheme
from accelsim.trace.synthetic import write_synthetic_trace

SWEEP = """
format: accelsim-sweep/1
name: killed
machines: [unstructured, structured]
traces: [{trace}]
axes:
  mvu.vpus: {{from: 1, to: {vpus}, step: 1}}
  mvu.accumulators_per_vpu: [1, 16]         # 1 cannot be built: failures are part of the table
"""

# Tasks of a few points, so that there is much to interrupt; and no word of how far it is, which is told on slow computers.
COMMAND = """
import sys, accelsim.cli, accelsim.sweep.tasks, accelsim.sweep.worker_watch
for setting in sys.argv.pop(1).split():
    name, _, value = setting.partition("=")
    assert hasattr(accelsim.sweep.worker_watch, name)
    setattr(accelsim.sweep.worker_watch, name, float(value))
accelsim.sweep.tasks.TASK_SECONDS = 0.05
sys.modules["accelsim.cli.sweep_command"].LOG_SECONDS = 1e9
accelsim.cli.main(sys.argv[1:])
"""


def write_inputs(folder: Path, vpus: int) -> Path:
    """A small trace and a sweep of 8 x ``vpus`` points over it, half of which run."""
    schemes = [Scheme.unstructured(noise=0.75), *(Scheme.nm(keep=keep, of=8) for keep in (1, 2, 4))]
    write_synthetic_trace(folder / "small.h5", schemes, images=2, seed=3)
    path = folder / "sweep.yaml"
    path.write_text(SWEEP.format(trace=folder / "small.h5", vpus=vpus))
    return path


def start(spec: Path, db: Path, *options: str, times: str = "") -> subprocess.Popen[str]:
    """The sweep, as a process.

    times: values of the watch over workers, as in ``"SILENT_SECONDS=2"``.
    """
    command = [sys.executable, "-c", COMMAND, times, "sweep", str(spec), "--db", str(db), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def interrupt(process: subprocess.Popen[str]) -> str:
    """Press Ctrl-C: what the process says as it ends.

    How soon is for no test to say, for that is longer the busier the computer is: what shows that it ended early is what is
    left undone. The limit is there lest a process that never ends should hold the tests up.
    """
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=240)
    return errors.strip()


def finished(spec: Path, db: Path) -> float:
    """Run the sweep to its end; seconds it took."""
    begun = time.monotonic()
    process = start(spec, db)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    return time.monotonic() - begun


def rows_of(db: Path) -> list[dict[str, Any]]:
    """The final table."""
    with Store.open_to_read(db) as store:
        return table(store, "killed")


def check_whole(db: Path) -> int:
    """The database is sound and holds no point twice; how many it holds."""
    if not db.exists():
        return 0
    connection = sqlite3.connect(db)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return 0
        count, different = connection.execute("SELECT count(*), count(DISTINCT id) FROM points").fetchone()
        assert count == different
        return int(count)
    finally:
        connection.close()


def kill_and_compare(folder: Path, kills: int, vpus: int, seed: int) -> tuple[int, int]:
    """Kill ``kills`` times; how many of these came while the sweep was running, and how many points the table has.

    A sweep that ends before it is killed is compared, and begun anew.
    """
    spec, rng = write_inputs(folder, vpus), random.Random(seed)
    seconds = finished(spec, folder / "whole.db")
    expected = rows_of(folder / "whole.db")
    db, hits = folder / "killed.db", 0
    for _ in range(kills):
        held = check_whole(db)
        process = start(spec, db)
        try:
            process.wait(timeout=rng.uniform(0.1, 1.0) * seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            hits += 1
        process.communicate()
        assert check_whole(db) >= held, "a point that was there is gone"
        if process.returncode == 0:
            assert rows_of(db) == expected
            for file in folder.glob("killed.db*"):
                file.unlink()
    finished(spec, db)
    assert rows_of(db) == expected
    return hits, len(expected)


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as folder:
        hits, points = kill_and_compare(Path(folder), kills, vpus=30, seed=1)
    print(
        f"{kills} kills, {hits} of a running sweep of {points} points: the table is that of a sweep left alone"
    )


if __name__ == "__main__":
    main()
