"""Run a sweep's tasks on Dask workers: processes of this computer, or of a cluster whose scheduler is there.

Workers get machines and the name of a trace, and read the trace themselves; outcomes come back to this process, the
only one that writes the database. A worker that dies loses its task's second of work, which another one does again.
"""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.bounded_store import BoundedStore
from accelsim.bundled import bundled_path
from accelsim.config import Machine, Technology
from accelsim.engine import ENGINES
from accelsim.errors import AccelsimError
from accelsim.extras import missing_extra
from accelsim.inputs import ALL_TRACES, as_trace
from accelsim.store import Outcome, Point, Workload, code_version
from accelsim.sweep.evaluate_points import Batches, evaluate
from accelsim.sweep.sweep_run import Executor, prepare
from accelsim.sweep.tasks import Tasks
from accelsim.sweep.worker_watch import WORKER_SECONDS, Watch, answer, kill, lost, scheduler_of, short
from accelsim.trace import Scheme, TraceFile

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

CONNECT_SECONDS = 10
"""How long to wait for the scheduler to answer at first."""

PREPARE_SECONDS = 300
"""How long to wait for the workers to import and compile."""

POLL_SECONDS = 0.01

_OPEN_FILES, _OPEN_FILES_OF_WORKER = 64, 3
"""Files and connections that Dask has open at least: in all, and for each worker of this computer."""

_LENGTH_BYTES = 8
_MAX_GREETING_BYTES = 1 << 20
"""Bytes of the length before a scheduler's greeting, and the largest greeting that is believed; real ones have 200."""

KEPT_TRACES = 16
"""Traces that a worker keeps open."""

TASKS_PER_THREAD = 2
"""Tasks sent for each thread of a worker: one to run and one to come."""

Done = tuple[list[Point], list[Outcome]]


@dataclass(frozen=True)
class Job:
    """A task as it is sent: without the trace's header, and each technology once."""

    code: str
    engine: str
    trace: str
    trace_sha256: str
    scheme: Scheme
    images: range
    technologies: tuple[Technology, ...]
    machines: tuple[tuple[Machine, int], ...]


def _job(points: list[Point], engine: str) -> Job:
    workload = points[0].workload
    technologies = {point.technology.sha256: point.technology for point in points}
    order = {sha256: index for index, sha256 in enumerate(technologies)}
    return Job(
        code=code_version(),
        engine=engine,
        trace=_name_of(workload.trace.path),
        trace_sha256=workload.trace.sha256,
        scheme=workload.scheme,
        images=workload.images,
        technologies=tuple(technologies.values()),
        machines=tuple((point.machine, order[point.technology.sha256]) for point in points),
    )


def _name_of(path: Path) -> str:
    """What a worker, perhaps on another computer, finds the trace by: its name if it is bundled, else its full path."""
    for name in ALL_TRACES:
        if path.resolve() == bundled_path(f"traces/{name}.h5").resolve():
            return name
    return str(path.resolve())


def work(job: Job) -> tuple[list[Outcome], float]:
    """Run a job, in a worker: outcomes, and how many seconds they took.

    Raises AccelsimError if the worker has other code than the sweep, or no such trace.
    """
    if code_version() != job.code:
        raise AccelsimError(
            f"a worker runs accelsim {code_version()}, this sweep {job.code}; install the same on all"
        )
    prepare(job.engine)
    start = time.perf_counter()
    trace = _WORKER.opened(job.trace, job.trace_sha256)
    workload = Workload(trace, job.scheme, job.images)
    points = [Point(machine, job.technologies[index], workload) for machine, index in job.machines]
    outcomes = list(evaluate(points, job.engine, batches=_WORKER.batches))
    return outcomes, time.perf_counter() - start


class _WorkerMemory:
    """What a worker process keeps from one task to the next: opened traces, and the masks that it read last."""

    def __init__(self) -> None:
        self.batches = Batches()
        self._traces: BoundedStore[tuple[str, str], TraceFile] = BoundedStore(KEPT_TRACES)

    def opened(self, name: str, sha256: str) -> TraceFile:
        """Return a trace by the name that `_name_of` gave it.

        Raises:
            AccelsimError: If there is no such trace, or it is another one.
        """
        return self._traces.get((name, sha256), _opened, name, sha256)


