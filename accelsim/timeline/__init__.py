"""When each unit does what in one layer, and what power that takes: ``accelsim timeline`` (docs/timeline.md)."""

from accelsim.timeline.layer_schedule import CoreSchedule, LayerSchedule, TileSchedule
from accelsim.timeline.power_over_time import PowerCurve, power_curve
from accelsim.timeline.record_layer import record_layer
from accelsim.timeline.timeline_view import BlockRange, View
from accelsim.timeline.trace_events import write_trace_events
from accelsim.timeline.vcd import write_vcd

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
