"""Area, delay and energy of the blocks of rtl/: mapped to standard cells, timed, and simulated gate by gate.

Reading order: `library` (cells from a Liberty file), `yosys` (mapping), `netlist`, `timing`, `simulate`, `power`;
then `catalog` (which blocks, on which operands), `technology` (what becomes of the figures), `run`.
"""

from __future__ import annotations
