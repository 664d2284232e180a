"""From measured blocks to the constants of a technology file: what docs/energy.md charges, each with its arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from accelsim.components.nm_selector import NmSelector
from accelsim.components.threshold_selector import ThresholdSelector
from accelsim.config.machine import Machine
from accelsim.errors import AccelsimError
from accelsim.rtl.synth.measure_blocks import MeasuredBlock

PSUM_WORDS = 3
"""16-bit words of a 48-bit psum."""

_OPERAND_WORDS = "mean of precise (4 words) and approximate (16 words), each by its words"


@dataclass(frozen=True)
class Number:
    """A constant: an energy in pJ, and what it was computed from."""

    value: float
    source: str


@dataclass(frozen=True)
class Unit:
    """A block's area (um2), leakage (uW) and shortest period (ns), and what they were computed from."""

    area_um2: float
    leakage_uw: float
    delay_ns: float
    source: str


class Derivation:
    """Constants for machines like `machine`; `positions` T of whose operand order the energies are the mean.

    With 0 positions they are those of uniform operands, for comparison.
    """

    def __init__(
        self, blocks: Mapping[str, MeasuredBlock], machines: Mapping[str, Machine], positions: int
    ) -> None:
        self._blocks, self._positions = blocks, positions
        machine = machines["unstructured"]
        self._lanes = machine.mvu.lanes
        self._window = machine.input_sram.banks * machine.input_sram.width_bits // 16
        self._block = machine.mvu.position_block
        selector = machines["structured"].selector
        assert isinstance(selector, NmSelector)
        self._of, self._groups = selector.max_of, selector.groups_per_cycle
        assert isinstance(machine.selector, ThresholdSelector)
        self._comparators = machine.selector.comparators
        self._vpus = machine.mvu.vpus, machines["structured"].mvu.vpus
        self._files = sorted(int(name.rpartition("_")[2]) for name in blocks if name.startswith("psum_file_"))

    # --- energies
    def events(self) -> dict[str, Number]:
        """Return the energies by the keys of the technology file's section `events`."""
        return {
            **self._multiplication_events(),
            **self._projection_events(),
            **self._register_events(),
            **self._selection_events(),
            **self._operand_path_events(),
        }

    def _multiplication_events(self) -> dict[str, Number]:
        """Return the energies of a product, its operands and its sum."""
        tree, single = self._mean("adder_tree", "precise", "approximate"), "operand_stage_1"
        return {
            "multiply_16bit_pj": self._direct("fused_multiplier", "precise"),
            "multiply_4bit_pj": self._direct("fused_multiplier", "approximate", " / 16 bricks"),
            "operand_word_pj": Number(
                self._mean(single, "precise", "approximate"), f"{single}: {_OPERAND_WORDS}"
            ),
            "tree_addition_pj": Number(
                tree,
                f"adder_tree of {self._lanes}: mean of precise and approximate, / {self._lanes - 1} additions",
            ),
            "psum_addition_pj": self._psum_addition(),
        }

    def _projection_events(self) -> dict[str, Number]:
        """Return the energies of the projection unit."""
        tree = self._mean("adder_tree", "precise", "approximate")
        register = self._pj("word_register", "write")
        return {
            "projection_addition_pj": self._projection_addition(tree, register),
            "sign_generation_pj": Number(
                self._pj("word_register", "write", uniform=True),
                "word_register, uniform: 16 bits of a generator's state; the generator is outside of the RTL",
            ),
            "quantize_pj": self._direct("quantizer", "quantize"),
        }

    def _register_events(self) -> dict[str, Number]:
        """Return the energies of registers and register files."""
        read, _ = self._psum_energy()
        return {
            "register_write_pj": self._direct("word_register", "write"),
            "register_file_write_pj": Number(
                self._file_write(),
                "register_file_8 and _16: write, the line through them at 0 entries (the rest goes by entries)",
            ),
            "register_file_read_per_entry_pj": Number(
                read, f"slope of psum_file energies over {self._files} entries, / {PSUM_WORDS} words"
            ),
        }

    def _selection_events(self) -> dict[str, Number]:
        """Return the energies of the selectors and of walking through their masks."""
        magnitude = self._pj("word_magnitude", "take")
        return {
            "threshold_comparison_pj": self._direct("threshold_selector", "compare", " / comparators"),
            "ranking_pair_bit_pj": Number(
                (self._pj("ranker", "rank") - self._of * magnitude) / self._pair_bits,
                f"(ranker of {self._of}: rank - {self._of} x word_magnitude) / ({self._pair_bits // 16} pairs x 16 bits)",
            ),
            "magnitude_pj": self._direct("word_magnitude", "take"),
            "index_walk_pj": Number(
                self._mean_of("step", "walker_threshold", "walker_groups"),
                "mean of walker_threshold and walker_groups: a step of a precise job",
            ),
        }

    def _operand_path_events(self) -> dict[str, Number]:
        """Return the energies of moving operands and results, and of requantizing."""
        single, stage = "operand_stage_1", f"operand_stage_{self._block}"
        operand_word = self._mean(single, "precise", "approximate")
        mux = (self._mean(stage, "precise", "approximate") - operand_word) / np.log2(self._block)
        return {
            "ring_write_pj": self._direct(
                "weight_ring", "pass", " / words: written, and read by the multipliers"
            ),
            "result_rotate_pj": self._direct("word_rotator", "read", " / words"),
            "result_group_pj": self._direct("group_select", "read", " / words"),
            "word_mux2_pj": Number(
                mux,
                f"({stage} - {single}, {_OPERAND_WORDS}) / log2 {self._block}: one level, with its share of select lines",
            ),
            "requantize_pj": Number(
                self._mean("requantizer", "precise", "approximate"),
                "requantizer: mean of precise and approximate",
            ),
        }

    def _pj(self, block: str, operation: str, uniform: bool = False) -> float:
        positions = 0 if uniform or not self._positions else self._positions
        return self._found(block).mean_pj(operation, positions)

    def _mean(self, block: str, *operations: str) -> float:
        return sum(self._pj(block, each) for each in operations) / len(operations)

    def _mean_of(self, operation: str, *blocks: str) -> float:
        return sum(self._pj(each, operation) for each in blocks) / len(blocks)

    def _direct(self, block: str, operation: str, note: str = "") -> Number:
        return Number(self._pj(block, operation), f"{block}: {operation}{note}")

    def _psum_energy(self) -> tuple[float, float]:
        """Return pJ per entry and 16-bit word, and per operation beyond that (a line through the files measured)."""
        energies = [self._mean(f"psum_file_{entries}", "precise", "approximate") for entries in self._files]
        slope, intercept = np.polyfit(self._files, energies, 1)
        return float(slope) / PSUM_WORDS, float(intercept)

    def _file_write(self) -> float:
        return 2 * self._pj("register_file_8", "write") - self._pj("register_file_16", "write")

    def _psum_addition(self) -> Number:
        _, fixed = self._psum_energy()
        write = self._file_write()
        return Number(
            fixed - PSUM_WORDS * write,
            f"psum_file (mean of precise and approximate) at 0 entries, {fixed:.4f} by the line through {self._files}, "
            f"- {PSUM_WORDS} words x register_file_write {write:.4f}",
        )

    def _projection_addition(self, tree: float, register: float) -> Number:
        whole = self._pj("projection_lane", "accumulate")
        additions = self._window / 3
        return Number(
            (whole - tree - 2 * register) / additions,
            f"(projection_lane: accumulate {whole:.4f} - tree_addition {tree:.4f} - 2 x register_write "
            f"{register:.4f}) / ({self._window} words x 1/3 non-zero)",
        )

    # --- areas
    def blocks(self) -> dict[str, Unit]:
        """Return the areas by the keys of the technology file's section `blocks`."""
        return {
            **self._multiplication_units(),
            **self._projection_units(),
            **self._register_units(),
            **self._selection_units(),
            **self._operand_path_units(),
        }

    def _multiplication_units(self) -> dict[str, Unit]:
        """Return the units of a product, its operands and its sum."""
        chunk = 4 * self._lanes
        area, leakage, delay_ns, files = self._psum_files()
        return {
            "multiplier": self._whole("fused_multiplier"),
            "operand_word": self._whole("operand_stage_1", chunk, f"of a narrow chunk of {chunk} words"),
            "tree_adder": self._whole("adder_tree", self._lanes - 1),
            "psum_adder": Unit(area[1], leakage[1], delay_ns, f"{files}, at 0 entries"),
        }

    def _projection_units(self) -> dict[str, Unit]:
        """Return the units of the projection unit."""
        lane = self._found("projection_lane").physical
        register, tree = self._whole("word_register"), self._whole("adder_tree", self._lanes - 1)
        return {
            "projection_adder": Unit(
                (lane.area_um2 - tree.area_um2 - 2 * register.area_um2) / self._window,
                (lane.leakage_uw - tree.leakage_uw - 2 * register.leakage_uw) / self._window,
                lane.period_ns,
                f"(projection_lane {lane.area_um2:.1f} um2 - tree_adder - 2 register_word) / {self._window} words",
            ),
            "quantizer": self._whole("quantizer"),
        }

    def _register_units(self) -> dict[str, Unit]:
        """Return the units of registers and register files."""
        area, leakage, delay_ns, files = self._psum_files()
        return {
            "register_word": self._whole("word_register"),
            "register_file_word": Unit(
                area[0] / PSUM_WORDS,
                leakage[0] / PSUM_WORDS,
                delay_ns,
                f"{files}: slope / {PSUM_WORDS} words",
            ),
        }

    def _selection_units(self) -> dict[str, Unit]:
        """Return the units of the selectors, of masks and of walking through them."""
        magnitude, ranker = self._whole("word_magnitude"), self._found("ranker").physical
        return {
            "threshold_comparator": self._whole("threshold_selector", self._comparators, "comparators"),
            "ranking_pair_bit": Unit(
                (ranker.area_um2 - self._of * magnitude.area_um2) / self._pair_bits,
                (ranker.leakage_uw - self._of * magnitude.leakage_uw) / self._pair_bits,
                ranker.period_ns,
                f"(ranker {ranker.area_um2:.1f} um2 - {self._of} magnitudes) / ({self._pair_bits // 16} pairs x 16 bits)",
            ),
            "magnitude": magnitude,
            "index_compactor": self._mean_unit("walker_threshold", "walker_groups"),
            "ring_word": self._whole("weight_ring", 8 * self._lanes, "words"),
            "vpu_masks": self._mean_unit("vpu_masks_threshold", "vpu_masks_groups"),
            "neuron_masks": self._whole("neuron_masks"),
            "threshold_control": self._rest("selector_threshold", "threshold_selector", 1),
            "groups_control": self._rest("selector_groups", "ranker", self._groups),
        }

    def _operand_path_units(self) -> dict[str, Unit]:
        """Return the units that move operands and results, and requantize."""
        stage = f"operand_stage_{self._block}"
        single, several = self._found("operand_stage_1").physical, self._found(stage).physical
        chunk = 4 * self._lanes
        levels = chunk * (self._block - 1)
        return {
            "result_rotator_word": self._whole("word_rotator", self._vpus[0], "VPUs"),
            "result_group_word": self._whole(
                "group_select", self._vpus[1] * self._of, "VPUs x rows of a group"
            ),
            "word_mux2": Unit(
                (several.area_um2 - single.area_um2) / levels,
                (several.leakage_uw - single.leakage_uw) / levels,
                self._found("word_mux").physical.path_ns,
                f"({stage} - operand_stage_1) / ({chunk} words x {self._block - 1}); delay of word_mux alone",
            ),
            "requantizer": self._whole("requantizer"),
        }

    def _psum_files(self) -> tuple[tuple[float, float], tuple[float, float], float, str]:
        """Return area and leakage (slope per entry, and at 0 entries), delay in ns, and source of the psum files."""
        delay_ns = max(self._found(f"psum_file_{n}").physical.period_ns for n in self._files)
        return (
            self._fitted(lambda p: p.area_um2),
            self._fitted(lambda p: p.leakage_uw),
            delay_ns,
            f"line through psum_file areas over {self._files} entries",
        )

    def _whole(self, block: str, share: int = 1, what: str = "") -> Unit:
        physical = self._found(block).physical
        source = block if share == 1 else f"{block} {physical.area_um2:.1f} um2 / {share} {what}".rstrip()
        return Unit(
            physical.area_um2 / share,
            physical.leakage_uw / share,
            physical.period_ns,
            f"{source}; {physical.recipe}",
        )

    def _mean_unit(self, *names: str) -> Unit:
        found = [self._found(name).physical for name in names]
        return Unit(
            sum(each.area_um2 for each in found) / len(found),
            sum(each.leakage_uw for each in found) / len(found),
            max(each.period_ns for each in found),
            f"mean of {' and '.join(names)}",
        )

    def _rest(self, whole: str, part: str, count: int) -> Unit:
        unit, taken = self._found(whole).physical, self._found(part).physical
        return Unit(
            unit.area_um2 - count * taken.area_um2,
            unit.leakage_uw - count * taken.leakage_uw,
            unit.period_ns,
            f"{whole} {unit.area_um2:.1f} um2 - {count} x {part} {taken.area_um2:.1f} um2",
        )

    def _fitted(self, of: Callable[..., float]) -> tuple[float, float]:
        slope, intercept = np.polyfit(
            self._files, [of(self._found(f"psum_file_{n}").physical) for n in self._files], 1
        )
        return float(slope), float(intercept)

    @property
    def _pair_bits(self) -> int:
        return self._of * (self._of - 1) // 2 * 16

    def _found(self, name: str) -> MeasuredBlock:
        if name not in self._blocks:
            raise AccelsimError(f"technology: block {name} was not measured")
        return self._blocks[name]
