"""The header document as pydantic sees it: keys and types, before `accelsim.trace.header` looks at what they mean."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from accelsim.forms import Form
from accelsim.trace.layer_shape import PAPERS_DENSITY, LayerKind


class _Model(BaseModel):
    # A newer minor version may add fields; this reader passes over them.
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class ApproximationModel(_Model):
    """How a layer is approximated."""

    k: int
    nnz: int
    seed: int
    form: Form = "patch"
    density: float = PAPERS_DENSITY


class LayerModel(_Model):
    """One layer, in the order of execution."""

    name: str
    kind: LayerKind
    c_in: int
    c_out: int
    kernel: list[int]
    stride: list[int]
    padding: list[int]
    dilation: list[int]
    groups: int
    h_in: int
    w_in: int
    h_out: int
    w_out: int
    n: int
    d: int
    macs: int
    approximation: ApproximationModel | None
    steps: int = 1
    noise: bool = False


class SchemeModel(_Model):
    """One scheme, and the accuracy measured under it."""

    name: str
    kind: str
    noise: float
    scope: str | None
    keep: int
    of: int
    criterion: str = "magnitude"
    precise_bits: int = 16
    accuracy: float | None
    accuracy_images: int | None


class MasksModel(_Model):
    """Blocks of the masks of one (scheme, layer)."""

    scheme: str
    layer: str
    images_per_block: int
    crc32: list[int]


class SpikesModel(_Model):
    """Blocks of the input spikes of one layer."""

    layer: str
    images_per_block: int
    crc32: list[int]


class HeaderModel(_Model):
    """The whole document, but for ``format`` and ``version``, which are looked at before."""

    bit_order: Literal["little"]
    position_order: Literal["row-major (h_out, w_out)"]
    network: str
    dataset: str
    image_ids: list[int]
    weights_sha256: str | None
    seeds: dict[str, int]
    tools: dict[str, str]
    notes: str
    layers: list[LayerModel] = Field(min_length=1)
    schemes: list[SchemeModel] = Field(min_length=1)
    masks: list[MasksModel]
    spikes: list[SpikesModel] = Field(default_factory=list)
