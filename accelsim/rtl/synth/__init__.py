"""Area, delay and energy of the blocks of accelsim.rtl: mapped to standard cells, timed, and simulated gate by gate.

Reading order: `library` (cells from a Liberty file), `yosys_mapping`, `netlist`, `static_timing`, `gate_simulation`,
`gate_power`; then `catalog` (which blocks, on which operands), `technology_file` (what becomes of the figures), `__main__`.
"""

from __future__ import annotations
