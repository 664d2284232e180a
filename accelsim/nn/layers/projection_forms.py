"""The forms of the approximation by name, and what is taken where nothing is said; importing this needs no PyTorch."""

from __future__ import annotations

from typing import Literal, get_args

Form = Literal["none", "pixel", "patch"]
FORMS: tuple[Form, ...] = get_args(Form)
"""accelsim.nn.layers.projection says what each computes."""

Density = float | Literal["sqrt"]
"""Share of P's entries that are not zero; "sqrt" is 1 / sqrt(columns of P)."""

DEFAULT_FORM: Form = "none"
DEFAULT_K_RATIO = 0.25
DEFAULT_DENSITY = 1 / 3
