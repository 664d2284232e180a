"""What a trace says: a layer's geometry, its approximation, and the noise injection scheme."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from accelsim.errors import AccelsimError
from accelsim.trace.checked_values import MAX_DIMENSION, fraction, pair, shown, whole

LayerKind = Literal["conv", "linear", "current", "spiking"]
SPIKING_KINDS: tuple[LayerKind, ...] = ("current", "spiking")
"""Layers whose outputs are spiking neurons."""

SchemeKind = Literal["dense", "unstructured", "nm"]
Scope = Literal["image", "position", "calibrated"]

SCOPES: tuple[Scope, ...] = ("image", "position", "calibrated")
MAX_GROUP_SIZE = 1024
MAX_SEED = (1 << 64) - 1
MAX_IMAGE_MASK_BYTES = 1 << 30
"""Largest packed mask, or input spikes, of one image of one layer; a block of the file holds at least one image."""

_NM = re.compile(r"nm-([0-9]{1,9})of([0-9]{1,9})")
_UNSTRUCTURED = re.compile(r"unstructured-([0-9]{1,3}(?:\.[0-9]{1,4})?)(?:-(position|calibrated))?")


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """The geometry of one convolution or fully connected layer, and the time steps of its spiking neurons.

    All pairs are (height, width). `padding` is symmetric: that many zeros on both sides.

    kind: "current" and "spiking" are fully connected layers of spiking neurons, made by the constructors of
        these names. A "spiking" layer's inputs are spikes: its positions are time steps, `w_in` of them. The
        inputs of a "current" layer are words that stay the same for all steps: it has one position.
    steps: time steps of the neurons; 1 for other kinds.
    noise: whether every neuron adds a normal random number to its potential in every step.
    Raises AccelsimError for anything impossible (a stride of 0, no output position, ...).
    """

    kind: LayerKind
    c_in: int
    c_out: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    h_in: int
    w_in: int
    steps: int = 1
    noise: bool = False

    def __post_init__(self) -> None:
        kinds = get_args(LayerKind)
        if self.kind not in kinds:
            allowed = ", ".join(f"'{kind}'" for kind in kinds)
            raise AccelsimError(f"layer shape: kind is {shown(self.kind)}; allowed: {allowed}")
        for field in ("c_in", "c_out", "groups", "h_in", "w_in", "steps"):
            number = whole(f"layer shape: {field}", getattr(self, field), 1, MAX_DIMENSION)
            object.__setattr__(self, field, number)
        for field, low in (("kernel", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            two = pair(f"layer shape: {field}", getattr(self, field), low, MAX_DIMENSION)
            object.__setattr__(self, field, two)
        for field in ("c_in", "c_out"):
            if getattr(self, field) % self.groups:
                raise AccelsimError(
                    f"layer shape: {field} {getattr(self, field)} is not a multiple of groups {self.groups}"
                )
        if self.kind == "linear" and not (self._is_fully_connected and self.w_in == 1):
            raise AccelsimError(
                "layer shape: a linear layer has kernel, stride and dilation (1, 1), padding (0, 0), "
                "groups, h_in and w_in 1; use LayerShape.linear"
            )
        self._check_neurons()
        if self.h_out < 1 or self.w_out < 1:
            raise AccelsimError(
                f"layer shape: kernel {self.kernel} with dilation {self.dilation} does not fit "
                f"the padded input {self.h_in + 2 * self.padding[0]} x {self.w_in + 2 * self.padding[1]}"
            )
        if self.positions * self.mask_bytes > MAX_IMAGE_MASK_BYTES:
            raise AccelsimError(
                f"layer shape: {self.positions} positions of {self.n} neurons need more than "
                f"{MAX_IMAGE_MASK_BYTES} mask bytes an image"
            )
        if self.has_spikes and self.positions * self.spike_bytes > MAX_IMAGE_MASK_BYTES:
            raise AccelsimError(
                f"layer shape: {self.positions} steps of {self.d} inputs need more than "
                f"{MAX_IMAGE_MASK_BYTES} spike bytes an image"
            )

    @classmethod
    def linear(cls, in_features: int, out_features: int) -> Self:
        """A fully connected layer: one position, d = in_features, n = out_features."""
        return cls(kind="linear", c_in=in_features, c_out=out_features, kernel=(1, 1), h_in=1, w_in=1)

    @classmethod
    def current(cls, in_features: int, out_features: int, steps: int, *, noise: bool = False) -> Self:
        """Spiking neurons with the same input words in all steps: one position, d = in_features."""
        linear = cls.linear(in_features, out_features)
        return replace(linear, kind="current", steps=steps, noise=noise)

    @classmethod
    def spiking(cls, in_features: int, out_features: int, steps: int, *, noise: bool = False) -> Self:
        """Spiking neurons fed by spikes: a position for each time step, d = in_features bits."""
        linear = cls.linear(in_features, out_features)
        return replace(linear, kind="spiking", w_in=steps, steps=steps, noise=noise)

    @property
    def has_spikes(self) -> bool:
        """Whether the inputs are spikes, so that a trace holds them."""
        return self.kind == "spiking"

    @property
    def spike_bytes(self) -> int:
        """Bytes of one time step's packed input spikes, ceil(d / 8)."""
        return (self.d + 7) // 8

    @property
    def h_out(self) -> int:
        """Rows of the output map."""
        return self._out(self.h_in, 0)

    @property
    def w_out(self) -> int:
        """Columns of the output map."""
        return self._out(self.w_in, 1)

    @property
    def positions(self) -> int:
        """Output pixels per image, h_out * w_out; 1 for a linear layer."""
        return self.h_out * self.w_out

    @property
    def d(self) -> int:
        """Inputs of one neuron: c_in / groups * kernel height * kernel width."""
        return self.c_in // self.groups * self.kernel[0] * self.kernel[1]

    @property
    def n(self) -> int:
        """Neurons (output channels) per position."""
        return self.c_out

    @property
    def macs(self) -> int:
        """Multiply-accumulates per image of the dense layer."""
        return self.positions * self.n * self.d

    @property
    def mask_bytes(self) -> int:
        """Bytes of one position's packed mask, ceil(n / 8)."""
        return (self.n + 7) // 8

    @property
    def _is_fully_connected(self) -> bool:
        ones = (self.kernel, self.stride, self.dilation, (self.groups, self.h_in))
        return all(two == (1, 1) for two in ones) and self.padding == (0, 0)

    def _check_neurons(self) -> None:
        """Raise AccelsimError for time steps and noise that do not fit the kind."""
        if not isinstance(self.noise, bool):
            raise AccelsimError(f"layer shape: noise is {shown(self.noise)}; allowed: true, false")
        if self.kind not in SPIKING_KINDS:
            if self.steps != 1 or self.noise:
                raise AccelsimError(f"layer shape: a layer of kind {self.kind} has 1 step and no noise")
            return
        positions = self.steps if self.has_spikes else 1
        if not self._is_fully_connected:
            raise AccelsimError(
                f"layer shape: a {self.kind} layer has kernel, stride and dilation (1, 1), padding (0, 0), "
                f"groups and h_in 1; use LayerShape.{self.kind}"
            )
        if self.w_in != positions:
            raise AccelsimError(
                f"layer shape: a {self.kind} layer of {self.steps} steps has w_in {positions}, not {self.w_in}"
            )

    def _out(self, size_in: int, axis: int) -> int:
        reach = self.dilation[axis] * (self.kernel[axis] - 1) + 1
        return (size_in + 2 * self.padding[axis] - reach) // self.stride[axis] + 1


