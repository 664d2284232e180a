"""Fixtures that the tests of models share with those of accelsim.nn."""

from tests.nn.conftest import classifier, images, labelled, one_thread, small_network

__all__ = ["classifier", "images", "labelled", "one_thread", "small_network"]
