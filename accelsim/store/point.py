"""What a stored result is about, and its identity: the hash of everything that decides the result."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from accelsim.config import Machine, Technology
from accelsim.trace import Scheme, TraceFile
from accelsim.trace.header import BlockTable
from accelsim.version import MODEL_VERSION, __version__

ID_CHARACTERS = 32
"""Hex digits of an identity: 128 bits, so that two different points never share one by chance."""


def code_version() -> str:
    """Return the version of the package and of its model, as recorded with every result: ``0.1.0+model.1``."""
    return f"{__version__}+model.{MODEL_VERSION}"


def content_hash(content: Mapping[str, Any]) -> str:
    """Return the hex SHA-256 of plain data as sorted JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


@dataclass(frozen=True, eq=False)
class Workload:
    """Some images of a trace under one scheme. ``images`` are places in the file, one after the other."""

    trace: TraceFile
    scheme: Scheme
    images: range

    @property
    def image_ids(self) -> tuple[int, ...]:
        """The images, as the data set numbers them."""
        return self.trace.image_ids[self.images.start : self.images.stop]

    @cached_property
    def sha256(self) -> str:
        """Of the layers, the scheme, the images and the checksum of every block of masks and spikes that is read.

        Other schemes and images of the file are not in it: a trace that grows keeps its results.
        """
        header, layers, masks, spikes = self.trace.header, [], [], []
        for layer in self.trace.layers:
            approximation = layer.approximation
            layers.append([layer.name, vars(layer.shape), approximation and approximation.document()])
            if layer.has_masks(self.scheme):
                masks.append(self._checksums(header.blocks[self.scheme.name, layer.name]))
            if layer.shape.has_spikes:
                spikes.append(self._checksums(header.spikes[layer.name]))
        content = {
            "layers": layers,
            "scheme": self.scheme.name,
            "image_ids": self.image_ids,
            "blocks": masks,
            "weights": self.trace.weights_sha256,
        }
        # Only where there are any: networks without spikes keep the identities that they had before there were some.
        return content_hash(content | ({"spikes": spikes} if spikes else {}))

    def _checksums(self, table: BlockTable) -> list[int]:
        """How the images lie in the blocks that hold them, and the CRC-32 of each of these."""
        size = table.images_per_block
        first, last = self.images.start // size, (self.images.stop - 1) // size
        return [size, self.images.start % size, *table.crc32[first : last + 1]]


@dataclass(frozen=True, eq=False)
class Point:
    """One simulation: a machine and a technology, some images under a scheme."""

    machine: Machine
    technology: Technology
    workload: Workload

    @cached_property
    def machine_config(self) -> dict[str, Any]:
        """The resolved machine as plain data, less what does not decide a result: its name and description."""
        config = self.machine.model_dump(mode="json")
        return {key: value for key, value in config.items() if key not in ("name", "description")}

    @cached_property
    def machine_sha256(self) -> str:
        """Hash of `machine_config`."""
        return content_hash(self.machine_config)

    @cached_property
    def id(self) -> str:
        """The identity. Both engines give the same integers, so the engine is not in it; the model's version is."""
        content = {
            "machine": self.machine_sha256,
            "technology": self.technology.sha256,
            "workload": self.workload.sha256,
            "model": MODEL_VERSION,
        }
        return content_hash(content)[:ID_CHARACTERS]


@dataclass(frozen=True, eq=False)
class Unbuildable:
    """A point of a sweep that is no machine at all, and why; recorded like a simulation that failed.

    settings: what was asked for, as plain data; stands for the machine in the identity.
    """

    settings: Mapping[str, Any]
    error: str
    technology: Technology
    workload: Workload

    @cached_property
    def id(self) -> str:
        """The identity."""
        content = {
            "settings": self.settings,
            "technology": self.technology.sha256,
            "workload": self.workload.sha256,
            "model": MODEL_VERSION,
        }
        return content_hash(content)[:ID_CHARACTERS]


Subject = Point | Unbuildable
"""What an outcome is of."""


@dataclass(frozen=True)
class Outcome:
    """What became of a point. Without an error the rest is filled.

    costs: `accelsim.store.database_tables.COSTS` to number, means per image (and the area).
    utilization: shares between 0 and 1 of the images' summed cycles.
    counts: the fields of `Counts`, exact, summed over layers and images.
    """

    id: str
    error: str | None = None
    costs: Mapping[str, float] = field(default_factory=dict)
    utilization: Mapping[str, float] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
