"""Fixtures that the tests of models share with those of accelsim.nn."""

from tests.nn.conftest import classifier, images, labelled, one_thread, small_network, tiny_files

__all__ = ["classifier", "images", "labelled", "one_thread", "small_network", "tiny_files"]
