"""The oracle's jobs (docs/machine.md, section 4): generators that yield once for each cycle they take.

Nothing is computed from a service-time formula: accesses, additions, comparisons and bricks are used up as
the ports and units allow, cycle by cycle, and counted as they happen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from accelsim.components.sram import BankedSram
from accelsim.config import Machine
from tests.oracles.layout import CodePass, Tile, ceil_div

Job = Iterator[None]
Tally = dict[str, int]


def front_end_job(tally: Tally, tile: Tile, block: Sequence[int], machine: Machine) -> Job:
    """Bring a block's patches window by window, and project them on the way, position by position."""
    for _ in block:
        tally["positions"] += tile.counts_positions
        if tile.weight_word:  # else nothing will ever read x
            tally["patch_buffer_writes"] += ceil_div(
                tile.input_bits * tile.d, machine.patch_buffer.width_bits
            )
        if tile.projects:
            yield from _project(tally, tile, machine)
        elif tile.weight_word:
            yield from _fetch(tally, tile, machine)
        if tile.form in ("none", "pixel"):
            yield from _fetch_codes(tally, tile, machine)


def _fetch(tally: Tally, tile: Tile, machine: Machine) -> Job:
    """Read a whole patch, a window a cycle."""
    return _read(tally, "input_sram_reads", tile.input_bits * tile.d, machine.input_sram)


def _fetch_codes(tally: Tally, tile: Tile, machine: Machine) -> Job:
    """Read the codes of a patch, a code window a cycle."""
    assert machine.code_sram is not None
    tally["patch_buffer_writes"] += ceil_div(4 * tile.k, machine.patch_buffer.width_bits)
    return _read(tally, "code_sram_reads", 4 * tile.k, machine.code_sram)


def _read(tally: Tally, counted: str, bits: int, sram: BankedSram) -> Job:
    """Read so many bits, as many lines in a cycle as the memory has ports."""
    reads_left = ceil_div(bits, sram.width_bits)
    while reads_left:
        reads = min(reads_left, sram.banks)
        reads_left -= reads
        tally[counted] += reads
        tally["fetch_cycles"] += 1
        tally["front_busy_cycles"] += 1
        yield


def code_pass_job(tally: Tally, made: CodePass, machine: Machine) -> Job:
    """Make the code map of a layer on one core, row by row or pixel by pixel."""
    assert machine.projection is not None and machine.code_sram is not None
    sram, quantizers = machine.input_sram, machine.projection.quantizers
    for _ in range(made.rows):
        if made.form == "none":
            words_left = words = made.pixels * made.channels
            reads_left = ceil_div(made.word_bits * words, sram.width_bits)
            tally["code_sram_writes"] += ceil_div(4 * words, machine.code_sram.width_bits)
            while reads_left or words_left:  # reading and rounding go on side by side
                reads, rounded = min(reads_left, sram.banks), min(words_left, quantizers)
                reads_left -= reads
                words_left -= rounded
                tally["input_sram_reads"] += reads
                tally["projected_values"] += rounded
                yield
            continue
        for _ in range(made.pixels):
            yield from _pixel(tally, made, machine)


def _pixel(tally: Tally, made: CodePass, machine: Machine) -> Job:
    assert machine.projection is not None and machine.projection.lanes and machine.code_sram is not None
    sram, quantizers = machine.input_sram, machine.projection.quantizers
    words_at_once = (
        sram.banks * sram.width_bits // 16
    )  # what a lane adds up in a cycle, however long the words are
    sums_left = made.values
    while sums_left:
        sums = min(sums_left, machine.projection.lanes)
        sums_left -= sums
        tally["input_sram_reads"] += ceil_div(made.word_bits * made.channels, sram.width_bits)
        for _ in range(0, made.channels, words_at_once):
            tally["projection_accumulations"] += sums
            yield
        while sums:
            rounded = min(sums, quantizers)
            sums -= rounded
            tally["projected_values"] += rounded
            yield
    tally["projection_additions"] += made.nnz
    tally["code_sram_writes"] += ceil_div(4 * made.values, machine.code_sram.width_bits)


def _project(tally: Tally, tile: Tile, machine: Machine) -> Job:
    """Make the sums of a position: as many as there are lanes, while the whole patch passes by, then the next."""
    assert machine.projection is not None and machine.projection.lanes
    words_at_once = machine.input_sram.banks * machine.input_sram.width_bits // 16
    sums_left = tile.k
    while sums_left:
        sums = min(sums_left, machine.projection.lanes)
        sums_left -= sums
        tally["input_sram_reads"] += ceil_div(tile.input_bits * tile.d, machine.input_sram.width_bits)
        for _ in range(0, tile.d, words_at_once):
            tally["projection_accumulations"] += sums
            tally["projection_cycles"] += 1
            tally["fetch_cycles"] += 1
            tally["front_busy_cycles"] += 1
            yield
        yield from _round_sums(tally, sums, machine.projection.quantizers)
    tally["projection_additions"] += tile.nnz
    tally["patch_buffer_writes"] += ceil_div(4 * tile.k, machine.patch_buffer.width_bits)


