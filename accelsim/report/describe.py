"""Traces, machines and technologies in words and tables, and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelsim.config import Machine, Technology
from accelsim.energy import area, clock_limit
from accelsim.report.port_stalls import port_warnings
from accelsim.trace import TraceFile


def trace_content(trace: TraceFile) -> dict[str, Any]:
    """Return the header's facts, the schemes with their accuracies, and the layers."""
    return {
        "trace": {
            "file": str(Path(trace.path)),
            "format": trace.format_version,
            "network": trace.network,
            "dataset": trace.dataset,
            "images": len(trace.image_ids),
            "image_ids": list(trace.image_ids),
            "sha256": trace.sha256,
            "weights_sha256": trace.weights_sha256,
            "seeds": dict(trace.seeds),
            "tools": dict(trace.tools),
            "notes": trace.notes,
            "macs_per_image": sum(layer.shape.macs for layer in trace.layers),
        },
        "schemes": [_scheme_row(trace, scheme.name) for scheme in trace.schemes],
        "layers": [
            {
                "layer": layer.name,
                "kind": layer.shape.kind,
                "c_in": layer.shape.c_in,
                "c_out": layer.shape.c_out,
                "kernel": "x".join(map(str, layer.shape.kernel)),
                "stride": "x".join(map(str, layer.shape.stride)),
                "groups": layer.shape.groups,
                "positions": layer.shape.positions,
                "n": layer.shape.n,
                "d": layer.shape.d,
                "form": layer.approximation.form if layer.approximation else None,
                "k": layer.approximation.k if layer.approximation else None,
                "nnz": layer.approximation.nnz if layer.approximation else None,
            }
            for layer in trace.layers
        ],
    }


def _scheme_row(trace: TraceFile, name: str) -> dict[str, Any]:
    scheme = next(each for each in trace.schemes if each.name == name)
    accuracy = trace.accuracy(name)
    return {
        "scheme": name,
        "meaning": scheme.label,
        "accuracy_percent": None if accuracy is None else round(100 * accuracy[0], 2),
        "accuracy_images": None if accuracy is None else accuracy[1],
    }


def machine_content(machine: Machine, technology: Technology) -> dict[str, Any]:
    """Return the configuration, peak rates, area by block, the clock that the technology allows, and warnings."""
    limit = clock_limit(machine, technology)
    areas = area(machine, technology)
    rate = machine.cores * machine.mvu.vpus * machine.mvu.lanes
    told = [{"warning": line} for line in port_warnings(machine)]
    return {
        "machine": {
            "name": machine.name,
            "sha256": machine.sha256,
            "peak_16bit_macs_per_cycle": rate,
            "peak_4bit_macs_per_cycle": 16 * rate,
            "clock_mhz": machine.clock_mhz,
            "max_clock_mhz": limit.max_clock_mhz,
            "clock_limited_by": limit.block,
            "area_mm2": round(areas.total_mm2, 4),
            "technology": technology.name,
        },
        "config": machine.model_dump(mode="json", exclude={"format", "name"}),
        "core_area_mm2": [{"block": item.name, "mm2": round(item.mm2, 5)} for item in areas.items],
        **({"warnings": told} if told else {}),
    }


def technology_content(technology: Technology) -> dict[str, Any]:
    """Return every number with its source, and what the SRAM table covers."""
    events = technology.events.model_dump(mode="json")
    blocks = technology.blocks.model_dump(mode="json")
    return {
        "technology": {
            "name": technology.name,
            "description": technology.description,
            "sha256": technology.sha256,
            "sram_points": len(technology.sram.macros),
        },
        "events": [{"event": name, **figure} for name, figure in events.items()],
        "blocks": [{"block": name, **figures} for name, figures in blocks.items()],
    }


def show(content: dict[str, Any]) -> None:
    """Print the parts of a description: dicts as ``name  value`` lines, lists of dicts as tables."""
    from accelsim.tables import frame_of, print_table

    for title, part in content.items():
        is_list = isinstance(part, list)
        frame = frame_of(part if is_list else part.items(), None if is_list else ["name", "value"])
        formats = dict.fromkeys(frame.columns, _text)
        align = None if is_list else "ll"
        print_table(frame, title=title, formats=formats, align=align, missing="-", fold=True, header=is_list)
        print()


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
