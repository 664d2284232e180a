"""Attacks by name, as tables and command lines know them: what is done, and how the attacker sees the network.

    clean           no attack
    fgsm, mifgsm    eps 8/255; MIFGSM: 5 steps of 2/255, decay 1
    pgd20           20 steps of 2/255 from a random point of the ball of eps 8/255; bim20: from the image
    dim, tim        MIFGSM with diverse inputs, with translation-invariant gradients
    cw-l2           the L2 attack, c = 1e-4 (torchattacks' default until 3.3), 1,000 steps of 0.01; cw-l2-c1: c = 1
    autoattack      standard AutoAttack; autoattack-rand: its version for random networks
    square          black box, 5,000 queries
    nattack         black box, 50 rounds of 100 samples; nattack-pixels: in the space of pixels

Before a name may stand, in this order, `transfer-` (gradients of the undefended network), `eot10-` (the mean over 10 draws
of the noise) and `bpda-` (accelsim.nn.attacks.bpda), as far as the attack has a use for it (`Attack.prefixes`). After the
steps of pgd `-margin` (the loss of Carlini and Wagner instead of cross-entropy) and `-r5` (the best of 5 random starts).
`@12` at the end: eps 12/255. The names themselves are registered in each attack's file (accelsim.nn.attacks.registry).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor

from accelsim.errors import AccelsimError
from accelsim.nn.attacks.attack import Attack, check_attackable, within_bounds
from accelsim.nn.attacks.registry import check_number, find, registrations
from accelsim.nn.attacks.target import Target, Treatment

PAPER = ("clean", "pgd20", "fgsm", "mifgsm", "cw-l2", "autoattack")
"""The columns of the paper's tables."""

ADAPTIVE = ("eot10-pgd20", "pgd100-r5", "bpda-pgd20", "eot10-bpda-pgd20", "transfer-pgd20", "square")
"""What a random, quantized defence must face besides."""

SETS = {"paper": PAPER, "adaptive": ADAPTIVE, "all": (*PAPER, *ADAPTIVE)}

MAX_DRAWS, MAX_EPS_255 = 10_000, 255

_PREFIXES = re.compile(
    r"(?P<transfer>transfer-)?(?:eot(?P<eot>\d{1,6})-)?(?P<bpda>bpda-)?(?P<base>.*)", re.ASCII | re.DOTALL
)

Box = Literal["none", "white", "black"]


@dataclass(frozen=True)
class NamedAttack:
    """An attack with the name that tables have for it, and how the attacker sees the network.

    Attributes:
        draws: Draws of the noise that the attacker averages (EOT).
        treatment: How gradients pass quantization and masks.
        transfer: Whether another network is attacked, and the images are carried over.
    """

    name: str
    attack: Attack
    draws: int = 1
    treatment: Treatment = "straight-through"
    transfer: bool = False

    @property
    def box(self) -> Box:
        """Black if the attacker sees no gradients of the network."""
        if self.attack.bound == 0.0:
            return "none"
        return "white" if self.attack.needs_gradient and not self.transfer else "black"

    @property
    def eps(self) -> float | None:
        """Largest change of a pixel; None if unbounded, 0 for no attack."""
        return self.attack.bound

    def parameters(self) -> dict[str, Any]:
        """Return all that decides its images, for JSON."""
        view = {"draws": self.draws, "treatment": self.treatment, "transfer": self.transfer}
        return {"kind": type(self.attack).__name__, **self.attack.parameters(), **view}

    def __call__(
        self, target: Target, substitute: Target, x: Tensor, labels: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Return the attacked images, shaped as x.

        Args:
            target: The network under attack.
            substitute: The undefended network, for transfer attacks.
            x: Images (N, channels, h, w) in [0, 1].
            labels: int64 (N,).
            generator: Of the CPU.

        Raises:
            AccelsimError: The network is in training mode, x is outside [0, 1], or the attack left its bound.
        """
        check_attackable(f"attack {self.name}", target.network, x, labels)
        attacked = substitute if self.transfer else target
        seen = Target(attacked.network, self.draws, self.treatment)
        return within_bounds(self.name, self.eps, x, self.attack.perturb(seen, x, labels, generator))


def attack_named(name: str) -> NamedAttack:
    """Return the attack of a name (module docstring).

    Raises:
        AccelsimError: The name is unknown, a number in it is out of range, or a prefix is of no use to the attack.
    """
    front, at, amount = name.partition("@")
    if at and not (amount.isascii() and amount.isdigit() and 1 <= int(amount) <= MAX_EPS_255):
        raise AccelsimError(
            f"attack {name!r}: eps is {amount!r}, must be 1 to {MAX_EPS_255} (of 255) after '@'"
        )
    prefixes = _PREFIXES.fullmatch(front)
    assert prefixes is not None  # its last group takes anything
    registered = find(prefixes["base"])
    given = {prefix for prefix in ("transfer", "eot", "bpda") if prefixes[prefix] is not None}
    if registered is None or not given <= set(registered[0].kind.prefixes):
        raise AccelsimError(
            f"attack {name!r} is unknown; allowed: {', '.join(names())}, and before those that take it transfer-, eot10-, "
            "bpda-, and @12 at the end"
        )
    registration, numbers = registered
    if at and "eps" not in {each.name for each in fields(registration.kind)}:
        raise AccelsimError(f"attack {name!r}: {registration.template} has no eps; leave '@{amount}' out")
    draws = 1 if prefixes["eot"] is None else int(prefixes["eot"])
    check_number(name, "draws", draws, MAX_DRAWS)
    return NamedAttack(
        name,
        registration.build(name, numbers, {"eps": int(amount) / 255} if at else {}),
        draws,
        "bpda" if prefixes["bpda"] else "straight-through",
        prefixes["transfer"] is not None,
    )


def names() -> list[str]:
    """Return all registered names, sorted, with `<steps>` where a number stands."""
    return sorted(each.template.replace("{", "<").replace("}", ">") for each in registrations())


def attacks_of(parts: Iterable[str]) -> tuple[NamedAttack, ...]:
    """Return attacks by name or name of a set (SETS), in order, each once.

    Raises:
        AccelsimError: A name is unknown.
    """
    every = [name for part in parts for name in SETS.get(part, (part,))]
    return tuple(attack_named(name) for name in dict.fromkeys(every))
