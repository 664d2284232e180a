"""BitOPs are of products: layers of spiking neurons are refused, the same network without them is counted."""

from __future__ import annotations

import pytest

from accelsim.cli import main


def _code(arguments: list[str]) -> object:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    return stop.value.code


def test_spiking_trace_is_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["bitops", "snn-stbp-mnist"]) == 2
    error = capsys.readouterr().err
    assert error == "accelsim: layer fc1: BitOPs are not defined for layers of kind current\n"


def test_ann_of_the_same_size_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert _code(["bitops", "ann-mnist"]) == 0
    assert "dense" in capsys.readouterr().out