def _round_sums(tally: Tally, sums: int, quantizers: int) -> Job:
    while sums:
        rounded = min(sums, quantizers)
        sums -= rounded
        tally["projected_values"] += rounded
        tally["projection_cycles"] += 1
        tally["front_busy_cycles"] += 1
        yield


@dataclass(frozen=True)
class Operand:
    """What an MVU job multiplies: `length` values of `value_bits` a row, `per_chunk` of them at a time.

    input_bits: of what they are multiplied with.
    """

    kind: str
    value_bits: int
    length: int
    per_chunk: int
    input_bits: int

    @classmethod
    def approximate(cls, tile: Tile, machine: Machine) -> Operand:
        return cls("approximate", 4, tile.k, machine.mvu.bricks_per_vpu, 4)

    @classmethod
    def precise(cls, tile: Tile, machine: Machine) -> Operand:
        per_chunk = machine.mvu.bricks_per_vpu * 16 // tile.weight_word**2
        return cls("precise", tile.weight_word, tile.d, per_chunk, tile.input_bits)

    @property
    def bricks_per_value(self) -> int:
        return {1: 0, 4: 1, 8: 4, 16: 16}[self.input_bits]

    @property
    def weight_bits(self) -> int:
        """Of a row's chunk."""
        return self.per_chunk * self.value_bits

    @property
    def operand_bits(self) -> int:
        """Of a position's chunk."""
        return self.per_chunk * self.input_bits

    def chunks(self) -> Iterator[int]:
        """For each chunk the number of values in it; the last may have fewer."""
        left = self.length
        while left:
            values = min(left, self.per_chunk)
            left -= values
            yield values


RowLists = Mapping[tuple[int, int], Sequence[int]]
"""(VPU, position) to rows, ascending; a pair that is absent has none."""


def active_rows(
    tile: Tile, block: Sequence[int], vpus: int, *, essential_only: bool
) -> dict[tuple[int, int], list[int]]:
    """The row lists of one MVU job on one block."""
    lists: dict[tuple[int, int], list[int]] = {}
    for number, position in enumerate(block):
        lane = number % tile.lanes
        for unit_number, unit in enumerate(tile.units):
            vpu = tile.vpu_of_unit(unit_number, lane, vpus)
            for row in unit:
                if not essential_only or row in tile.essential[position]:
                    lists.setdefault((vpu, position), []).append(row)
    return lists


def mvu_job(
    tally: Tally, tile: Tile, block: Sequence[int], operand: Operand, rows: RowLists, machine: Machine
) -> Job:
    """Go through all passes of a job, and of each all chunks that are not skipped."""
    psum_rows = machine.mvu.accumulators_per_vpu // len(block)
    left = {place: list(todo) for place, todo in rows.items() if todo}
    while left:
        in_pass = {place: todo[:psum_rows] for place, todo in left.items()}
        left = {place: todo[psum_rows:] for place, todo in left.items() if todo[psum_rows:]}
        first, cycles = 0, 0
        for values in operand.chunks():
            chunk, first = range(first, first + values), first + values
            todo = in_pass
            if operand.input_bits == 1:
                todo = _spiking_chunk(tally, tile, block, chunk, in_pass, machine)
            if todo:
                for _ in _chunk(tally, len(block), operand, values, todo, machine):
                    cycles += 1
                    yield
        if cycles == 0:
            tally[f"{operand.kind}_bubble_cycles"] += 1
            yield


def _spiking_chunk(
    tally: Tally, tile: Tile, block: Sequence[int], chunk: range, in_pass: RowLists, machine: Machine
) -> RowLists:
    """What of a pass is done in a chunk; adds up the spikes that its rows meet."""
    assert machine.spiking is not None
    fires = {position for position in block if tile.spikes[position] & set(chunk)}
    for (_vpu, position), rows in in_pass.items():
        tally["spike_additions"] += len(rows) * len(tile.spikes[position] & set(chunk))
    if not machine.spiking.skip_silent_chunks:
        return in_pass
    if fires:
        tally["event_walks"] += 1 + len(fires)
    return {place: rows for place, rows in in_pass.items() if place[1] in fires}


class _Vpu:
    """One VPU in one chunk: its (row, position) pairs row by row, through its weight port."""

    def __init__(self, rows: Sequence[int], accesses: int, hold: bool) -> None:
        """rows: the row of each pair, ascending."""
        pairs_of = [rows.count(row) for row in dict.fromkeys(rows)] if hold else [1] * len(rows)
        self.fetches = [[pairs, accesses] for pairs in pairs_of]
        """Steps and weight reads still to do for each fetch of a weight chunk, the present one first."""
        self.steps = 0
        self.reads = 0
        self.weight_chunks = len(self.fetches)

    def tick(self) -> None:
        """One cycle: a step and a weight read side by side, as far as there are any for this fetch."""
        if not self.fetches:
            return
        steps_left, reads_left = self.fetches[0]
        self.steps += steps_left > 0
        self.reads += reads_left > 0
        self.fetches[0] = [max(0, steps_left - 1), max(0, reads_left - 1)]
        if self.fetches[0] == [0, 0]:
            self.fetches.pop(0)


