"""Attacks by name, each with all of its parameters; the ones of the paper, and the ones it should have faced.

    clean           no attack
    fgsm, mifgsm    eps 8/255; MIFGSM: 5 steps of 2/255, decay 1
    pgd20           20 steps of 2/255 from a random point of the ball of eps 8/255
    cw-l2           the L2 attack, c = 1e-4 (torchattacks' default until 3.3), 1,000 steps of 0.01; cw-l2-c1: c = 1
    autoattack      standard AutoAttack; autoattack-rand: its version for random networks
    square          black box, 5,000 queries

Before `pgd`, `fgsm` and `mifgsm` may stand, in this order, `transfer-` (gradients of the undefended network), `eot10-`
(mean gradients of 10 draws of the noise) and `bpda-` (accelsim.nn.attacks.bpda); before `cw-l2` and `square` `eot10-`. After
pgd's steps `-margin` (the loss of Carlini and Wagner instead of cross-entropy) and `-r5` (the best of 5 random starts).
`@12` at the end: eps 12/255.
"""

from __future__ import annotations

import re
from dataclasses import replace

from accelsim.errors import AccelsimError
from accelsim.nn.attacks.attack import Attack, Setting, SignAttack
from accelsim.nn.attacks.autoattack import AutoAttack
from accelsim.nn.attacks.carlini_wagner import CarliniWagner
from accelsim.nn.attacks.linf import Budget
from accelsim.nn.attacks.square import Square

PAPER = ("clean", "pgd20", "fgsm", "mifgsm", "cw-l2", "autoattack")
"""The columns of the paper's tables."""

ADAPTIVE = ("eot10-pgd20", "pgd100-r5", "bpda-pgd20", "eot10-bpda-pgd20", "transfer-pgd20", "square")
"""What a random, quantized defence must face besides."""

MAX_STEPS, MAX_DRAWS, MAX_RESTARTS, MAX_EPS_255 = 100_000, 10_000, 1_000, 255

_NAME = re.compile(
    r"(?P<transfer>transfer-)?(?:eot(?P<draws>\d{1,6})-)?(?P<bpda>bpda-)?"
    r"(?:pgd(?P<steps>\d{1,6})(?P<margin>-margin)?(?:-r(?P<restarts>\d{1,6}))?|(?P<mifgsm>mifgsm)|(?P<fgsm>fgsm))"
)

_EOT = re.compile(r"eot(?P<draws>\d{1,6})-(?P<base>.*)")


def attack_named(name: str) -> Attack:
    """The attack of a name (module docstring). Raises AccelsimError for an unknown name or a number out of range."""
    base, at, amount = name.partition("@")
    if at and not (amount.isascii() and amount.isdigit() and 1 <= int(amount) <= MAX_EPS_255):
        raise AccelsimError(
            f"attack {name!r}: eps is {amount!r}, must be 1 to {MAX_EPS_255} (of 255) after '@'"
        )
    eps = (int(amount) if at else 8) / 255
    fixed: dict[str, Setting] = {
        "clean": None,
        "cw-l2": CarliniWagner(),
        "cw-l2-c1": CarliniWagner(c=1.0),
        "square": Square(eps),
        "autoattack": AutoAttack(eps),
        "autoattack-rand": AutoAttack(eps, "rand"),
    }
    eot = _EOT.fullmatch(base)
    plain = base if eot is None else eot["base"]
    setting = fixed.get(plain)
    if plain in fixed and (eot is None or isinstance(setting, CarliniWagner | Square)):
        if at and not hasattr(setting, "eps"):
            raise AccelsimError(f"attack {name!r}: {plain} has no eps; leave '@{amount}' out")
        if eot is not None and isinstance(setting, CarliniWagner | Square):
            setting = replace(setting, draws=_number(name, "draws", eot["draws"], MAX_DRAWS))
        return Attack(name, setting)
    found = _NAME.fullmatch(base)
    if found is None:
        raise AccelsimError(
            f"attack {name!r} is unknown; allowed: {', '.join(fixed)}, fgsm, mifgsm, pgd20, and these with "
            "transfer-, eot10-, bpda- before, -margin, -r5 after pgd's steps, @12 at the end"
        )
    return Attack(name, _sign_setting(name, found, eps))


def _sign_setting(name: str, found: re.Match[str], eps: float) -> SignAttack:
    def number(group: str, most: int) -> int:
        return 1 if found[group] is None else _number(name, group, found[group], most)

    budget = Budget(eps=eps, step=2 / 255, steps=1, momentum=1.0)
    setting = SignAttack(
        "fgsm",
        replace(budget, step=eps),
        draws=number("draws", MAX_DRAWS),
        bpda=found["bpda"] is not None,
        transfer=found["transfer"] is not None,
    )
    if found["mifgsm"]:
        return replace(setting, method="mifgsm", budget=replace(budget, steps=5))
    if found["steps"]:
        return replace(
            setting,
            method="pgd",
            budget=replace(budget, steps=number("steps", MAX_STEPS)),
            restarts=number("restarts", MAX_RESTARTS),
            loss="margin" if found["margin"] else "cross-entropy",
        )
    return setting


def _number(name: str, field: str, text: str, most: int) -> int:
    if not 1 <= int(text) <= most:
        raise AccelsimError(f"attack {name!r}: {field} is {int(text)}, must be 1 to {most}")
    return int(text)
