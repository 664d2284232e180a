"""Bounds, determinism, expectation over transformation, BPDA, restarts and names, against their definitions."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from accelsim.errors import AccelsimError
from accelsim.nn.attacks import MIFGSM, PGD, CarliniWagner, NamedAttack, Square, catalogue
from accelsim.nn.attacks.bpda import precise_backward
from accelsim.nn.attacks.catalogue import attack_named
from accelsim.nn.attacks.target import Target, margins
from accelsim.nn.base.random_module import RandomModule, is_random, random_modules, reseed
from accelsim.nn.injection.conversion import convert, set_scheme
from accelsim.nn.injection.distillation import distill
from accelsim.trace import Scheme


class Noise(RandomModule):
    """x + s * epsilon, or x * (1 + s * epsilon)."""

    def __init__(self, size: float, multiply: bool = False) -> None:
        super().__init__()
        self.size, self.multiply = size, multiply

    def forward(self, x: Tensor) -> Tensor:
        noise = self.size * torch.randn(x.shape, generator=self.generator(x.device), dtype=x.dtype)
        return x * (1 + noise) if self.multiply else x + noise


def test_margins_by_hand() -> None:
    logits = torch.tensor([[1.0, 4.0, 2.0], [0.0, -1.0, 3.0]])
    assert margins(logits, torch.tensor([1, 0])).tolist() == [-2.0, 3.0]


NAMES = (*catalogue.PAPER[:4], *catalogue.ADAPTIVE[:5], "pgd3-margin-r2@20", "eot2-mifgsm@1", "square@30")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(NAMES), seed=st.integers(0, 50))
def test_bounded_attacks_stay_in_the_ball_and_the_image(classifier, labelled, name: str, seed: int) -> None:
    x, labels = labelled[0][:6].clone(), labelled[1][:6]
    x[0], x[1] = 0.0, 1.0
    name = name.replace("100", "3").replace("20", "4")
    attack = attack_named(name)
    if isinstance(attack.attack, Square):
        attack = NamedAttack(name, Square(eps=attack.attack.eps, queries=6))
    target = Target(classifier)
    runs = [attack(target, target, x, labels, torch.Generator().manual_seed(seed)) for _ in range(2)]
    assert torch.equal(*runs)
    assert runs[0].shape == x.shape and float(runs[0].min()) >= 0 and float(runs[0].max()) <= 1
    assert float((runs[0] - x).abs().max()) <= attack.eps + 1e-6
    assert torch.equal(runs[0], x) == (name == "clean")


def test_attacks_do_not_touch_global_generators_or_weights(classifier, labelled) -> None:
    before, weights = torch.get_rng_state(), [p.clone() for p in classifier.parameters()]
    x, labels = labelled[0][:4], labelled[1][:4]
    target, quick = Target(classifier), NamedAttack("cw", CarliniWagner(c=1.0, steps=5))
    for attack in (quick, *map(attack_named, ("pgd5-r2", "eot2-bpda-pgd2"))):
        attack(target, target, x, labels, torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(weights, classifier.parameters(), strict=True))
    assert all(p.grad is None for p in classifier.parameters())


def test_more_restarts_never_leave_a_lower_margin(classifier, labelled) -> None:
    x, labels = labelled
    target = Target(classifier)
    reached = [
        target.margins(
            attack_named(f"pgd3-r{count}")(target, target, x, labels, torch.Generator().manual_seed(4)),
            labels,
        )
        for count in (1, 2, 6)
    ]
    assert (reached[1] >= reached[0] - 1e-6).all() and (reached[2] >= reached[1] - 1e-6).all()
    assert reached[2].mean() > reached[0].mean()


def test_mean_gradients_approach_the_gradient_of_the_mean() -> None:
    """For a linear loss of x * (1 + noise) the mean gradient is the noiseless one; one draw is off by its noise."""
    torch.manual_seed(0)
    weights = torch.randn(2, 12, dtype=torch.float64)
    linear = nn.Linear(12, 2, bias=False).double()
    linear.weight.data = weights
    network = nn.Sequential(Noise(0.5, multiply=True), nn.Flatten(), linear)
    x, labels = torch.rand(1, 3, 2, 2, dtype=torch.float64), torch.tensor([0])
    expected = (weights[1] - weights[0]).reshape(1, 3, 2, 2)
    reseed(network, 1)
    mean = Target(network, draws=1000).gradient(x, labels, "margin")
    reseed(network, 1)
    one = Target(network).gradient(x, labels, "margin")
    # Standard error: 0.5 * |w| / sqrt(1000).
    assert ((mean - expected).abs() <= 5 * 0.5 * expected.abs() / 1000**0.5).all()
    assert ((one - expected).abs() > 5 * 0.5 * expected.abs() / 1000**0.5).any()


def test_eot_beats_one_draw_on_a_random_network(classifier, labelled) -> None:
    network = nn.Sequential(Noise(0.35), classifier)
    x, labels = labelled
    target = Target(network)
    accuracies = []
    for name in ("pgd10@16", "eot20-pgd10@16"):
        reseed(network, 2)
        attacked = attack_named(name)(target, target, x, labels, torch.Generator().manual_seed(0))
        reseed(network, 3)
        accuracies.append(float(target.correct(attacked, labels, 20).double().mean()))
    assert accuracies[1] < accuracies[0] - 0.02


def test_streams_are_repeatable_and_independent() -> None:
    network = nn.Sequential(Noise(1.0), nn.Sequential(Noise(1.0)))
    x = torch.zeros(1, 3, 4, 4)
    reseed(network, 5)
    first = [network(x) for _ in range(2)]
    reseed(network, 5)
    assert torch.equal(network(x), first[0]) and not torch.equal(first[0], first[1])
    one, other = (module(x) for module in random_modules(network))
    assert not torch.equal(one, other)
    assert is_random(network) and not is_random(nn.Linear(2, 2))
    with pytest.raises(AccelsimError, match="reseed: seed is -1"):
        reseed(network, -1)


def test_transfer_takes_the_gradients_of_the_substitute(classifier, labelled) -> None:
    x, labels = labelled[0][:5], labelled[1][:5]
    blind = nn.Sequential(nn.Flatten(), nn.Linear(192, 5)).requires_grad_(False)
    given = attack_named("transfer-pgd5")(
        Target(blind), Target(classifier), x, labels, torch.Generator().manual_seed(1)
    )
    own = attack_named("pgd5")(Target(classifier), Target(blind), x, labels, torch.Generator().manual_seed(1))
    assert torch.equal(given, own)


@pytest.fixture
def converted(classifier, labelled) -> nn.Module:
    noisy = convert(classifier, Scheme.unstructured(0.7), form="patch", k_ratio=0.5, seed=2)
    distill(noisy, labelled[0].split(50))
    return noisy.eval()


def test_precise_backward_keeps_values_and_takes_the_dense_gradient_of_one_layer(converted, labelled) -> None:
    layer = converted[0]
    x = labelled[0][:4].clone().requires_grad_()
    plain = layer(x)
    with precise_backward(converted):
        swapped = layer(x)
    assert torch.equal(plain, swapped)
    weights = torch.rand(plain.shape, generator=torch.Generator().manual_seed(1))
    (got,) = torch.autograd.grad((swapped * weights).sum(), x)
    (dense,) = torch.autograd.grad((layer.inner(x) * weights).sum(), x)
    (own,) = torch.autograd.grad((plain * weights).sum(), x)
    assert torch.equal(got, dense) and not torch.allclose(own, dense, atol=1e-3)
    assert torch.equal(layer(x), plain)  # the hook is gone


def test_without_noise_bpda_is_plain(converted, labelled) -> None:
    set_scheme(converted, Scheme.dense())
    x, labels = labelled[0][:5], labelled[1][:5]
    target = Target(converted)
    both = [
        attack_named(name)(target, target, x, labels, torch.Generator().manual_seed(1))
        for name in ("pgd5", "bpda-pgd5")
    ]
    assert torch.equal(*both)


def test_momentum_by_its_formula(classifier, labelled) -> None:
    """Equations 6 and 7 of Dong et al. (2018), image by image in float64: g <- mu g + grad / |grad|_1, x <- x + a sign g."""
    x, labels = labelled[0][:8], labelled[1][:8]
    found = MIFGSM(classifier, eps=0.05, step=0.02, steps=4, momentum=0.8)(x, labels)
    for image, label, ours in zip(x, labels, found, strict=True):
        at, running = image.clone(), torch.zeros(image.shape, dtype=torch.float64)
        for _ in range(4):
            at = at.detach().requires_grad_()
            loss = nn.functional.cross_entropy(classifier(at[None]), label[None])
            (gradient,) = torch.autograd.grad(loss, at)
            running = 0.8 * running + gradient.double() / gradient.double().abs().sum()
            stepped = at.detach() + 0.02 * running.sign().float()
            at = torch.minimum(torch.maximum(stepped, image - 0.05), image + 0.05).clamp(0, 1)
        assert (ours - at).abs().gt(1e-5).double().mean() < 0.01  # signs of what is 0 but for rounding


def test_carlini_wagner_with_confidence_leads_by_it(classifier, labelled) -> None:
    x, labels = labelled
    target = Target(classifier)
    for confidence in (0.0, 2.0):
        attack = CarliniWagner(classifier, c=5.0, confidence=confidence, lr=0.02, steps=80)
        attacked = attack(x, labels)
        lead = target.margins(attacked, labels)
        misled = (attacked != x).flatten(1).any(dim=1)
        assert misled.double().mean() > 0.5 and float(lead[misled].min()) > confidence - 1e-5
        assert torch.equal(misled, lead > 0)  # the others are the images themselves


class Steep(nn.Module):
    """A network whose derivative is infinite times zero everywhere."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x + (x - x).sqrt())


