"""Watch over the Dask workers and the scheduler of a sweep, so that it never waits in silence for what has gone."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from accelsim.errors import AccelsimError

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

WORKER_SECONDS = 60
"""How long a sweep goes on without any worker."""

SILENT_SECONDS = 120
"""How long a worker may give no sign of life, as one that was stopped, before it counts as gone. Dask waits five minutes;
one that compiles on a busy computer may be silent for half a minute."""

ANSWER_SECONDS = 60
"""How long to wait for an answer of the scheduler."""

REPLACE_SECONDS = 20
"""How long one of this computer's workers may be gone before another is started; Dask does so itself, but not always."""

WATCH_SECONDS = 1.0
"""How often the workers are counted while no task ends."""

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Ends a process at once. Windows has no SIGKILL; there os.kill ends a process whatever the signal."""


class Watch:
    """Sees to it that a sweep never waits in silence for workers that are gone or stopped."""

    def __init__(self, client: Client, cluster: LocalCluster | None) -> None:
        self._client, self._cluster = client, cluster
        self._wanted = len(cluster.worker_spec) if cluster is not None else 1
        self._counted = self._complete = self._any = time.monotonic()
        self._signs: dict[str, tuple[float, float]] = {}
        """By address: a worker's last sign of life by the scheduler's clock, and since when by ours it is the last."""

    def look(self) -> None:
        """Count the workers, once in `WATCH_SECONDS`; start others for those of this computer that stay away.

        Raises:
            AccelsimError: If there has been no worker for `WORKER_SECONDS`, or the scheduler does not answer.
        """
        now = time.monotonic()
        if now - self._counted < WATCH_SECONDS:
            return
        self._counted = now
        there = self._live(now)
        if there:
            self._any = now
        elif now - self._any > WORKER_SECONDS:
            raise AccelsimError(
                f"sweep: no worker for {WORKER_SECONDS} s; what is done is recorded; run the sweep again to go on from here"
            )
        if there >= self._wanted:
            self._complete = now
        elif self._cluster is not None and now - self._complete > REPLACE_SECONDS:
            self._complete = now
            # A worker that is killed while it starts is not started again: others take its place.
            self._cluster.scale(len(self._cluster.worker_spec) + self._wanted - there)

    def _live(self, now: float) -> int:
        """Return how many workers give signs of life; have the tasks of the others done elsewhere."""
        workers = answer(self._client, scheduler_of(self._client).identity)["workers"]
        before, self._signs = self._signs, {}
        for address, worker in workers.items():
            sign = (worker["last_seen"], now)
            known = before.get(address, sign)
            self._signs[address] = known if known[0] == sign[0] else sign
        silent = [address for address, (_, since) in self._signs.items() if now - since > SILENT_SECONDS]
        for address in silent:
            self._give_up(address)
        return len(workers) - len(silent)

    def _give_up(self, address: str) -> None:
        for nanny in self._cluster.workers.values() if self._cluster is not None else ():
            if nanny.worker_address == address:
                # A stopped process obeys nothing else, and would stay when the sweep has ended.
                kill(nanny.pid)
        scheduler = scheduler_of(self._client)
        answer(self._client, lambda: scheduler.unregister(address=address, stimulus_id="accelsim-silent"))


def scheduler_of(client: Client) -> Any:
    """Return what a client calls its scheduler by; its methods are those that the scheduler answers."""
    return client.scheduler


def answer(client: Client, ask: Callable[[], Any], seconds: float | None = None) -> Any:
    """Return what a scheduler answers.

    Args:
        client: A client of it.
        ask: A coroutine function of Dask.
        seconds: How long to wait for it; by default `ANSWER_SECONDS`.

    Raises:
        AccelsimError: If it does not answer in time, or is gone.
    """
    seconds = ANSWER_SECONDS if seconds is None else seconds
    try:
        return client.sync(ask, callback_timeout=seconds)
    except TimeoutError:
        raise AccelsimError(
            f"sweep: no answer of the Dask scheduler or a worker for {seconds} s; what is done is recorded; run the sweep "
            "again to go on from here"
        ) from None
    except OSError:
        raise lost(None) from None


def kill(pid: int | None) -> None:
    """End a process at once, if there is one."""
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, KILL)


def lost(error: BaseException | None) -> AccelsimError:
    """Return what to tell of a task that cannot be run: the scheduler is gone if Dask gives no error."""
    if isinstance(error, AccelsimError):
        return error
    if error is None:
        return AccelsimError("sweep: the Dask scheduler is gone; run the sweep again to go on from here")
    return AccelsimError(f"sweep: a worker cannot run tasks: {short(error)}")


def short(error: BaseException) -> str:
    """Return an error's type and message in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
