"""What convert, prepare and export take where nothing is said of the form; importing this needs no PyTorch."""

from __future__ import annotations

from typing import Literal, get_args

from accelsim.forms import Form
from accelsim.trace.layer_shape import PAPERS_DENSITY

FORMS: tuple[Form, ...] = get_args(Form)
"""accelsim.nn.layers.projection says what each computes."""

Density = float | Literal["sqrt"]
"""Share of P's entries that are not zero; "sqrt" is 1 / sqrt(columns of P)."""

DEFAULT_FORM: Form = "none"
DEFAULT_K_RATIO = 0.25
DEFAULT_DENSITY = PAPERS_DENSITY