def _opened(name: str, sha256: str) -> TraceFile:
    trace = as_trace(name)
    if trace.sha256 != sha256:
        raise AccelsimError(f"{trace.path}: a worker has another trace under this name than the sweep")
    return trace


_WORKER = _WorkerMemory()


@contextmanager
def dask_executor(workers: int | None, scheduler: str | None) -> Iterator[Executor]:
    """Run tasks on ``workers`` processes started here and ended at the end, or on those of a scheduler's address.

    Raises AccelsimError if Dask is not installed, or nobody answers there.
    """
    try:
        import distributed
    except ImportError:
        raise missing_extra("sweep --workers or --scheduler", "Dask", "cluster") from None
    # What Dask has to say of a worker that went is nothing to the reader: its task is done again.
    for name in [*logging.root.manager.loggerDict, "distributed", "tornado"]:
        if name.partition(".")[0] in ("distributed", "tornado"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    if scheduler is None:
        others = _dask_workers()
        try:
            with _local(workers) as cluster, distributed.Client(cluster) as client:
                try:
                    yield _on(client, cluster)
                finally:
                    _end(others)
        finally:
            _end(others)  # what Dask has started meanwhile
        return
    client = _connected(scheduler)
    with client:
        try:
            client.wait_for_workers(1, timeout=WORKER_SECONDS)
        except TimeoutError:
            raise AccelsimError(
                f"sweep: --scheduler {scheduler}: has no workers after {WORKER_SECONDS} s"
            ) from None
        yield _on(client)


def _connected(scheduler: str) -> Client:
    """Return a client of the scheduler at an address, within `CONNECT_SECONDS`.

    In a thread of its own, since Dask waits without limit for a peer that accepts and says nothing. The thread ends with
    the process.

    Raises:
        AccelsimError: If no Dask scheduler answers there in time.
    """
    found: list[Client] = []
    failed: list[Exception] = []

    def connect() -> None:
        try:
            _check_speaks_dask(scheduler)
            # Not the default client: Dask would close that one at exit, and wait for what has been given up.
            found.append(Client(scheduler, timeout=0.9 * CONNECT_SECONDS, set_as_default=False))
        except Exception as error:  # what is no scheduler makes Dask fail in whatever way its bytes lead to
            failed.append(error)

    from distributed import Client

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if found:
        return found[0]
    logging.getLogger("asyncio").setLevel(
        logging.CRITICAL
    )  # it would tell of the connection that is given up
    said = short(failed[0]) if failed else f"no answer of a Dask scheduler within {CONNECT_SECONDS} s"
    raise AccelsimError(f"sweep: --scheduler {scheduler}: nobody answers there: {said}")


def _check_speaks_dask(scheduler: str) -> None:
    """Raise ValueError if what listens at a TCP address begins with something else than a scheduler's short greeting.

    Dask takes the first eight bytes for a length, whatever they are, and reserves as much memory.
    """
    scheme, _, place = scheduler.rpartition("://")
    host, _, port = place.rpartition(":")
    if scheme not in ("", "tcp") or not port.isdecimal():
        return  # Dask tells what is wrong with it, or knows the protocol
    try:
        connection = socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS)
    except socket.gaierror as error:
        raise ValueError(f"no such host: {error.strerror}") from None
    except OSError:
        return  # nobody listens; Dask waits for somebody who does
    with connection, connection.makefile("rb") as stream:
        greeting = stream.read(_LENGTH_BYTES)
    if len(greeting) < _LENGTH_BYTES or int.from_bytes(greeting, "little") > _MAX_GREETING_BYTES:
        raise ValueError("what listens there does not speak Dask's protocol")


