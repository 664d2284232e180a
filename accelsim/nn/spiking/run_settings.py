"""What decides a run, apart from the data; written into every result."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from accelsim.nn.base.seeds import MAX_SEED
from accelsim.nn.spiking.lif import Lif
from accelsim.nn.spiking.noisy_layer import Bounds
from accelsim.nn.spiking.spiking_networks import Encoding, SpikingNetwork

MethodName = Literal["stbp", "stbp-n", "nit", "nit-s", "nit-s+"]
METHODS: tuple[MethodName, ...] = get_args(MethodName)


class Settings(BaseModel):
    """A spiking network and how it is trained. The defaults are those of docs/nit.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: MethodName
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    hidden: tuple[int, ...] = Field(default=(50,), min_length=1, description="neurons of each hidden layer")
    steps: int = Field(default=8, ge=1, description="T, time steps")
    decay: float = Field(default=0.25, ge=0, le=1, description="k of Eq. 7")
    threshold: float = Field(default=0.5, gt=0, description="V_th of Eq. 7")
    readout: Literal["last", "count"] = Field(
        default="count", description="spikes of the last step, or their mean"
    )
    loss_scale: float = Field(default=10.0, gt=0, description="outputs are multiplied by it before softmax")
    epochs: int = Field(default=15, ge=1)
    sign_share: float = Field(default=0.7, gt=0, lt=1, description="nit-s+: share of epochs with the sign")
    batch: int = Field(default=256, ge=1)
    replications: int = Field(default=20, ge=4, multiple_of=2, description="C of the likelihood ratio")
    lr: float = Field(default=5e-3, gt=0, description="Adam's, falling to 0 as a half cosine")
    surrogate_width: float = Field(default=1.0, gt=0, description="width of STBP's rectangle")
    encoding: Encoding = Field(default="current", description="the image as a current, or as random spikes")
    reduced: bool = Field(
        default=True, description="baseline and antithetic noise; without: Eqs. 1 and 8 as they stand"
    )
    weight_bound: float = Field(default=5.0, gt=0, description="largest magnitude of weights and biases")
    sigma_least: float = Field(default=0.05, gt=0, description="least noise level")
    sigma_most: float = Field(default=2.0, gt=0, description="greatest noise level")

    @property
    def bounds(self) -> Bounds:
        """The compact set of the parameters. Raises AccelsimError if it is empty."""
        return Bounds(self.weight_bound, self.sigma_least, self.sigma_most)

    @property
    def learns_noise(self) -> bool:
        """Whether sigma is trained (NIT) or stays at 1 (STBP-N), or there is no noise (STBP)."""
        return self.method.startswith("nit")

    @property
    def noisy(self) -> bool:
        """Whether the network has noise, in training and when it is used."""
        return self.method != "stbp"

    def estimator(self, epoch: int) -> Literal["exact", "sign"]:
        """Which likelihood-ratio estimator trains this epoch (0, 1, ...)."""
        if self.method == "nit-s" or (
            self.method == "nit-s+" and epoch < round(self.sign_share * self.epochs)
        ):
            return "sign"
        return "exact"

    def network(self, inputs: int = 784, classes: int = 10) -> SpikingNetwork:
        """The untrained network, with surrogate gradients in place for STBP and for white-box attacks."""
        return SpikingNetwork(
            (inputs, *self.hidden, classes),
            steps=self.steps,
            neuron=Lif(self.decay, self.threshold),
            readout=self.readout,
            # Where the noise begins: at 1 as in the paper, or as near to it as the bounds allow.
            sigma=min(max(1.0, self.sigma_least), self.sigma_most),
            seed=self.seed,
            surrogate_width=self.surrogate_width,
            encoding=self.encoding,
        )
