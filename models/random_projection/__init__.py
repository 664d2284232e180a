"""The paper's Theorem 1 measured: inner products and essential neurons behind a random projection."""

from models.random_projection.essential import distilled, layer_inputs, patches, projected, shared_largest
from models.random_projection.inner_products import KINDS, Kind, projection, relative_errors
from models.random_projection.theory import failure_bound, predicted_rms, sufficient_k

__all__ = [
    "KINDS",
    "Kind",
    "distilled",
    "failure_bound",
    "layer_inputs",
    "patches",
    "predicted_rms",
    "projected",
    "projection",
    "relative_errors",
    "shared_largest",
    "sufficient_k",
]
