"""Ctrl-C wherever it comes: also where Python drops it, and where a library makes something else of it."""

from __future__ import annotations

import signal
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, PydanticSchemaGenerationError, model_serializer

from accelsim.errors import AccelsimError
from accelsim.interrupt import noted, stop_if_pressed
from accelsim.store import Outcome, Point, Store
from accelsim.sweep import Space
from accelsim.sweep.evaluate_points import evaluate
from accelsim.sweep.sweep_plan import plan_sweep
from accelsim.sweep.sweep_run import missing, run_here, run_sweep
from accelsim.sweep.tasks import Tasks


class Thing:
    """Something that can be referred to weakly."""


class Document(BaseModel):
    """A model with a serializer in Python, as Machine is one."""

    @model_serializer
    def _written(self) -> dict[str, int]:
        press()
        return {}


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def press_where_python_drops_it() -> None:
    thing = Thing()
    reference = weakref.ref(thing, lambda gone: press())
    del thing  # the callback runs here
    assert reference() is None


def press_where_pydantic_takes_it() -> None:
    with pytest.raises(ValueError, match="Error calling function `_written`"):
        Document().model_dump()


LOST = pytest.mark.parametrize("press_and_lose", [press_where_python_drops_it, press_where_pydantic_takes_it])


@LOST
def test_a_press_that_was_lost_stops_the_next_step(
    press_and_lose: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), noted():
        for step in range(3):
            steps.append(step)
            if step == 1:
                press_and_lose()
            stop_if_pressed()
    assert steps == [0, 1]
    assert capsys.readouterr() == ("", "")


def test_a_press_is_raised_at_once_as_ever() -> None:
    with pytest.raises(KeyboardInterrupt), noted():
        press()
        pytest.fail("went on")


def test_an_error_after_a_press_is_the_press() -> None:
    with pytest.raises(KeyboardInterrupt) as caught, noted():
        press_where_python_drops_it()
        raise PydanticSchemaGenerationError("who knows")
    assert isinstance(caught.value.__cause__, PydanticSchemaGenerationError)


def test_nothing_is_changed_where_nobody_presses() -> None:
    before = signal.getsignal(signal.SIGINT), sys.unraisablehook
    with pytest.raises(AccelsimError, match="as it is"), noted():
        stop_if_pressed()
        raise AccelsimError("as it is")
    assert (signal.getsignal(signal.SIGINT), sys.unraisablehook) == before
    stop_if_pressed()


def test_a_press_is_forgotten_when_the_work_has_ended() -> None:
    with pytest.raises(KeyboardInterrupt), noted():
        press()
    stop_if_pressed()
    with noted():
        stop_if_pressed()


def test_somebody_elses_handler_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    got = []
    before = signal.signal(signal.SIGINT, lambda number, frame: got.append(number))
    try:
        with noted():
            press()
            stop_if_pressed()
    finally:
        signal.signal(signal.SIGINT, before)
    assert got == [signal.SIGINT]


@LOST
def test_a_sweep_writes_down_nothing_of_a_task_that_lost_a_press(
    press_and_lose: Callable[[], None], space_of: Callable[..., Space], tmp_path: Path
) -> None:
    space = space_of(axes={"mvu.vpus": [2, 3, 4, 5]})
    plan, handed = plan_sweep(space), []

    def executor(tasks: Tasks, engine: str) -> Iterator[tuple[list[Point], list[Outcome]]]:
        for points, outcomes in run_here(tasks, engine):
            handed.append(len(points))
            if len(handed) == 2:
                press_and_lose()
            yield points, outcomes

    with Store.open(tmp_path / "a.db") as store:
        with pytest.raises(KeyboardInterrupt), noted():
            run_sweep(space.spec.file.name, space.spec.text, plan, store, executor=executor)
        assert len(handed) == 2
        assert len(plan.subjects) - len(missing(plan, store)) == handed[0]


@LOST
def test_a_press_that_planning_lost_stops_it(
    press_and_lose: Callable[[], None], space_of: Callable[..., Space]
) -> None:
    space, counted = space_of(axes={"mvu.vpus": [2, 3, 4, 5]}), []

    def progress(count: int) -> None:
        counted.append(count)
        if count == 2:
            press_and_lose()

    with pytest.raises(KeyboardInterrupt), noted():
        plan_sweep(space, progress)
    assert counted == [1, 2]


@LOST
def test_a_press_that_a_point_lost_stops_the_others_of_its_task(
    press_and_lose: Callable[[], None], space_of: Callable[..., Space], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = plan_sweep(space_of(axes={"mvu.vpus": [2, 3, 4, 5]}, machines=["unstructured"])).subjects.values()
    points, begun = [subject for subject in found if isinstance(subject, Point)], []
    module = sys.modules["accelsim.sweep.evaluate_points"]
    count = module._count

    def counting(*arguments: Any) -> Any:
        begun.append(arguments)
        if len(begun) == 2:
            press_and_lose()
        return count(*arguments)

    monkeypatch.setattr(module, "_count", counting)
    with pytest.raises(KeyboardInterrupt), noted():
        list(evaluate(points))
    assert len(begun) == 2 < len(points)