def _local(workers: int | None) -> LocalCluster:
    """Worker processes of this computer, one thread each."""
    from distributed import LocalCluster
    from distributed.deploy.spec import close_clusters

    _check_open_files(workers or 1)
    try:
        return LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            # Without an address Dask's web server takes port 8787 of every network, and complains where that is taken.
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        )
    except KeyboardInterrupt:
        # At exit Dask would end in good order what has not begun, and fail, and asyncio would tell of workers that did
        # not start. They end with this process.
        atexit.unregister(close_clusters)
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise
    except Exception as error:  # workers that are killed, or files that run out, make Dask fail in many ways
        atexit.unregister(close_clusters)
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise AccelsimError(f"sweep: --workers {workers}: cannot start them: {short(error)}") from None


def _check_open_files(workers: int) -> None:
    """Raise AccelsimError if this process may open too few files: Dask would fail somewhere, and tell of it at length."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    allowed, needed = (
        resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        _OPEN_FILES + _OPEN_FILES_OF_WORKER * workers,
    )
    if allowed != resource.RLIM_INFINITY and allowed < needed:
        raise AccelsimError(
            f"sweep: --workers {workers} needs {needed} open files, this shell allows {allowed} (ulimit -n)"
        )


def _end(others: set[int]) -> None:
    """End all workers but the others at once. Asked to go, they would finish their task first; nothing they hold is of use.

    Also one that was stopped and that Dask has lost sight of: Python would wait for it at exit.
    """
    for pid in _dask_workers() - others:
        kill(pid)


def _dask_workers() -> set[int]:
    """Return the processes of all workers that Dask has started in this process."""
    children = multiprocessing.active_children()
    return {each.pid for each in children if each.pid is not None and each.name.startswith("Dask Worker")}


def _on(client: Client, cluster: LocalCluster | None = None) -> Executor:
    # Now, so that importing and compiling is not taken for the time of the first points. Workers that join later do it
    # with their first task.
    async def prepared() -> dict[str, Any]:
        return await client.run(prepare, ENGINES[0], on_error="return")  # type: ignore[no-any-return]

    for said in answer(client, prepared, PREPARE_SECONDS).values():
        # One that is gone already is no matter: an error of its connection.
        if isinstance(said, Exception) and not isinstance(said, OSError):
            raise AccelsimError(
                f"sweep: a worker cannot run accelsim: {short(said)}; install the same, with its extra cluster, on all"
            )

    def run(tasks: Tasks, engine: str) -> Iterator[Done]:
        return _run(client, tasks, engine, Watch(client, cluster))

    return run


def _run(client: Client, tasks: Tasks, engine: str, watch: Watch) -> Iterator[Done]:
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    running: dict[Any, list[Point]] = {}
    completed = as_completed(loop=client.loop, with_results=True, raise_errors=False)

    def send(points: list[Point]) -> None:
        # Not pure: a task that was run before must run again, not be taken from a worker's memory.
        future = client.submit(work, _job(points, engine), pure=False)
        running[future] = points
        completed.add(future)

    def fill() -> None:
        threads = max(1, sum(answer(client, scheduler_of(client).ncores).values()))
        while len(running) < TASKS_PER_THREAD * threads and (points := tasks.take()):
            send(points)

    try:
        fill()
        while running:
            while not completed.has_ready():
                watch.look()
                time.sleep(POLL_SECONDS)
            future, result = next(completed)
            points = running.pop(future)
            if future.status == "finished":
                outcomes, seconds = result
                tasks.learn(points, seconds)
                yield points, outcomes
            else:
                error = future.exception() if future.status == "error" else None
                if not isinstance(error, KilledWorker):
                    raise lost(error)
                if len(points) == 1:
                    yield points, [Outcome(points[0].id, "ended the worker that ran it, time and again")]
                for point in points if len(points) > 1 else ():
                    send([point])  # one of them is the cause; the others are not to suffer
            future.release()
            fill()
    finally:

        async def cancelled() -> None:
            await client.cancel(list(running), force=True)

        with suppress(AccelsimError):
            answer(client, cancelled, CONNECT_SECONDS)
