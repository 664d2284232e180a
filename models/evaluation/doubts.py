"""What makes the accuracies of an evaluation doubtful: signs of obscured gradients, and attacks that were not run.

The signs are those of Athalye et al. (2018), section 3.1, and Carlini et al. (2019): black-box attacks that do more harm
than white-box ones, attacks that try harder and do less, and gradients that get better by going round the defence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np

from accelsim.files import removed, replaced
from accelsim.nn.attacks.attack import Attack, SignAttack
from accelsim.nn.attacks.autoattack import AutoAttack
from accelsim.nn.attacks.catalogue import attack_named
from models.evaluation.record import Rights
from models.evaluation.tables import Numbers, is_bounded

_NEVER_BELOW = 1e-9
_BEYOND_CHANCE = 2.0
"""Standard errors of a mean of paired differences that one attack must leave more than another."""


def doubts_of(
    variant: str, rights: Mapping[str, Rights], *, is_random: bool, is_approximated: bool
) -> list[str]:
    """One line for each doubt about a variant's accuracies, most serious first.

    rights: by name of attack, of the same images. is_random: it draws at every pass. is_approximated: it has quantized
    neurons and a mask, so its gradients are straight-through estimates.
    """
    found = [*signs_of(rights), *gaps_of(rights, is_random, is_approximated)]
    return [f"{variant}: {doubt}" for doubt in found]


def signs_of(rights: Mapping[str, Rights]) -> list[str]:
    """One line for each sign that gradients are obscured; rights: by name of attack, of the same images."""
    met = {name: attack_named(name) for name in rights}
    return [
        *_black_beats_white(met, rights),
        *_tries_harder_and_does_less(met, rights),
        *_goes_round_the_defence(met, rights),
    ]


def gaps_of(attacks: Iterable[str], is_random: bool, is_approximated: bool) -> list[str]:
    """One line for each thing that these attacks leave untried; the flags are those of `doubts_of`."""
    met = {name: attack_named(name) for name in attacks}
    return [*_random_networks(met, is_random), *_not_run(met, is_random, is_approximated)]


def write_doubts(path: Path, doubts: Sequence[str]) -> None:
    """A line for each; no file where there are none, not even one of an earlier call."""
    if not doubts:
        removed(path)
        return
    with replaced(path) as temporary:
        temporary.write_text("".join(f"{doubt}\n" for doubt in doubts), encoding="utf-8")


def _black_beats_white(met: Mapping[str, Attack], rights: Mapping[str, Rights]) -> list[str]:
    means = {name: Numbers.of(rights[name]).mean for name, attack in met.items() if is_bounded(attack)}
    white = {name: mean for name, mean in means.items() if met[name].box == "white"}
    if not white:
        return []
    best = min(white, key=lambda name: white[name])
    return [
        f"black-box {name} leaves {mean:.2f} %, the strongest white-box attack ({best}) {white[best]:.2f} %: "
        "gradients are obscured, and the white-box numbers flatter"
        for name, mean in means.items()
        if met[name].box == "black" and mean < white[best] - _NEVER_BELOW
    ]


def _tries_harder_and_does_less(met: Mapping[str, Attack], rights: Mapping[str, Rights]) -> list[str]:
    """Of the same kind with more steps or starts, or with a larger eps."""
    return [
        f"{harder} tries harder than {easier} and leaves more, {_mean(rights[harder])} against {_mean(rights[easier])}: "
        "gradients are obscured, or it takes too few steps"
        for easier, harder in _pairs(met, _is_harder)
        if _leaves_more(rights[harder], rights[easier])
    ]


def _goes_round_the_defence(met: Mapping[str, Attack], rights: Mapping[str, Rights]) -> list[str]:
    """The same attack by a gradient that the defence hides less."""
    return [
        f"{around} leaves {_mean(rights[around])}, {plain} {_mean(rights[plain])}: plain gradients are obscured, and every "
        "attack that takes them flatters"
        for plain, around in _pairs(met, _is_around)
        if _leaves_more(rights[plain], rights[around])
    ]


def _random_networks(met: Mapping[str, Attack], is_random: bool) -> list[str]:
    return [
        f"{name} stops at an image that one draw of the noise gets wrong, so it flatters a random network; "
        "add autoattack-rand and eot10-pgd20"
        for name, attack in met.items()
        if is_random and isinstance(attack.setting, AutoAttack) and attack.setting.version == "standard"
    ]


def _not_run(met: Mapping[str, Attack], is_random: bool, is_approximated: bool) -> list[str]:
    """What a defence must face, and has not met."""
    settings = [attack.setting for attack in met.values()]
    if not (is_random or is_approximated) or not any(attack.box == "white" for attack in met.values()):
        return []
    signs = [setting for setting in settings if isinstance(setting, SignAttack)]
    missing = []
    if not any(attack.box == "black" for attack in met.values()):
        missing.append("black box (square, transfer-pgd20)")
    if is_approximated and not any(setting.bpda for setting in signs):
        missing.append("BPDA (bpda-pgd20)")
    if is_random and not any(setting.draws > 1 for setting in signs):
        missing.append("EOT (eot10-pgd20)")
    if not missing:
        return []
    return [f"has met no {', no '.join(missing)}: the worst case is that of a weaker attacker"]


def _pairs(met: Mapping[str, Attack], holds: Callable[[Attack, Attack], bool]) -> list[tuple[str, str]]:
    return [(one, other) for one, other in permutations(met, 2) if holds(met[one], met[other])]


def _is_harder(easier: Attack, harder: Attack) -> bool:
    one, other = easier.setting, harder.setting
    if not isinstance(one, SignAttack) or not isinstance(other, SignAttack) or other.method != "pgd":
        return False
    if other.transfer:  # more steps fit the other network, not this one
        return False
    # FGSM, MIFGSM and PGD of one eps differ in how they search the same ball.
    alike = replace(other, method=one.method, budget=one.budget, restarts=one.restarts) == one
    more = (
        other.budget.eps >= one.budget.eps - _NEVER_BELOW
        and other.budget.steps >= one.budget.steps
        and other.restarts >= one.restarts
    )
    return alike and more and (other.budget, other.restarts) != (one.budget, one.restarts)


def _is_around(plain: Attack, around: Attack) -> bool:
    one, other = plain.setting, around.setting
    if not isinstance(one, SignAttack) or not isinstance(other, SignAttack) or one.transfer:
        return False
    more = (other.bpda, other.draws) != (one.bpda, one.draws) and other.bpda >= one.bpda
    return more and other.draws >= one.draws and replace(other, bpda=one.bpda, draws=one.draws) == one


def _leaves_more(rights: Rights, others: Rights) -> bool:
    """Whether the first are more often right than the others, of the same images, by more than chance explains."""
    ours, theirs = (np.array(each, dtype=bool).mean(axis=1) for each in (rights, others))
    differences = ours - theirs
    # Under no difference in truth, the sum of n paired differences has this standard deviation.
    return bool(differences.sum() > _BEYOND_CHANCE * np.sqrt(np.square(differences).sum()))


def _mean(rights: Rights) -> str:
    return f"{Numbers.of(rights).mean:.2f} %"
