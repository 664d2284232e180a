"""Every BitOPs entry of the paper beside ours, under a stated choice of k and of what is charged.

What the paper prints follows cost(r) = (a + 1 - r) D, r the share of noise. Two choices give two values of a:

- *matched*: k = d, P x free of charge ("negligible", section 3.3). Then a = 20 / 272 on every layer of every network.
- *as built*: the k that the bundled networks were distilled with, and every addition of P x charged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accelsim.bitops.accounting import BitOps, addition, layer_bitops, multiplication, with_k_ratio
from accelsim.bitops.paper_tables import Extra, Published, published
from accelsim.tables import Format, frame_of, markdown_table
from accelsim.trace import LayerInfo, Scheme, TraceFile

MATCHED_K_RATIO = 1.0
TRACES = {"resnet18": "resnet18-cifar10", "wrn34-10": "wrn34-10-cifar10"}
"""The bundled trace that has the layers of a network of the paper. Classes change the last layer only."""


@dataclass(frozen=True)
class Entry:
    """One entry: BitOPs as printed and as matched, each also relative to its dense row; and as built, relative."""

    table: int
    dataset: str
    network: str
    method: str
    paper: float
    paper_relative: float
    ours: int
    ours_relative: float
    as_built_relative: float

    @property
    def difference(self) -> float:
        """Ours over the paper's, minus 1, of the relative costs."""
        return self.ours_relative / self.paper_relative - 1.0

    def as_row(self) -> dict[str, object]:
        """For CSV and JSON."""
        return {
            "table": self.table,
            "dataset": self.dataset,
            "network": self.network,
            "method": self.method,
            "paper_bitops": self.paper,
            "ours_bitops": self.ours,
            "paper_relative": self.paper_relative,
            "ours_relative": self.ours_relative,
            "difference": self.difference,
            "as_built_relative": self.as_built_relative,
        }


def bitops_markdown(found: Sequence[Entry]) -> str:
    """Return the entries as the Markdown table of docs/robustness.md."""
    rows = [
        [
            row.table,
            row.dataset,
            row.network,
            row.method,
            row.paper,
            row.paper_relative,
            row.ours,
            row.ours_relative,
            row.difference,
            row.as_built_relative,
        ]
        for row in found
    ]
    formats: dict[str, Format] = {
        "paper": ".3g",
        "of dense": ".4f",
        "matched": ".4g",
        "difference": lambda share: f"{100 * share:+.2f} %",
        "as built, of dense": ".4f",
    }
    titles = [
        "table",
        "data",
        "network",
        "method",
        "paper",
        "of dense",
        "matched",
        "of dense",
        *list(formats)[3:],
    ]
    return markdown_table(frame_of(rows, titles), formats=formats)


def network_bitops(
    layers: Sequence[LayerInfo], scheme: Scheme, *, k_ratio: float | None = None, projection: bool = True
) -> BitOps:
    """BitOPs of one image of a network. k_ratio: another k than the layers have; projection False: P x is free.

    Raises AccelsimError as layer_bitops and with_k_ratio do.
    """
    if k_ratio is not None:
        layers = [with_k_ratio(layer, k_ratio) for layer in layers]
    total = sum((layer_bitops(layer, scheme) for layer in layers), BitOps())
    return total if projection else BitOps(total.precise, total.approximate)


def noise_layer_bitops(layers: Sequence[LayerInfo], extra: Extra) -> int:
    """What RSE adds: an operation in 16 bits on every input of every convolution; drawing the noise is free."""
    if not extra:
        return 0
    each = addition(16) if extra == "add" else multiplication(16)
    shapes = [layer.shape for layer in layers if layer.shape.kind == "conv"]
    return each * sum(shape.c_in * shape.h_in * shape.w_in for shape in shapes)


def entries(traces: dict[str, TraceFile]) -> list[Entry]:
    """Every entry of the paper, in its order. traces: network to a trace that has its layers, as TRACES names them."""
    rows = published()
    dense_of = {(row.table, row.dataset): row for row in reversed(rows) if row.method == "overfitting-at"}
    # Table 4 has no dense row: its network is that of Table 1.
    dense_of |= {(4, name): dense_of[1, name] for name in ("cifar10", "cifar100")}
    return [_entry(row, dense_of[row.table, row.dataset], traces[row.network].layers) for row in rows]


def _entry(row: Published, dense: Published, layers: Sequence[LayerInfo]) -> Entry:
    extra = noise_layer_bitops(layers, row.extra)
    whole = network_bitops(layers, Scheme.dense()).total
    ours = network_bitops(layers, row.scheme, k_ratio=MATCHED_K_RATIO, projection=False).total + extra
    built = network_bitops(layers, row.scheme).total + extra
    return Entry(
        table=row.table,
        dataset=row.dataset,
        network=row.network,
        method=row.method,
        paper=row.bitops,
        paper_relative=row.bitops / dense.bitops,
        ours=ours,
        ours_relative=ours / whole,
        as_built_relative=built / whole,
    )
