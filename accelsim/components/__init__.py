"""The hardware units of an accelerator, one file each: parameters, service times, actions, area, energy and delay.

``component_registry.py`` lists them; area, energy, clock, counts, activity counters, the timeline and the tables of the
documents are derived from that list. ``docs/how-to/own-component.md`` shows how to add one.
"""
