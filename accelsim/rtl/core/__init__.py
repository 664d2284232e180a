"""One core of docs/machine.md in RTL: a unit a file; `core.py` joins them (docs/rtl.md)."""

from __future__ import annotations
