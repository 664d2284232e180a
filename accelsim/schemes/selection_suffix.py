"""What the noisy families share in their ids: the criterion of the selection, and the bits of essential neurons."""

from __future__ import annotations

from typing import Any, Literal, get_args

from accelsim.checked_values import shown
from accelsim.errors import AccelsimError

Criterion = Literal["magnitude", "signed", "norm", "normsigned"]
"""By what neurons are ranked: |z~|; z~; |BN(z~)|; BN(z~). BN is the batch norm that follows the layer.

A ReLU after it keeps the order of what it does not cut off, and what it cuts off is ranked by the value before it.
"""

PRECISE_BITS = (16, 8)
"""Bits in which essential neurons may be computed."""

PATTERN = r"(?:-(?P<criterion>signed|normsigned|norm))?(?:-(?P<bits>8)bit)?"
"""What may follow an id of a noisy family; to be read by `from_match`."""

_IN_LABEL = {
    "magnitude": "",
    "signed": ", by signed value",
    "norm": ", after batch norm",
    "normsigned": ", by signed value after batch norm",
}


def from_match(groups: dict[str, str | None]) -> tuple[str, int]:
    """Return the criterion and the bits that the named groups of `PATTERN` say."""
    return groups["criterion"] or "magnitude", int(groups["bits"] or 16)


def check(criterion: object, precise_bits: object) -> None:
    """Raise AccelsimError for a criterion or a number of bits that there is not."""
    if criterion not in get_args(Criterion):
        allowed = ", ".join(f"'{name}'" for name in get_args(Criterion))
        raise AccelsimError(f"scheme: criterion is {shown(criterion)}; allowed: {allowed}")
    if isinstance(precise_bits, bool) or precise_bits not in PRECISE_BITS:
        raise AccelsimError(
            f"scheme: precise_bits is {shown(precise_bits)}; allowed: {', '.join(map(str, PRECISE_BITS))}"
        )


def in_name(criterion: str, precise_bits: int) -> str:
    """Return the end of an id: `-signed-8bit`, or nothing for magnitudes and 16 bits."""
    return ("" if criterion == "magnitude" else f"-{criterion}") + (
        "" if precise_bits == 16 else f"-{precise_bits}bit"
    )


def in_label(criterion: str, precise_bits: int) -> str:
    """Return the same for people."""
    return _IN_LABEL[criterion] + ("" if precise_bits == 16 else f", essential in {precise_bits} bits")


def ranked(values: Any, criterion: str) -> Any:
    """Return what is ranked: the values themselves where the criterion is signed, else their magnitudes."""
    return values if criterion.endswith("signed") else abs(values)