@pytest.mark.parametrize("name", ["fgsm", "pgd2", "mifgsm", "bpda-pgd2", "cw-l2"])
def test_gradients_that_are_no_numbers_are_refused(classifier, labelled, name: str) -> None:
    """The sign of NaN is 0: the images would come back as they were, and all would count as robust."""
    x, labels = labelled[0][:4], labelled[1][:4]
    target = Target(Steep(classifier))
    assert Target(classifier).correct(x, labels).all()
    with pytest.raises(AccelsimError, match="gradients are not all finite"):
        attack_named(name)(target, target, x, labels, torch.Generator().manual_seed(1))


def test_square_shrinks_as_published() -> None:
    """p halves after 10, 50, 200, ... of 10,000 queries; 5,000 queries halve the queries."""
    square = Square(queries=10_000)
    assert [square.share_at(q) for q in (10, 11, 51, 201, 8001)] == [0.8, 0.4, 0.2, 0.1, 0.8 / 512]
    assert Square(queries=5_000).share_at(6) == 0.4


def test_square_only_ever_raises_margins(classifier, labelled) -> None:
    x, labels = labelled
    target = Target(classifier)
    reached = [
        target.margins(Square(target, eps=0.05, queries=q)(x, labels, seed=2), labels) for q in (1, 2, 40)
    ]
    assert reached[2].clamp_max(0).sum() > reached[0].clamp_max(0).sum()


