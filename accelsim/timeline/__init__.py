"""When each unit does what in one layer, and what power that takes: ``accelsim timeline`` (docs/timeline.md)."""

from accelsim.timeline.power import PowerCurve, power_curve
from accelsim.timeline.record import record_layer
from accelsim.timeline.schedule import CoreSchedule, LayerSchedule, TileSchedule
from accelsim.timeline.trace_events import write_trace_events
from accelsim.timeline.vcd import write_vcd
from accelsim.timeline.view import BlockRange, View

__all__ = [
    "BlockRange",
    "CoreSchedule",
    "LayerSchedule",
    "PowerCurve",
    "TileSchedule",
    "View",
    "power_curve",
    "record_layer",
    "write_trace_events",
    "write_vcd",
]
