"""The versions of the package and of its model, recorded in every result."""

__version__ = "0.1.0"

MODEL_VERSION = 2
"""Version of what accelsim computes: counts, cycles, energies, areas and clock limits.

Raise it by one in the commit that changes any of these for the same machine, technology and trace, and record
``tests/behaviour/digest.json`` again: sweeps then run again what they have stored. Leave it where code only moves, gets
faster or gets a new option whose default computes the same.
"""
