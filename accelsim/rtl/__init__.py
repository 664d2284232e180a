"""The core of docs/machine.md as hardware, in Amaranth: what both engines are validated against (docs/rtl.md)."""

from __future__ import annotations
