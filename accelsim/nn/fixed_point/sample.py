"""Input maps of real layers on disk: with a converted checkpoint they make full layers without a data set.

A .npz archive of plain arrays: `header`, one JSON string, and `map0`, `map1`, ...: int16 (C, H, W). The
header holds `format`, `weights_sha256` (the checkpoint's), `dataset`, `image_id` and `maps`: for each map its
scheme, layer, formats (accelsim.nn.fixed_point.from_network.Formats) and the CRC-32 of the z' and mask that the
reference makes of it, so that a reader can tell whether it computes what the writer did.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError
from accelsim.files import readable_file, replaced
from accelsim.nn.fixed_point.fixed_point_reference import FixedResult
from accelsim.nn.fixed_point.from_network import Formats, named_layer, network_operands
from accelsim.nn.fixed_point.layer_operands import CoreOperands
from accelsim.nn.injection.converted_checkpoint import Converted
from accelsim.schemes import Scheme

FORMAT = "accelsim-operands/1"


@dataclass(frozen=True, eq=False)
class SampledMap:
    """One layer's input under one scheme: x int16 (C, H, W), its formats, and `result_crc32` of the run."""

    scheme: Scheme
    layer: str
    formats: Formats
    x: NDArray[np.int16]
    result_crc32: int


@dataclass(frozen=True, eq=False)
class Sample:
    """Maps of one image under the weights of one checkpoint; `path` is for messages."""

    path: Path
    weights_sha256: str
    dataset: str
    image_id: int
    maps: tuple[SampledMap, ...]

    def operands(self, converted: Converted, scheme: str, layer: str) -> CoreOperands:
        """Operands of a sampled layer, with the weights of the checkpoint that the sample belongs to.

        Raises AccelsimError for another checkpoint, or a scheme and layer that were not sampled.
        """
        if converted.weights_sha256 != self.weights_sha256:
            raise AccelsimError(f"{self.path}: made with another checkpoint than the one given")
        each = self.find(scheme, layer)
        return network_operands(named_layer(converted.model, layer), each.x, each.formats, each.scheme)

    def find(self, scheme: str, layer: str) -> SampledMap:
        """The map of `layer` under `scheme` (by name); raises AccelsimError if it was not sampled."""
        for each in self.maps:
            if (each.scheme.name, each.layer) == (scheme, layer):
                return each
        known = ", ".join(f"{each.layer} under {each.scheme.name}" for each in self.maps)
        raise AccelsimError(f"{self.path}: has no {layer} under {scheme}; it has {known}")


def result_crc32(result: FixedResult) -> int:
    """CRC-32 of z' (little-endian words) followed by the mask (one byte a neuron), both (P, n) in C order."""
    words = zlib.crc32(np.ascontiguousarray(result.z.astype("<i2")).tobytes())
    return zlib.crc32(np.ascontiguousarray(result.mask.astype(np.uint8)).tobytes(), words)


def save_sample(
    path: Path, weights_sha256: str, dataset: str, image_id: int, maps: Sequence[SampledMap]
) -> None:
    """Write a sample; the same maps give the same bytes. An existing file is replaced when all is written."""
    entries = [
        {
            "scheme": each.scheme.name,
            "layer": each.layer,
            "formats": asdict(each.formats),
            "result_crc32": each.result_crc32,
        }
        for each in maps
    ]
    header = {
        "format": FORMAT,
        "weights_sha256": weights_sha256,
        "dataset": dataset,
        "image_id": image_id,
        "maps": entries,
    }
    arrays = {f"map{index}": each.x for index, each in enumerate(maps)}
    with replaced(path, regular_only=True) as temporary:
        np.savez_compressed(temporary, header=np.array(json.dumps(header)), **arrays)  # type: ignore[arg-type]


def load_sample(path: Path | str) -> Sample:
    """Read what save_sample wrote; nothing in the file is executed.

    Raises AccelsimError when the file is missing, damaged or of another kind.
    """
    try:
        with np.load(readable_file(path, "sample"), allow_pickle=False) as archive:
            header = json.loads(str(archive["header"]))
            if header.get("format") != FORMAT:
                raise AccelsimError(f"{path}: format is {header.get('format')!r}, must be {FORMAT!r}")
            maps = tuple(
                _sampled_map(entry, archive[f"map{index}"]) for index, entry in enumerate(header["maps"])
            )
            return Sample(
                Path(path), header["weights_sha256"], header["dataset"], int(header["image_id"]), maps
            )
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        reason = " ".join(str(error).split())
        raise AccelsimError(f"{path}: not a readable sample of operands: {reason}") from error


def _sampled_map(entry: dict[str, Any], x: NDArray[np.int16]) -> SampledMap:
    if x.dtype != np.int16 or x.ndim != 3:
        raise ValueError(f"a map is {x.dtype} {x.shape}, must be int16 with 3 axes")
    formats = Formats(**{key: int(value) for key, value in entry["formats"].items()})
    return SampledMap(Scheme.parse(entry["scheme"]), entry["layer"], formats, x, int(entry["result_crc32"]))
