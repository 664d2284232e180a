"""What makes the accuracies of an evaluation doubtful: signs of gradient masking, and attacks that were not run.

The signs are those of Athalye et al. (2018), section 3.1, and Carlini et al. (2019): black-box attacks that do more harm
than white-box ones, stronger attacks that do less, and gradients that get better by going round the defence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np

from accelsim.files import removed, replaced
from accelsim.nn.attacks import FGSM, MIFGSM, PGD, AutoAttack
from accelsim.nn.attacks.attack import zero_gradients
from accelsim.nn.attacks.catalogue import NamedAttack, attack_named
from models.study.accuracies import NEVER_BELOW, Numbers, is_bounded
from models.study.records import Correct

_BEYOND_CHANCE = 2.0
"""Standard errors of a mean of paired differences that one attack must leave more than another."""


_FAR_BELOW = 10.0
"""Percentage points that a loss of margins, or AutoAttack, may leave less than PGD before it is a sign."""


def doubts_of(
    variant: str,
    correct: Mapping[str, Correct],
    *,
    is_random: bool,
    is_approximated: bool,
    zeros: Mapping[str, tuple[int, int]] | None = None,
) -> list[str]:
    """Return one line for each doubt about a variant's accuracies, most serious first.

    Args:
        variant: Its name.
        correct: By name of attack, of the same images.
        is_random: Whether it draws at every pass.
        is_approximated: Whether it has quantized neurons and a mask, so that its gradients are straight-through estimates.
        zeros: By name of attack, for how many of how many images the gradient that it takes is zero.
    """
    zero = [f"{name}: {zero_gradients(*counts)}" for name, counts in (zeros or {}).items() if counts[0]]
    found = [*zero, *signs_of(correct), *gaps_of(correct, is_random, is_approximated)]
    return [f"{variant}: {doubt}" for doubt in found]


def signs_of(correct: Mapping[str, Correct]) -> list[str]:
    """Return one line for each sign that gradients are obfuscated; correct: by name of attack, of the same images."""
    met = {name: attack_named(name) for name in correct}
    return [
        *_black_beats_white(met, correct),
        *_stronger_and_leaves_more(met, correct),
        *_goes_round_the_defence(met, correct),
        *_far_below_cross_entropy(met, correct),
    ]


def gaps_of(attacks: Iterable[str], is_random: bool, is_approximated: bool) -> list[str]:
    """Return one line for each thing that these attacks leave untried; the flags are those of `doubts_of`."""
    met = {name: attack_named(name) for name in attacks}
    return [*_random_networks(met, is_random), *_not_run(met, is_random, is_approximated)]


def write_doubts(path: Path, doubts: Sequence[str]) -> None:
    """Write a line for each; no file where there are none, not even one of an earlier call."""
    if not doubts:
        removed(path)
        return
    with replaced(path) as temporary:
        temporary.write_text("".join(f"{doubt}\n" for doubt in doubts), encoding="utf-8")


def _black_beats_white(met: Mapping[str, NamedAttack], correct: Mapping[str, Correct]) -> list[str]:
    means = {name: Numbers.of(correct[name]).mean for name, attack in met.items() if is_bounded(attack)}
    white = {name: mean for name, mean in means.items() if met[name].box == "white"}
    if not white:
        return []
    best = min(white, key=lambda name: white[name])
    return [
        f"black-box {name} leaves {mean:.2f} %, the strongest white-box attack ({best}) {white[best]:.2f} %: "
        "gradients are obfuscated, and the white-box numbers flatter"
        for name, mean in means.items()
        if met[name].box == "black" and mean < white[best] - NEVER_BELOW
    ]


def _stronger_and_leaves_more(met: Mapping[str, NamedAttack], correct: Mapping[str, Correct]) -> list[str]:
    """Compare attacks of the same kind with more steps or starts, or with a larger eps."""
    return [
        f"{stronger} is the stronger attack, yet leaves more than {weaker}, {_mean(correct[stronger])} against "
        f"{_mean(correct[weaker])}: gradients are obfuscated, or it takes too few steps"
        for weaker, stronger in _pairs(met, _is_stronger)
        if _leaves_more(correct[stronger], correct[weaker])
    ]


def _goes_round_the_defence(met: Mapping[str, NamedAttack], correct: Mapping[str, Correct]) -> list[str]:
    """Compare the same attack by a gradient that the defence hides less."""
    return [
        f"{around} leaves {_mean(correct[around])}, {plain} {_mean(correct[plain])}: plain gradients are obfuscated, and "
        "every attack that takes them flatters"
        for plain, around in _pairs(met, _is_around)
        if _leaves_more(correct[plain], correct[around])
    ]


def _far_below_cross_entropy(met: Mapping[str, NamedAttack], correct: Mapping[str, Correct]) -> list[str]:
    """Compare PGD along the cross-entropy with the same PGD along the margin, and with AutoAttack.

    The cross-entropy's gradient vanishes where a network is sure of itself; theirs does not.
    """
    return [
        f"{lower} leaves {_mean(correct[lower])}, {plain} {_mean(correct[plain])}, much more: the gradient of the "
        f"cross-entropy is masked; report {lower}, the lower"
        for plain, lower in _pairs(met, _goes_round_cross_entropy)
        if Numbers.of(correct[plain]).mean - Numbers.of(correct[lower]).mean > _FAR_BELOW
        and _leaves_more(correct[plain], correct[lower])
    ]


def _goes_round_cross_entropy(plain: NamedAttack, other: NamedAttack) -> bool:
    """Return whether `plain` is PGD along the cross-entropy, and `other` searches the same ball by another loss."""
    one, two = plain.attack, other.attack
    if not isinstance(one, PGD) or one.loss != "cross-entropy" or plain.transfer or other.transfer:
        return False
    if isinstance(two, AutoAttack):
        return abs(one.eps - two.eps) < NEVER_BELOW
    same_view = (plain.draws, plain.treatment) == (other.draws, other.treatment)
    return isinstance(two, PGD) and two == replace(one, loss="margin") and same_view


def _random_networks(met: Mapping[str, NamedAttack], is_random: bool) -> list[str]:
    return [
        f"{name} stops at an image that one draw of the noise gets wrong, so it flatters a random network; "
        "add autoattack-rand and eot10-pgd20"
        for name, attack in met.items()
        if is_random and isinstance(attack.attack, AutoAttack) and attack.attack.version == "standard"
    ]


def _not_run(met: Mapping[str, NamedAttack], is_random: bool, is_approximated: bool) -> list[str]:
    """Name what a defence must face, and has not met."""
    attacks = met.values()
    if not (is_random or is_approximated) or not any(attack.box == "white" for attack in attacks):
        return []
    by_gradient = [attack for attack in attacks if attack.attack.needs_gradient and attack.eps is not None]
    missing = []
    if not any(attack.box == "black" for attack in attacks):
        missing.append("black box (square, transfer-pgd20)")
    if is_approximated and not any(attack.treatment == "bpda" for attack in by_gradient):
        missing.append("BPDA (bpda-pgd20)")
    if is_random and not any(attack.draws > 1 for attack in by_gradient):
        missing.append("EOT (eot10-pgd20)")
    if not missing:
        return []
    return [f"has met no {', no '.join(missing)}: the worst case is that of a weaker attacker"]


def _pairs(
    met: Mapping[str, NamedAttack], holds: Callable[[NamedAttack, NamedAttack], bool]
) -> list[tuple[str, str]]:
    return [(one, other) for one, other in permutations(met, 2) if holds(met[one], met[other])]


def _is_stronger(weaker: NamedAttack, stronger: NamedAttack) -> bool:
    """Return whether `stronger` searches the ball of `weaker`, or a larger one, at least as long, by the same gradient."""
    one, other = weaker.attack, stronger.attack
    # FGSM, MIFGSM and PGD of one eps differ in how they search the same ball.
    if not isinstance(one, FGSM | MIFGSM | PGD) or not isinstance(other, PGD):
        return False
    if stronger.transfer:  # more steps fit the other network, not this one
        return False
    seen = replace(stronger, name=weaker.name, attack=one) == weaker
    loss = one.loss if isinstance(one, PGD) else "cross-entropy"
    efforts = [
        (one.eps - NEVER_BELOW, getattr(one, "steps", 1), getattr(one, "restarts", 1)),
        (other.eps, other.steps, other.restarts),
    ]
    at_least = all(more >= less for less, more in zip(*efforts, strict=True))
    return seen and loss == other.loss and at_least and one != other


def _is_around(plain: NamedAttack, around: NamedAttack) -> bool:
    """Return whether `around` is `plain` with more draws or without the defence's gradient."""
    if not plain.attack.needs_gradient or plain.transfer or around.transfer or plain.attack != around.attack:
        return False
    less, more = (((each.treatment == "bpda"), each.draws) for each in (plain, around))
    return less != more and more[0] >= less[0] and more[1] >= less[1]


def _leaves_more(correct: Correct, others: Correct) -> bool:
    """Return whether the first are more often correct than the others, of the same images, beyond chance."""
    ours, theirs = (np.array(each, dtype=bool).mean(axis=1) for each in (correct, others))
    differences = ours - theirs
    # Under no difference in truth, the sum of n paired differences has this standard deviation.
    return bool(differences.sum() > _BEYOND_CHANCE * np.sqrt(np.square(differences).sum()))


def _mean(correct: Correct) -> str:
    return f"{Numbers.of(correct).mean:.2f} %"