@dataclass(frozen=True)
class Approximation:
    """The cheap approximation z~ = W~ P x + b~ of a layer (one P shared by all groups of a grouped conv).

    k: rows of the ternary P (k x d). nnz: its entries that are not zero. seed: what P was drawn from.
    """

    k: int
    nnz: int
    seed: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole("approximation: k", self.k, 1, MAX_DIMENSION))
        object.__setattr__(self, "nnz", whole("approximation: nnz", self.nnz, 0, MAX_DIMENSION**2))
        object.__setattr__(self, "seed", whole("approximation: seed", self.seed, 0, MAX_SEED))

    def check_fits(self, shape: LayerShape) -> None:
        """Raise AccelsimError if P (k x d) has fewer than nnz entries, or the layer is of spiking neurons."""
        if shape.kind in SPIKING_KINDS:
            raise AccelsimError(f"approximation: a layer of kind {shape.kind} has none")
        if self.nnz > self.k * shape.d:
            raise AccelsimError(
                f"approximation: nnz {self.nnz} is more than P has entries ({self.k} x {shape.d})"
            )


@dataclass(frozen=True)
class Scheme:
    """Which neurons stay essential. Use the constructors `dense`, `unstructured`, `nm`, or `parse`.

    kind: "dense" (all neurons precise, nothing approximated), "unstructured" or "nm".
    noise: fraction of neurons that get noise (their approximation instead of the precise value), 0..1,
        kept to six decimals for "unstructured"; 1 - keep / of for "nm"; 0 for "dense".
    scope: what the ratio of "unstructured" holds over: each "image" (of a layer), each "position", or the
        "calibrated" set that a fixed threshold was chosen on. None for the other kinds.
    keep, of: essential neurons in each group of `of` consecutive output channels, of "nm"; 0 otherwise.
        Groups restart at every group of a grouped convolution; a partial last group of m members keeps
        min(keep, m).
    """

    kind: SchemeKind
    noise: float = 0.0
    scope: Scope | None = None
    keep: int = 0
    of: int = 0

    def __post_init__(self) -> None:
        if self.kind == "unstructured":
            object.__setattr__(self, "noise", round(fraction("scheme: noise", self.noise), 6))
            if self.scope not in SCOPES:
                allowed = ", ".join(f"'{scope}'" for scope in SCOPES)
                raise AccelsimError(f"scheme: scope is {shown(self.scope)}; allowed: {allowed}")
            if self.keep or self.of:
                raise AccelsimError("scheme: an unstructured scheme has no keep and of")
        elif self.kind == "nm":
            of = whole("scheme: of", self.of, 1, MAX_GROUP_SIZE)
            keep = whole("scheme: keep", self.keep, 1, of)
            object.__setattr__(self, "of", of)
            object.__setattr__(self, "keep", keep)
            if self.scope is not None:
                raise AccelsimError("scheme: an N:M scheme has no scope")
            if self.noise not in (0.0, 1 - keep / of):
                raise AccelsimError(f"scheme: noise is {shown(self.noise)}, but {keep}:{of} kept sets it")
            object.__setattr__(self, "noise", 1 - keep / of)
        elif self.kind == "dense":
            if self.noise or self.scope or self.keep or self.of:
                raise AccelsimError("scheme: a dense scheme has no noise, scope, keep and of")
        else:
            allowed = "'dense', 'unstructured', 'nm'"
            raise AccelsimError(f"scheme: kind is {shown(self.kind)}; allowed: {allowed}")

    @classmethod
    def dense(cls) -> Self:
        """Every neuron precise; nothing is projected, approximated or selected."""
        return cls("dense")

    @classmethod
    def unstructured(cls, noise: float, scope: Scope = "image") -> Self:
        """A fraction `noise` of the neurons, wherever they are, gets noise."""
        return cls("unstructured", noise=noise, scope=scope)

    @classmethod
    def nm(cls, keep: int, of: int) -> Self:
        """Exactly `keep` essential neurons in every group of `of` output channels."""
        return cls("nm", keep=keep, of=of)

    @classmethod
    def parse(cls, name: str) -> Self:
        """The scheme of a name: the inverse of `name`. AccelsimError if it is none."""
        if name == "dense":
            return cls.dense()
        if match := _NM.fullmatch(name):
            return cls.nm(keep=int(match[1]), of=int(match[2]))
        if match := _UNSTRUCTURED.fullmatch(name):
            scope: Scope = "position" if match[2] == "position" else "calibrated" if match[2] else "image"
            return cls.unstructured(noise=round(float(match[1]) / 100, 6), scope=scope)
        raise AccelsimError(
            f"scheme {shown(name)} is unknown; allowed: 'dense', 'unstructured-90' (per cent noise; "
            "'-position' or '-calibrated' may follow), 'nm-1of8' (kept)"
        )

    @property
    def name(self) -> str:
        """Unique in a file: 'dense', 'unstructured-87.5', 'unstructured-90-position', 'nm-1of8'."""
        if self.kind == "nm":
            return f"nm-{self.keep}of{self.of}"
        if self.kind == "unstructured":
            return f"unstructured-{self._percent}" + ("" if self.scope == "image" else f"-{self.scope}")
        return "dense"

    @property
    def label(self) -> str:
        """For people: '1:8 kept (noise 7:8)', '90 % noise, unstructured', 'dense'."""
        if self.kind == "nm":
            return f"{self.keep}:{self.of} kept (noise {self.of - self.keep}:{self.of})"
        if self.kind == "unstructured":
            extra = {"position": ", per position", "calibrated": ", calibrated threshold"}
            return f"{self._percent} % noise, unstructured" + extra.get(self.scope or "", "")
        return "dense"

    @property
    def _percent(self) -> str:
        return f"{round(self.noise * 100, 4):g}"


@dataclass(frozen=True)
class LayerInfo:
    """A layer as the file's table lists it, in execution order. approximation None: always dense."""

    name: str
    index: int
    shape: LayerShape
    approximation: Approximation | None

    def is_dense(self, scheme: Scheme) -> bool:
        """True if this layer has no masks under `scheme`: every neuron is computed precisely."""
        return scheme.kind == "dense" or self.approximation is None
