"""What is evaluated of one checkpoint: a scheme, a control, and what is random about P; as a network and as a name."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from accelsim.errors import AccelsimError, suggestion
from accelsim.nn.base.random_module import RandomModule, is_random
from accelsim.nn.injection.controls import CONTROLS, set_control
from accelsim.nn.injection.conversion import non_essential_layers, set_scheme
from accelsim.nn.injection.redrawn import redrawn
from accelsim.trace import Scheme

PROJECTIONS = ("fixed", "refit", "projected")
"""P as it was drawn; redrawn at every pass, W~ refitted or projected (accelsim.nn.injection.redrawn)."""


@dataclass(frozen=True)
class Variant:
    """One row of the tables. `dense` is the undefended network."""

    scheme: Scheme
    control: str = "none"
    projection: str = "fixed"

    @property
    def name(self) -> str:
        """`unstructured-90`, `nm-1of8+zeros`, `unstructured-90+refit`."""
        extra = [part for part in (self.control, self.projection) if part not in ("none", "fixed")]
        return "+".join([self.scheme.name, *extra])

    def is_random(self, model: nn.Module) -> bool:
        """True if the variant of `model` draws at every pass."""
        return (
            self.projection != "fixed" or issubclass(CONTROLS[self.control], RandomModule) or is_random(model)
        )

    @classmethod
    def parse(cls, name: str) -> Variant:
        """The inverse of `name`. Raises AccelsimError for anything else."""
        scheme, *extra = name.split("+")
        control, projection = "none", "fixed"
        for part in extra:
            if part in CONTROLS and part != "none" and control == "none":
                control = part
            elif part in PROJECTIONS and part != "fixed" and projection == "fixed":
                projection = part
            else:
                allowed = [each for each in (*CONTROLS, *PROJECTIONS) if each not in ("none", "fixed")]
                raise AccelsimError(f"variant {name!r}: {part!r}; {suggestion(part, allowed)}")
        variant = cls(Scheme.parse(scheme), control, projection)
        if variant.scheme.is_dense and extra:
            raise AccelsimError(
                f"variant {name!r}: a dense scheme approximates nothing; leave '+{extra[0]}' out"
            )
        return variant

    def network(
        self, model: nn.Module, batches: Iterable[Tensor] = (), seed: int = 0, pool: int = 2
    ) -> nn.Module:
        """A copy of a converted `model` that runs as this variant.

        batches: calibration images, for `refit`. pool: draws of P that a redrawn variant has, from `seed`.

        A model without converted layers (a baseline) is taken as it is, and must be `dense`.
        """
        if not any(True for _ in non_essential_layers(model)):
            if not self.scheme.is_dense:
                raise AccelsimError(
                    f"variant {self.name!r}: the checkpoint is not converted, so it must be 'dense'"
                )
            return copy.deepcopy(model).eval()
        other = set_control(set_scheme(copy.deepcopy(model), self.scheme), self.control)
        if self.projection == "refit":
            other = redrawn(other, pool, method="refit", batches=batches, seed=seed)
        elif self.projection == "projected":
            other = redrawn(other, pool, method="projected", seed=seed)
        return other.eval().requires_grad_(False)


def product(
    schemes: Sequence[str], controls: Sequence[str] = ("none",), projections: Sequence[str] = ("fixed",)
) -> list[Variant]:
    """Every scheme with every control and projection; `dense`, which has neither, once."""
    found: list[Variant] = []
    for scheme in map(Scheme.parse, schemes):
        for control in controls:
            for projection in projections:
                variant = Variant(scheme) if scheme.is_dense else Variant(scheme, control, projection)
                if Variant.parse(variant.name) not in found:
                    found.append(variant)
    return found