def test_names_carry_their_parameters() -> None:
    attack = attack_named("transfer-eot10-bpda-pgd100-margin-r5@12")
    assert attack.attack == PGD(eps=12 / 255, step=2 / 255, steps=100, restarts=5, loss="margin")
    assert (attack.draws, attack.treatment, attack.transfer) == (10, "bpda", True)
    boxes = {name: attack_named(name).box for name in ("clean", "pgd20", "transfer-pgd20", "square", "cw-l2")}
    assert boxes == {
        "clean": "none",
        "pgd20": "white",
        "transfer-pgd20": "black",
        "square": "black",
        "cw-l2": "white",
    }
    assert attack_named("cw-l2").eps is None and attack_named("clean").eps == 0
    assert attack_named("mifgsm").parameters() == {
        "kind": "MIFGSM",
        "eps": 8 / 255,
        "step": 2 / 255,
        "steps": 5,
        "momentum": 1.0,
        "draws": 1,
        "treatment": "straight-through",
        "transfer": False,
    }
    assert attack_named("eot5-square@4") == NamedAttack("eot5-square@4", Square(eps=4 / 255), draws=5)
    assert attack_named("eot3-cw-l2-c1").attack == CarliniWagner(c=1.0)
    assert attack_named("eot3-cw-l2-c1").draws == 3
    for name in (*catalogue.PAPER, *catalogue.ADAPTIVE):
        assert attack_named(name).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pdg20", "is unknown; allowed: autoattack, autoattack-rand, "),
        ("pgd", "is unknown"),
        ("pgd0", "steps is 0, must be 1 to 100000"),
        ("eot0-pgd5", "draws is 0"),
        ("eot0-square", "draws is 0"),
        ("eot5-clean", "is unknown"),
        ("eot5-autoattack", "is unknown"),
        ("eot5-cw-l2@3", "cw-l2 has no eps"),
        ("pgd20@0", "eps is '0', must be 1 to 255"),
        ("pgd20@x", "eps is 'x'"),
        ("clean@3", "clean has no eps"),
        ("cw-l2@3", "cw-l2 has no eps"),
        ("fgsm-margin", "is unknown"),
        ("", "is unknown"),
    ],
)
def test_wrong_names(name: str, message: str) -> None:
    with pytest.raises(AccelsimError, match=message):
        attack_named(name)
