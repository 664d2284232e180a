"""What the core computes with: the integers of one layer, in the order in which the core fetches them.

A row of d words is ordered (kernel row, kernel column, channel): word (i * kw + j) * C + c multiplies
channel c of the input pixel under kernel element (i, j). Channels are innermost because a fetch brings
neighbouring channels of one pixel. The k codes y of a patch have the same order with the forms none and pixel, with
the channels of the code map for those of x.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accelsim.errors import AccelsimError
from accelsim.forms import Form
from accelsim.nn.fixed_point.formats import (
    CODE_MAX,
    MAX_D,
    MULTIPLIER_MAX,
    OPERAND_RANGES,
    SHIFT_MAX,
    TERM_LIMIT,
    WORD_MAX,
    WORD_MIN,
)
from accelsim.nn.layers.projection_forms import FORMS

MIN_THRESHOLD, MAX_THRESHOLD = -65536, 65535


@dataclass(frozen=True)
class Threshold:
    """Essential is a score >= value, a register of -65,536 (all essential) to 65,535 (none can be)."""

    value: int


@dataclass(frozen=True)
class KeepLargest:
    """Essential are the `keep` largest scores of `of` consecutive rows; a short last group keeps min(keep, members)."""

    keep: int
    of: int


@dataclass(frozen=True, eq=False)
class Scale:
    """Scores of scaled z~: v = saturate((z~ * multiplier + term + half) >> shift), by row.

    - `multipliers`: int64 (n,), signed words; `terms`: int64 (n,); `shift`: 0 to 46.
    """

    multipliers: NDArray[np.int64]
    terms: NDArray[np.int64]
    shift: int


@dataclass(frozen=True, eq=False)
class NoiseOperands:
    """What the noise z~ of a layer is computed from.

    - `form`: of the approximation (accelsim.nn.layers.projection).
    - `signs`: int8, P's entries -1, 0, 1: (k, d) of a patch, in the order of a row's words; (k_c, C) of a pixel; (0, d)
      with the form none.
    - `y_multiplier`, `y_shift`: y code = clamp((P x * y_multiplier + half) >> y_shift, -7, 7), x itself with none.
    - `codes`: int8 (n, k), W~ as INT4 codes.
    - `terms`: int64 (n,), b~; `multipliers`: int64 (n,); `shift`:
      z~ = saturate((sum * multiplier + term + half) >> shift), with a row's own multiplier and term.
    - `selection`: which neurons are essential; None: no neuron is, and W is not used.
    - `scale`: of the scores; None where the score is of z~ itself. `signed`: the score is the value and not its magnitude.
    """

    signs: NDArray[np.int8]
    y_multiplier: int
    y_shift: int
    codes: NDArray[np.int8]
    multipliers: NDArray[np.int64]
    terms: NDArray[np.int64]
    shift: int
    selection: Threshold | KeepLargest | None
    form: Form = "patch"
    scale: Scale | None = None
    signed: bool = False

    @property
    def k(self) -> int:
        """Codes y of a patch."""
        return int(self.codes.shape[1])


@dataclass(frozen=True, eq=False)
class CoreOperands:
    """One layer, or one group of a grouped convolution, on one input map.

    - `x`: int16 (C, H, W); a fully connected layer has H = W = 1.
    - `kernel`, `stride`, `padding`: (height, width); padding is zeros on both sides.
    - `w`: int16 (n, d), d = kernel height * kernel width * C; `terms`: int64 (n,), the bias;
      `shift`: z = saturate((psum + term + half) >> shift).
    - `noise`: None for a dense layer, in which every neuron is essential.
    - `precise_bits`: 16, 8 or 4, of x and of w: words, integers of -128 to 127, codes of -7 to 7.
    - `multipliers`: int64 (n,), with less than 16 bits: z = saturate((psum * multiplier + term + half) >> shift);
      None with 16.

    half is 2**(shift - 1), 0 for shift 0. Raises AccelsimError where shapes do not fit each other or a
    number lies outside its range (docs/machine.md, section 11).
    """

    x: NDArray[np.int16]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]
    w: NDArray[np.int16]
    terms: NDArray[np.int64]
    shift: int
    noise: NoiseOperands | None = None
    precise_bits: int = 16
    multipliers: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.precise_bits not in OPERAND_RANGES:
            raise AccelsimError(f"operands: precise_bits is {self.precise_bits}, must be 16, 8 or 4")
        for name, value, axes in (("x", self.x, 3), ("w", self.w, 2)):
            _array(name, value, np.int16, axes)
            if value.size:
                _range(name, value, *OPERAND_RANGES[self.precise_bits])
        if min(*self.x.shape, *self.w.shape) < 1:
            raise AccelsimError(f"operands: x {self.x.shape} and w {self.w.shape} must not be empty")
        for name, pair, low in (
            ("kernel", self.kernel, 1),
            ("stride", self.stride, 1),
            ("padding", self.padding, 0),
        ):
            if len(pair) != 2 or min(pair) < low:
                raise AccelsimError(f"operands: {name} is {pair}, must be two whole numbers from {low}")
        if self.d != self.x.shape[0] * self.kernel[0] * self.kernel[1] or self.d > MAX_D:
            raise AccelsimError(
                f"operands: rows of w have {self.d} words, must be channels x kernel = "
                f"{self.x.shape[0]} x {self.kernel[0]} x {self.kernel[1]} and at most {MAX_D}"
            )
        if min(self.h_out, self.w_out) < 1:
            raise AccelsimError(f"operands: kernel {self.kernel} does not fit the padded map {self.x.shape}")
        _array("terms", self.terms, np.int64, 1, (self.n,))
        _range("terms", self.terms, 1 - TERM_LIMIT, TERM_LIMIT - 1)
        _range("shift", self.shift, 0, SHIFT_MAX)
        if (self.multipliers is None) != (self.precise_bits == 16):
            raise AccelsimError("operands: multipliers are for 8 and 4 bits, and needed there")
        if self.multipliers is not None:
            _array("row multipliers", self.multipliers, np.int64, 1, (self.n,))
            _range("row multipliers", self.multipliers, 0, MULTIPLIER_MAX)
        if self.noise is not None:
            _check_noise(self.noise, self.n, self.d, self.d // self.x.shape[0])
            if self.noise.selection is None and self.precise_bits != 16:
                raise AccelsimError("operands: x has 16 bits where no neuron is essential")

    @property
    def n(self) -> int:
        """Rows: neurons of a position."""
        return int(self.w.shape[0])

    @property
    def d(self) -> int:
        """Words of a row."""
        return int(self.w.shape[1])

    @property
    def k(self) -> int:
        """Codes y of a patch; 0 for a dense layer."""
        return 0 if self.noise is None else self.noise.k

    @property
    def nnz(self) -> int:
        """Entries of P that are not zero; 0 for a dense layer."""
        return 0 if self.noise is None else int(np.count_nonzero(self.noise.signs))

    @property
    def h_out(self) -> int:
        """Rows of the output map."""
        return self._out(0)

    @property
    def w_out(self) -> int:
        """Columns of the output map."""
        return self._out(1)

    @property
    def positions(self) -> int:
        """Output pixels, row-major."""
        return self.h_out * self.w_out

    @property
    def essential_bits(self) -> int:
        """Bits of an essential neuron's operands; 0 where none is essential (b of docs/machine.md)."""
        nothing = self.noise is not None and self.noise.selection is None
        return 0 if nothing else self.precise_bits

    def projected_words(self) -> NDArray[np.int16]:
        """The words that P meets, one row per projection: the patches, or with the form pixel the pixels (H * W, C)."""
        if self.noise is None or self.noise.form == "patch":
            return self.patches()
        return np.ascontiguousarray(self.x.reshape(len(self.x), -1).T)

    def patches(self) -> NDArray[np.int16]:
        """The words under the kernel at every position: int16 (positions, d), 0 in the padding."""
        (vertical, horizontal), (down, right) = self.padding, self.stride
        padded = np.pad(self.x, ((0, 0), (vertical, vertical), (horizontal, horizontal)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.kernel, axis=(1, 2))
        # (channel, row, column, kernel row, kernel column) to (row, column, kernel row, kernel column, channel)
        ordered = windows[:, ::down, ::right].transpose(1, 2, 3, 4, 0)
        return np.ascontiguousarray(ordered.reshape(self.positions, self.d))

    def _out(self, axis: int) -> int:
        size = int(self.x.shape[1 + axis])
        return (size + 2 * self.padding[axis] - self.kernel[axis]) // self.stride[axis] + 1


def _check_noise(noise: NoiseOperands, n: int, d: int, taps: int) -> None:
    if noise.form not in FORMS:
        raise AccelsimError(f"operands: form is {noise.form!r}, must be one of {', '.join(FORMS)}")
    _array("signs", noise.signs, np.int8, 2)
    rows, columns = noise.signs.shape
    k, wanted = {
        "none": (d, (0, d)),
        "pixel": (taps * rows, (max(rows, 1), d // taps)),
        "patch": (rows, (max(rows, 1), d)),
    }[noise.form]
    if (rows, columns) != wanted:
        raise AccelsimError(
            f"operands: signs are {noise.signs.shape}, must be {wanted} with the form {noise.form}, d = {d} and "
            f"{taps} kernel elements"
        )
    if noise.signs.size:
        _range("signs", noise.signs, -1, 1)
    _array("codes", noise.codes, np.int8, 2, (n, k))
    _range("codes", noise.codes, -CODE_MAX, CODE_MAX)
    _array("multipliers", noise.multipliers, np.int64, 1, (n,))
    _range("multipliers", noise.multipliers, 0, MULTIPLIER_MAX)
    _array("noise terms", noise.terms, np.int64, 1, (n,))
    _range("noise terms", noise.terms, 1 - TERM_LIMIT, TERM_LIMIT - 1)
    _range("y_multiplier", noise.y_multiplier, 0, MULTIPLIER_MAX)
    _range("y_shift", noise.y_shift, 0, SHIFT_MAX)
    _range("noise shift", noise.shift, 0, SHIFT_MAX)
    if isinstance(noise.selection, Threshold):
        _range("threshold", noise.selection.value, MIN_THRESHOLD, MAX_THRESHOLD)
    elif noise.selection is not None:
        _range("keep", noise.selection.keep, 1, noise.selection.of)
    if noise.scale is not None:
        _array("score multipliers", noise.scale.multipliers, np.int64, 1, (n,))
        _range("score multipliers", noise.scale.multipliers, WORD_MIN, WORD_MAX)
        _array("score terms", noise.scale.terms, np.int64, 1, (n,))
        _range("score terms", noise.scale.terms, 1 - TERM_LIMIT, TERM_LIMIT - 1)
        _range("score shift", noise.scale.shift, 0, SHIFT_MAX)


def _array(
    name: str, value: object, dtype: type[np.integer], axes: int, shape: tuple[int, ...] | None = None
) -> None:
    if not isinstance(value, np.ndarray) or value.dtype != dtype or value.ndim != axes:
        raise AccelsimError(f"operands: {name} must be a NumPy array of {dtype.__name__} with {axes} axes")
    if shape is not None and value.shape != shape:
        raise AccelsimError(f"operands: {name} is {value.shape}, must be {shape}")


def _range(name: str, value: int | NDArray[np.integer], low: int, high: int) -> None:
    least, most = int(np.min(value)), int(np.max(value))
    if least < low or most > high:
        raise AccelsimError(f"operands: {name} reaches from {least} to {most}, must be {low} to {high}")
