"""The datapath of one core of docs/machine.md, one block a file, in Amaranth.

Conventions, the same in every block:

- A block is free-running: it takes an operation a cycle and never stalls. ``latency`` is the number of clock
  edges from the cycle in which an operation is at the inputs to the cycle in which its result is at the
  outputs; 0 means combinational.
- Inputs are sampled in the cycle in which ``valid`` is 1. Runtime configuration (shifts, thresholds) is held
  constant while anything is in flight.
- One clock domain, ``sync``; every stage is cut so that it meets 2 ns on the 45 nm library that
  docs/energy.md names.
- Numbers are two's complement; rounding and saturation are those of docs/machine.md, section "Numbers".
"""

from __future__ import annotations
