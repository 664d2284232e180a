"""Results that are kept: what a point is, and the one database file that holds its outcome."""

from accelsim.store.database import Store
from accelsim.store.point import Outcome, Point, Subject, Unbuildable, Workload, code_version

__all__ = ["Outcome", "Point", "Store", "Subject", "Unbuildable", "Workload", "code_version"]
