"""What a trace says of a layer: its geometry, and its approximation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

from accelsim.checked_values import MAX_DIMENSION, fraction, pair, shown, whole
from accelsim.errors import AccelsimError
from accelsim.forms import Form
from accelsim.schemes import Scheme

LayerKind = Literal["conv", "linear", "current", "spiking"]
SPIKING_KINDS: tuple[LayerKind, ...] = ("current", "spiking")
"""Layers whose outputs are spiking neurons."""

PAPERS_DENSITY = 1 / 3
"""Share of P's entries that are expected not to be zero: 1 / s with s = 3 (paper, section 3.3)."""

MAX_SEED = (1 << 64) - 1
MAX_IMAGE_MASK_BYTES = 1 << 27
"""Most packed masks and input spikes of one image, of a layer and of all layers: they are in memory together."""


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
    def taps(self) -> int:
        """Elements of the kernel, kernel height * kernel width."""
        return self.kernel[0] * self.kernel[1]

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
    def image_bytes(self) -> int:
        """Bytes of one image's packed masks and input spikes."""
        return self.positions * (self.mask_bytes + self.spike_bytes * self.has_spikes)

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
    """The cheap approximation z~ = W~ y + b~ of a layer, y = P x in INT4 (one P shared by all groups of a grouped conv).

    Attributes:
        k: Values of y that a position has.
        nnz: Entries of the ternary P that are not zero. Of form `pixel` those of the k / taps rows that every pixel's
            channels meet; 0 for form `none`.
        seed: What P was drawn from.
        form: `none`: y is x, k = d. `pixel`: P has a row for every value of a pixel, and every kernel element meets the
            same rows: k = taps * rows. `patch`: P is k x d (paper, section 3.1).
        density: Share of P's entries that are expected not to be zero; above 0, at most 1.
    """

    k: int
    nnz: int
    seed: int
    form: Form = "patch"
    density: float = PAPERS_DENSITY

    def __post_init__(self) -> None:
        object.__setattr__(self, "k", whole("approximation: k", self.k, 1, MAX_DIMENSION))
        object.__setattr__(self, "nnz", whole("approximation: nnz", self.nnz, 0, MAX_DIMENSION**2))
        object.__setattr__(self, "seed", whole("approximation: seed", self.seed, 0, MAX_SEED))
        if self.form not in get_args(Form):
            allowed = ", ".join(f"'{form}'" for form in get_args(Form))
            raise AccelsimError(f"approximation: form is {shown(self.form)}; allowed: {allowed}")
        object.__setattr__(self, "density", fraction("approximation: density", self.density))
        if self.density == 0:
            raise AccelsimError("approximation: density is 0; allowed: above 0, at most 1")

    @property
    def is_papers(self) -> bool:
        """Whether P is as the paper draws it: of whole patches, a third of it not zero."""
        return self.form == "patch" and self.density == PAPERS_DENSITY

    def document(self) -> dict[str, int | float | str]:
        """Return the fields as a header and a result's identity have them: those that came later only where they differ."""
        fields: dict[str, int | float | str] = {"k": self.k, "nnz": self.nnz, "seed": self.seed}
        return fields if self.is_papers else fields | {"form": self.form, "density": self.density}

    def values_per_pixel(self, shape: LayerShape) -> int:
        """Return the values of y that an input pixel has in each group (forms `none` and `pixel`): k / taps."""
        return self.k // shape.taps

    def check_fits(self, shape: LayerShape) -> None:
        """Raise AccelsimError for sizes that the layer cannot have, or a layer of spiking neurons."""
        if shape.kind in SPIKING_KINDS:
            raise AccelsimError(f"approximation: a layer of kind {shape.kind} has none")
        if self.form == "none" and (self.k, self.nnz, self.seed) != (shape.d, 0, 0):
            raise AccelsimError(
                f"approximation: form none has k = d = {shape.d}, nnz 0 and seed 0, "
                f"not k {self.k}, nnz {self.nnz}, seed {self.seed}"
            )
        if self.form == "pixel" and self.k % shape.taps:
            raise AccelsimError(
                f"approximation: form pixel has as many values for each of the {shape.taps} kernel elements; k is {self.k}"
            )
        rows, columns = (self.k, shape.d)
        if self.form == "pixel":
            rows, columns = self.values_per_pixel(shape), shape.d // shape.taps
        if self.nnz > rows * columns:
            raise AccelsimError(
                f"approximation: nnz {self.nnz} is more than P has entries ({rows} x {columns})"
            )


@dataclass(frozen=True)
class LayerInfo:
    """A layer as the file's table lists it, in execution order. approximation None: always dense."""

    name: str
    index: int
    shape: LayerShape
    approximation: Approximation | None

    def is_dense(self, scheme: Scheme) -> bool:
        """Return True if nothing of this layer is approximated under `scheme`: every neuron is computed precisely."""
        return not scheme.approximates or self.approximation is None

    def has_masks(self, scheme: Scheme) -> bool:
        """Return True if a trace holds masks of this layer under `scheme`."""
        return scheme.has_masks and not self.is_dense(scheme)
