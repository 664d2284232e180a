"""The Matrix-Vector Unit: multipliers, adder trees, partial sums, operand and weight registers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from accelsim.components.component import (
    Action,
    Charge,
    Component,
    Latency,
    LogicPart,
    PriceOf,
    delay_of,
    event_price,
    multiplies_4bit,
    multiplies_8bit,
)
from accelsim.components.price import Price, Tariff
from accelsim.strict_model import Strict

if TYPE_CHECKING:
    from accelsim.config import Machine

PSUM_BITS = 48

BYTE_MODE_SHARE = 0.043
"""Area that the mode for 8 bits adds to a multiplier, of the multiplier's: 4,109 instead of 3,940 um2, as synthesized."""

PreciseBits = Literal[16, 8, 4]


def _as_tuple(value: Any) -> Any:
    """Return a list of a YAML file as a tuple, which a frozen model can hold."""
    return tuple(value) if isinstance(value, list) else value


class Mvu(Strict):
    """The Matrix-Vector Unit of one core: `vpus` vector units of `bricks_per_vpu` 4x4 multipliers each.

    hold_weights: a row's weight chunk stays in a register for all positions of the block that need it.
    spare_vpus: ``share`` lets VPUs without rows of their own work on a second set of positions.
    precise_bits: in which precisions precise work may be done, besides the 4 bits of approximations.
    """

    later_fields: ClassVar[tuple[str, ...]] = ("precise_bits",)

    vpus: int = Field(
        ge=1, le=4096, description="Vector units of a core (V); each owns rows of a layer's tile."
    )
    bricks_per_vpu: int = Field(
        ge=16,
        le=4096,
        multiple_of=16,
        description="4x4-bit multipliers of a VPU (B), a multiple of 16: 16 make one 16x16-bit multiplier (L = B/16).",
    )
    pipeline_depth_cycles: Latency = Field(
        description="Cycles from a job's last issue to its results (D). Buildable from the depth of section 12 on."
    )
    accumulate_latency_cycles: int = Field(
        ge=1,
        le=1000,
        description="Least distance in cycles of two accumulations into one psum (R); bubbles fill what is missing.",
    )
    accumulators_per_vpu: int = Field(
        ge=1, le=4096, description="Partial sums (psums, 48 bits each) that a VPU keeps (A)."
    )
    position_block: int = Field(
        ge=1,
        le=4096,
        description="Output positions worked on together (T), at most accumulators_per_vpu.",
    )
    hold_weights: bool = Field(
        description="true: a weight chunk is read once per row and chunk and held for all positions of the block."
    )
    spare_vpus: Literal["idle", "share"] = Field(
        description="VPUs without rows of a tile: idle, or share (take part of the positions of others; section 2)."
    )

    precise_bits: Annotated[tuple[PreciseBits, ...], BeforeValidator(_as_tuple)] = Field(
        default=(16,),
        description="Bits in which precise work may be done: 16, and 8 and 4 if the multipliers are built for them.",
    )

    @field_validator("precise_bits")
    @classmethod
    def _holds_16(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if 16 not in value or len(set(value)) < len(value):
            raise ValueError("precise_bits holds 16, and may hold 8 and 4, each once")
        return tuple(sorted(value, reverse=True))

    @field_validator("position_block")
    @classmethod
    def _has_psums(cls, value: int, info: ValidationInfo) -> int:
        accumulators = info.data.get("accumulators_per_vpu", value)
        if value > accumulators:
            raise ValueError(f"{value} positions need as many psums; accumulators_per_vpu is {accumulators}")
        return value

    @property
    def lanes(self) -> int:
        """16-bit multipliers of a VPU: 16 bricks make one."""
        return self.bricks_per_vpu // 16


def chunk_words(machine: Machine) -> int:
    """Return the 16-bit words of the longer operand chunk: B codes of 4 bits."""
    return machine.mvu.bricks_per_vpu // 4


def _psum_words(accumulators: int) -> float:
    """Return the 16-bit register words that hold so many partial sums."""
    return accumulators * PSUM_BITS / 16


def _per_step(price: PriceOf) -> dict[str, PriceOf]:
    """Return the price for a step of every mode."""
    return dict.fromkeys(("vpu_steps_16bit", "vpu_steps_8bit", "vpu_steps_4bit", "vpu_steps_1bit"), price)


def _tree_price(machine: Machine, tariff: Tariff) -> Price:
    return (machine.mvu.lanes - 1) * tariff.event("tree_addition")


def _psum_register_price(machine: Machine, tariff: Tariff) -> Price:
    read = tariff.event("register_file_read_per_entry")
    write = tariff.event("register_file_write")
    return _psum_words(1) * (machine.mvu.accumulators_per_vpu * read + write)


_REGISTER_WORDS = (
    "per pass K * words per chunk * (with `hold_weights`: the number of (v, r) with c(v, r) > 0; otherwise W(v) summed "
    "over VPUs)"
)


def _job_actions() -> tuple[Action, ...]:
    """Return the busy cycles of both kinds of job."""
    meanings = {
        "issue": "cycles in which the busiest VPU of the chunk steps: K * Sum of section 4",
        "port_stall": "extra cycles because an SRAM port is too narrow: K * (base - Sum)",
        "bubble": "extra cycles because psums in flight are fewer than the accumulate latency: K * (tau - base)",
    }
    column = iter(range(8, 14))
    approximate = tuple(
        Action(f"approximate_{name}_cycles", next(column), "cycles", meaning, job="approximate")
        for name, meaning in meanings.items()
    )
    precise = tuple(
        Action(f"precise_{name}_cycles", next(column), "cycles", meaning, job="precise")
        for name, meaning in meanings.items()
    )
    return approximate + precise


class MatrixVectorUnit(Component):
    """V vector units (VPUs) of B 4x4-bit bricks each: sixteen multiply 16x16 bits, four 8x8, each alone 4x4.

    A VPU works on one row and one operand chunk in a step: its products are added up in a tree and accumulated in one of A
    psums of 48 bits. Weight chunks pass a register of two chunks per VPU, operand chunks two sets of broadcast registers.

    Timing: section 4, "MVU job"; `accelsim.mapping.mvu_job` computes it, since it depends on the masks. Results follow
    ``pipeline_depth_cycles`` after the last issue. Energy: only bricks that fire are charged, but a step charges its whole
    tree and psum even if some lanes are empty.
    """

    name = "mvu"
    rtl = (
        "core.mvu_control.MvuControl",
        "core.vpu_slice.VpuSlice",
        "core.operand_ring.OperandRing",
        "blocks.vpu_pipeline.VpuPipeline",
        "blocks.fused.FusedMultiplier",
        "blocks.brick.Brick",
        "blocks.tree.AdderTree",
        "blocks.psums.AccumulatorFile",
        "blocks.requantize.Requantizer",
    )
    actions = (
        Action(
            "essential_neurons",
            3,
            "neurons",
            "essential neurons of the tile's rows (dense: q * rows)",
            job="precise",
        ),
        Action(
            "brick_ops_4bit",
            4,
            "multiplications",
            "4x4 multiplications: of the approximation, q * n_tile * k; of precise work in 4 bits, essential neurons * d",
            job="precise",
            shared_by=("approximate",),
            where=multiplies_4bit,
        ),
        Action(
            "brick_ops_16bit",
            5,
            "multiplications",
            "4x4 multiplications of precise work in 16 bits, 16 per MAC: essential neurons * d * 16",
            job="precise",
        ),
        Action(
            "vpu_steps_4bit",
            6,
            "steps",
            "per pass K * W(v) summed over VPUs, of approximate jobs and of precise ones in 4 bits",
            job="precise",
            shared_by=("approximate",),
            where=multiplies_4bit,
        ),
        Action(
            "vpu_steps_16bit",
            7,
            "steps",
            "per pass K * W(v) summed over VPUs, of precise jobs in 16 bits",
            job="precise",
        ),
        Action(
            "brick_ops_8bit",
            50,
            "multiplications",
            "4x4 multiplications of precise work in 8 bits, 4 per MAC: essential neurons * d * 4",
            job="precise",
            where=multiplies_8bit,
        ),
        Action(
            "vpu_steps_8bit",
            51,
            "steps",
            "per pass K * W(v) summed over VPUs, of precise jobs in 8 bits",
            job="precise",
            where=multiplies_8bit,
        ),
        *_job_actions(),
        Action(
            "mvu_idle_input_cycles",
            14,
            "cycles",
            "the MVU's idle cycles just before an approximate job, or before any job of a dense layer",
        ),
        Action(
            "mvu_idle_select_cycles",
            15,
            "cycles",
            "idle cycles just before a precise job of an approximated layer",
        ),
        Action(
            "mvu_idle_drain_cycles",
            16,
            "cycles",
            "idle cycles after the core's last MVU job of the tile until the core's end",
        ),
        Action(
            "broadcast_register_writes",
            37,
            "words",
            "per pass K * q * (words per chunk: its bits / 16)",
            job="precise",
            shared_by=("approximate",),
        ),
        Action(
            "weight_register_writes",
            38,
            "words",
            _REGISTER_WORDS,
            job="precise",
            shared_by=("approximate",),
        ),
    )
    parts = (
        LogicPart("multipliers", "multiplier", lambda machine: machine.mvu.vpus * machine.mvu.lanes, "V x L"),
        LogicPart(
            "byte_mode",
            "multiplier",
            lambda machine: BYTE_MODE_SHARE * machine.mvu.vpus * machine.mvu.lanes,
            "V x L x 0.043: what the mode for 8 bits adds to a multiplier",
            where=multiplies_8bit,
        ),
        LogicPart(
            "adder_trees",
            "tree_adder",
            lambda machine: machine.mvu.vpus * (machine.mvu.lanes - 1),
            "V x (L - 1)",
        ),
        LogicPart("psum_adders", "psum_adder", lambda machine: machine.mvu.vpus, "V"),
        LogicPart(
            "psum_registers",
            "register_file_word",
            lambda machine: machine.mvu.vpus * _psum_words(machine.mvu.accumulators_per_vpu),
            "V x A x 3",
        ),
        LogicPart(
            "operand_registers",
            "ring_word",
            lambda machine: 2 * machine.mvu.position_block * chunk_words(machine),
            "2 x T chunks: one set is loaded while the other is broadcast",
        ),
        LogicPart(
            "weight_registers",
            "ring_word",
            lambda machine: machine.mvu.vpus * (2 * chunk_words(machine)),
            "V x 2 chunks, whether they hold a chunk or pass it on",
        ),
        LogicPart(
            "operand_words",
            "operand_word",
            lambda machine: machine.mvu.vpus * chunk_words(machine),
            "V chunks: x and w of a step, either mode, padding gated",
        ),
        LogicPart("requantizers", "requantizer", lambda machine: machine.mvu.vpus, "V"),
    )
    charges = (
        Charge(
            "multiply_16bit",
            "compute",
            0,
            {"brick_ops_16bit": lambda machine, tariff: tariff.event("multiply_16bit") / 16},
            "`brick_ops_16bit` / 16 x `multiply_16bit`",
        ),
        Charge(
            "multiply_4bit",
            "compute",
            1,
            {"brick_ops_4bit": event_price("multiply_4bit")},
            "`brick_ops_4bit` x `multiply_4bit`",
        ),
        Charge(
            "multiply_8bit",
            "compute",
            37,
            {"brick_ops_8bit": lambda machine, tariff: tariff.event("multiply_16bit") / 16},
            "`brick_ops_8bit` / 16 x `multiply_16bit`: four bricks as in a product of 16 bits",
        ),
        Charge(
            "adder_tree",
            "compute",
            2,
            _per_step(_tree_price),
            "`vpu_steps` (all modes) x (L - 1) x `tree_addition`",
        ),
        Charge(
            "psum_addition",
            "compute",
            3,
            _per_step(event_price("psum_addition")),
            "`vpu_steps` x `psum_addition`",
        ),
        Charge(
            "requantize",
            "compute",
            5,
            {"result_buffer_writes": event_price("requantize")},
            "`result_buffer_writes` x `requantize`",
        ),
        Charge(
            "psum_registers",
            "registers",
            22,
            _per_step(_psum_register_price),
            "`vpu_steps` x 3 words x (rf(A) + `register_file_write`)",
        ),
        Charge(
            "operand_registers",
            "registers",
            23,
            {"broadcast_register_writes": event_price("ring_write")},
            "`broadcast_register_writes` x `ring_write`",
        ),
        Charge(
            "weight_registers",
            "registers",
            24,
            {"weight_register_writes": event_price("ring_write")},
            "`weight_register_writes` x `ring_write`",
        ),
    )
    delays = (
        delay_of("multiplier", "multiplier"),
        delay_of("tree_adder", "tree_adder"),
        delay_of("psum_adder", "psum_adder"),
        delay_of("register_file_word", "register_file_word"),
        delay_of("requantizer", "requantizer"),
        delay_of("operand_word", "operand_word"),
        delay_of("operand_registers", "ring_word"),
    )
