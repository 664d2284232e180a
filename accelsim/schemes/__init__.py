"""Schemes: which neurons of a layer stay essential. A family of schemes is one class in one file.

`Scheme` says what a family must have; `parse_scheme` finds a scheme by its id, `families` lists them, and `register`
(or an entry point of the group `accelsim.schemes`) adds one. docs/how-to/own-scheme.md walks through an example.
"""

from accelsim.schemes.all_noise_scheme import AllNoiseScheme
from accelsim.schemes.dense_scheme import BASELINE, DenseScheme
from accelsim.schemes.nm_scheme import NmScheme
from accelsim.schemes.ranking import all_neurons, keep_largest, keep_n_of_m
from accelsim.schemes.scheme import Quantile, Scheme
from accelsim.schemes.scheme_registry import families, family_of, find_scheme, parse_scheme, register
from accelsim.schemes.unstructured_scheme import UnstructuredScheme

__all__ = [
    "BASELINE",
    "AllNoiseScheme",
    "DenseScheme",
    "NmScheme",
    "Quantile",
    "Scheme",
    "UnstructuredScheme",
    "all_neurons",
    "families",
    "family_of",
    "find_scheme",
    "keep_largest",
    "keep_n_of_m",
    "parse_scheme",
    "register",
]
