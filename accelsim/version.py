"""The version of the package, recorded in every trace and result."""

__version__ = "0.1.0"
