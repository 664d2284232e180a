"""JSON that every reader takes: without NaN and infinity, which are no JSON."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(content: Any, indent: int | None = None) -> str:
    """Return plain data as a JSON text; numbers that are not finite become null."""
    try:
        return json.dumps(content, indent=indent, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(content), indent=indent, allow_nan=False)


def _finite(content: Any) -> Any:
    if isinstance(content, float):
        return content if math.isfinite(content) else None
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    return [_finite(value) for value in content] if isinstance(content, list | tuple) else content
