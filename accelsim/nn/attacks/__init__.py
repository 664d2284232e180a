"""Adversarial attacks on PyTorch classifiers of images in [0, 1].

    from accelsim.nn.attacks import PGD

    attacked = PGD(model, eps=8 / 255)(x, y)

An attack is a dataclass of its parameters with one method, `perturb`, in one file, registered there under the names that
tables know it by (`accelsim.nn.attacks.registry`). `attack_named` resolves such a name.
"""

from accelsim.nn.attacks.attack import Attack, IteratedAttack, LinfAttack
from accelsim.nn.attacks.autoattack import AutoAttack
from accelsim.nn.attacks.bim import BIM
from accelsim.nn.attacks.carlini_wagner import CarliniWagner
from accelsim.nn.attacks.catalogue import NamedAttack, attack_named
from accelsim.nn.attacks.clean import Clean
from accelsim.nn.attacks.dim import DIM
from accelsim.nn.attacks.fgsm import FGSM
from accelsim.nn.attacks.mifgsm import MIFGSM
from accelsim.nn.attacks.nattack import NAttack
from accelsim.nn.attacks.pgd import PGD
from accelsim.nn.attacks.random_signs import RandomSigns
from accelsim.nn.attacks.registry import register
from accelsim.nn.attacks.square import Square
from accelsim.nn.attacks.target import Target
from accelsim.nn.attacks.tim import TIM

__all__ = [
    "BIM",
    "DIM",
    "FGSM",
    "MIFGSM",
    "PGD",
    "TIM",
    "Attack",
    "AutoAttack",
    "CarliniWagner",
    "Clean",
    "IteratedAttack",
    "LinfAttack",
    "NAttack",
    "NamedAttack",
    "RandomSigns",
    "Square",
    "Target",
    "attack_named",
    "register",
]
