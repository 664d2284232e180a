"""Sweep files on the small trace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from accelsim.sweep import Space, load_sweep, open_space

Write = Callable[..., Path]


@pytest.fixture
def write_sweep(tmp_path: Path, small_trace: Path) -> Write:
    """Write a sweep file: 2 machines x 2 schemes that each fit one, unless the arguments say otherwise."""

    def write(name: str = "mine", **keys: Any) -> Path:
        content = {
            "format": "accelsim-sweep/1",
            "name": name,
            "machines": ["unstructured", "structured"],
            "traces": [str(small_trace)],
            "schemes": ["unstructured-75", "nm-2of8"],
        } | keys
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in content.items() if value is not None}))
        return path

    return write


@pytest.fixture
def space_of(write_sweep: Write) -> Callable[..., Space]:
    """The space of such a file."""
    return lambda **keys: open_space(load_sweep(write_sweep(**keys)))