def _chunk(tally: Tally, q: int, operand: Operand, values: int, in_pass: RowLists, machine: Machine) -> Job:
    hold = machine.mvu.hold_weights
    accesses = ceil_div(operand.weight_bits, machine.weight_sram.width_bits)
    pairs: dict[int, list[int]] = {}
    for (owner, _position), rows in in_pass.items():
        pairs.setdefault(owner, []).extend(rows)
    vpus = [_Vpu(sorted(todo), accesses, hold) for todo in pairs.values()]
    patch_bits_left = q * operand.operand_bits

    cycles = bubbles = 0
    while True:
        waits_for_port = patch_bits_left > 0 or any(vpu.fetches for vpu in vpus)
        if not waits_for_port and cycles >= machine.mvu.accumulate_latency_cycles:
            break
        for vpu in vpus:
            vpu.tick()
        if patch_bits_left > 0:
            patch_bits_left -= machine.patch_buffer.width_bits
            tally["patch_buffer_reads"] += 1
        bubbles += not waits_for_port
        cycles += 1
        yield

    # The VPUs do not stall in the same cycles: what the busiest one does not issue is the ports' stall.
    issue = max(vpu.steps for vpu in vpus)
    tally[f"{operand.kind}_issue_cycles"] += issue
    tally[f"{operand.kind}_bubble_cycles"] += bubbles
    tally[f"{operand.kind}_port_stall_cycles"] += cycles - bubbles - issue
    tally["broadcast_register_writes"] += q * ceil_div(operand.operand_bits, 16)
    for vpu in vpus:
        tally[f"vpu_steps_{operand.input_bits}bit"] += vpu.steps
        tally[f"brick_ops_{operand.value_bits}bit"] += vpu.steps * values * operand.bricks_per_value
        tally[f"weight_sram_reads_{operand.value_bits}bit"] += vpu.reads
        tally["weight_register_writes"] += vpu.weight_chunks * operand.weight_bits // 16


def selector_job(tally: Tally, tile: Tile, block: Sequence[int], machine: Machine) -> Job:
    """Compare all outputs of the tile, or rank all its groups, position by position."""
    selector = machine.selector
    assert selector is not None
    for _ in block:
        tally["result_buffer_reads"] += len(tile.rows)
        if tile.scales:
            tally["scaled_scores"] += len(tile.rows)
        if selector.kind == "threshold":
            name, left, at_once = "comparisons", len(tile.rows), selector.comparators
        else:
            name, left, at_once = "groups_ranked", len(tile.units), selector.groups_per_cycle
        while left:
            done = min(left, at_once)
            left -= done
            tally[name] += done
            tally["selector_busy_cycles"] += 1
            yield


def write_job(
    tally: Tally, tile: Tile, block: Sequence[int], machine: Machine, *, essential_only: bool
) -> Job:
    """Write the block's output lines: all of them, or those that hold an essential neuron."""
    neurons_per_line = machine.output_sram.width_bits // 16
    lines_left = 0
    for position in block:
        written = {
            place // neurons_per_line
            for place, row in enumerate(tile.rows)
            if not essential_only or row in tile.essential[position]
        }
        lines_left += len(written)
        words = len(tile.essential[position]) if essential_only else len(tile.rows)
        if machine.activation is not None:
            tally["activations"] += words
        # The MVU has put there what the output port takes from there.
        tally["result_buffer_writes"] += words
        tally["result_buffer_reads"] += words
    while lines_left:
        lines = min(lines_left, machine.output_sram.banks)
        lines_left -= lines
        tally["output_sram_writes"] += lines
        tally["output_busy_cycles"] += 1
        yield


def neuron_job(tally: Tally, tile: Tile, block: Sequence[int], machine: Machine) -> Job:
    """Let the block's neurons make their steps: the port moves potentials, noise levels and spikes meanwhile."""
    line_bits, banks = machine.output_sram.width_bits, machine.output_sram.banks
    neurons = len(tile.rows)
    lines = ceil_div(16 * neurons, line_bits)
    steps = len(block) * tile.neuron_steps
    reads = writes = 0
    if tile.input_bits == 1:  # several blocks: potentials come from and go to the output SRAM
        reads += lines
        writes += lines
    if tile.noise:
        reads += lines
        tally["noise_draws"] += steps * neurons
    tally["membrane_reads"] += reads
    tally["membrane_writes"] += writes
    tally["membrane_updates"] += steps * neurons
    tally["result_buffer_writes"] += len(block) * neurons
    tally["result_buffer_reads"] += len(block) * neurons
    accesses_left = reads + writes
    for _ in range(steps):
        spike_lines = ceil_div(neurons, line_bits)
        tally["output_sram_writes"] += spike_lines
        accesses_left += spike_lines
    line_steps_left = steps * lines
    while accesses_left > 0 or line_steps_left > 0:
        accesses_left -= banks
        line_steps_left -= banks
        tally["output_busy_cycles"] += 1
        yield
