"""The mistakes that the suite must catch: one each, of the kind that is made when docs/machine.md is put into code."""

from __future__ import annotations

from tests.mutations.compiled_catalogue import COMPILED
from tests.mutations.mutant import Mutation

TILES = (
    Mutation(
        "spare VPUs never share",
        "section 2, lanes: VPUs without a unit hold copies of others'",
        "mapping/tiling.py",
        'if mvu.spare_vpus != "share" or tile_units >= mvu.vpus:',
        "if True:",
    ),
    Mutation(
        "one lane too many",
        "section 2, lanes: floor(V / u), not ceil",
        "mapping/tiling.py",
        "min(mvu.position_block, mvu.vpus // tile_units)",
        "min(mvu.position_block, ceil_div(mvu.vpus, tile_units))",
    ),
    Mutation(
        "codes take no room in a slice",
        "section 2, tiles: a row takes K_p w_p + K_a w_a lines",
        "mapping/tiling.py",
        "precise.weight_lines + Operand.approximate(machine, k).weight_lines",
        "precise.weight_lines",
    ),
    Mutation(
        "rows packed across the lines of a slice",
        "section 2, tiles: every chunk begins on a line of its own",
        "mapping/tiling.py",
        "row_lines = precise.weight_lines",
        "row_lines = ceil_div(WORD_BITS * shape.d, machine.weight_sram.width_bits)",
    ),
    Mutation(
        "kept projections are projected again",
        "section 3, kept projections: tiles after the first fetch x but do not project",
        "mapping/tiling.py",
        'projects=form == "patch" and (index == 0 or not kept)',
        'projects=form == "patch"',
    ),
    Mutation(
        "kept projections need no room",
        "section 3, kept projections: only if the patch buffer holds them beside the slots",
        "mapping/tiling.py",
        "kept = len(cuts) > 1 and precise_bits > 0 and shape.positions * code_lines <= spare_lines",
        "kept = len(cuts) > 1 and precise_bits > 0",
    ),
    Mutation(
        "every sub-layer counts the positions",
        "section 7: positions are counted in the first tile of the first sub-layer only",
        "mapping/tiling.py",
        "counts_positions=group == 0 and index == 0",
        "counts_positions=index == 0",
    ),
    Mutation(
        "neighbouring units on one VPU",
        "section 2, ownership: unit i belongs to VPU i mod V",
        "mapping/mvu_job.py",
        "owner = unit % owners",
        "owner = unit // ceil_div(tile.units, owners)",
    ),
    Mutation(
        "an uneven split of blocks, rounded up",
        "section 3: core c begins at block floor(c NB / C)",
        "mapping/core_work.py",
        "np.arange(core * blocks // cores, (core + 1) * blocks // cores, dtype=np.int64)",
        "np.arange(-(-core * blocks // cores), -(-(core + 1) * blocks // cores), dtype=np.int64)",
    ),
)

FRONT_END = (
    Mutation(
        "off by one in the fetch",
        "section 1: F = ceil(ceil(16 d / Wi) / banks)",
        "components/front_end.py",
        "windows = ceil_div(reads, machine.input_sram.banks)",
        "windows = reads // machine.input_sram.banks + 1",
    ),
    Mutation(
        "input banks ignored",
        "section 1: a window is what all banks bring in a cycle",
        "components/front_end.py",
        "windows = ceil_div(reads, machine.input_sram.banks)",
        "windows = reads",
    ),
    Mutation(
        "sums are rounded in no time",
        "section 4, front end: ceil(k / quantizers) cycles for all groups together",
        "components/projection_unit.py",
        "rounding = ceil_div(tile.k, unit.quantizers)",
        "rounding = 0",
    ),
    Mutation(
        "whole groups of sums only",
        "section 4, front end: there are ceil(k / lanes) groups, not floor",
        "components/projection_unit.py",
        "fetches = ceil_div(tile.k, _lanes(machine))",
        "fetches = max(1, tile.k // _lanes(machine))",
    ),
    Mutation(
        "a patch is read once for all groups of sums",
        "section 7, input_sram_reads: times G where it projects",
        "components/front_end.py",
        '"input_sram_reads": positions * reads * fetches',
        '"input_sram_reads": positions * reads',
    ),
    Mutation(
        "windows are fetched once for all groups of sums",
        "section 7, fetch_cycles: q F G where it projects",
        "components/front_end.py",
        '"fetch_cycles": positions * fetched',
        '"fetch_cycles": positions * (windows + code_windows)',
    ),
    Mutation(
        "y is not written to the patch buffer",
        "section 7, patch_buffer_writes: q ly lines more if it projects",
        "components/projection_unit.py",
        "lines = ceil_div(CODE_BITS * tile.k, machine.patch_buffer.width_bits)",
        "lines = 0",
    ),
    Mutation(
        "slots ignored by the front end",
        "section 5: fetch(b) waits for the release of block b - S",
        "machine/job_queue.py",
        "if block < self.count:",
        "if True:",
    ),
    Mutation(
        "lookahead one too many",
        "section 1: S = lookahead + 1",
        "machine/core.py",
        "self.slots = Slots(env, machine.sequencer.lookahead + 1, len(front))",
        "self.slots = Slots(env, machine.sequencer.lookahead + 2, len(front))",
    ),
)

MVU_JOBS = (
    Mutation(
        "no accumulate latency",
        "section 4: tau = max(base, R)",
        "mapping/mvu_job.py",
        "np.maximum(mvu.accumulate_latency_cycles - base, 0)",
        "np.maximum(0 * base, 0)",
    ),
    Mutation(
        "no accumulate latency in a job of all rows",
        "section 4: tau = max(base, R)",
        "mapping/mvu_job.py",
        "bubble += times * max(mvu.accumulate_latency_cycles - base, 0)",
        "bubble += 0",
    ),
    Mutation(
        "the patch buffer's port ignored",
        "section 4: base = max(X, max Q)",
        "mapping/mvu_job.py",
        "np.maximum(operand_reads, weight_time.max(axis=(1, 2)))",
        "weight_time.max(axis=(1, 2))",
    ),
    Mutation(
        "the weight port ignored",
        "section 4: a weight chunk takes w accesses",
        "mapping/mvu_job.py",
        "weight_time = own_steps * operand.weight_accesses",
        "weight_time = own_steps",
    ),
    Mutation(
        "a held chunk is read twice",
        "section 4, hold_weights: read once per row and held while its positions are served",
        "mapping/mvu_job.py",
        "fetched += (uses > 0).sum(axis=(1, 2, 3))",
        "fetched += uses.sum(axis=(1, 2, 3))",
    ),
    Mutation(
        "weights read ahead by more than a chunk",
        "section 4: Q(v) = sum over rows of max(c, w); the register holds one chunk ahead",
        "mapping/mvu_job.py",
        "np.where(uses > 0, np.maximum(uses, operand.weight_accesses), 0).sum(axis=-1)",
        "np.maximum(own_steps, (uses > 0).sum(axis=-1) * operand.weight_accesses)",
    ),
    Mutation(
        "one row too many in a pass",
        "section 4: a = floor(A / q) rows a pass",
        "mapping/mvu_job.py",
        "rows_per_pass = (mvu.accumulators_per_vpu // positions)",
        "rows_per_pass = -(-mvu.accumulators_per_vpu // positions)",
    ),
    Mutation(
        "the last block is read as a full one",
        "section 4: X = ceil(q chunk bits / Wp), q of the block",
        "mapping/mvu_job.py",
        "operand_reads = -(-positions * operand.chunk_bits // machine.patch_buffer.width_bits)",
        "operand_reads = -(-mvu.position_block * operand.chunk_bits // machine.patch_buffer.width_bits) + 0 * positions",
    ),
    Mutation(
        "a partial chunk is cut short",
        "section 4: chunks K = ceil(d / L)",
        "mapping/operand.py",
        "chunks=ceil_div(length, per_chunk)",
        "chunks=max(1, length // per_chunk)",
    ),
    Mutation(
        "the busiest VPU alone has stalls",
        "section 4: base = max over v of Q(v), whoever has most steps",
        "mapping/mvu_job.py",
        "weight_time.max(axis=(1, 2)))",
        "np.where(own_steps == longest[:, None, None], weight_time, 0).max(axis=(1, 2)))",
    ),
)

SELECTION_AND_WRITES = (
    Mutation(
        "rows ranked one by one",
        "section 4, selector: N:M ranks u groups, not n rows",
        "components/nm_selector.py",
        "cycles = positions * ceil_div(tile.units, _unit(machine).groups_per_cycle)",
        "cycles = positions * ceil_div(tile.rows, _unit(machine).groups_per_cycle)",
    ),
    Mutation(
        "comparisons run on across positions",
        "section 4, selector: q ceil(n / comparators), a position at a time",
        "components/threshold_selector.py",
        "cycles = positions * ceil_div(tile.rows, _comparators(machine))",
        "cycles = ceil_div(positions * tile.rows, _comparators(machine))",
    ),
    Mutation(
        "lines with no essential neuron are written",
        "section 4, write-back: of z, only lines that hold an essential neuron",
        "mapping/block_work.py",
        "lines = _block_sums(np.logical_or.reduceat(mask, line_starts, axis=1).sum(axis=1), block)",
        "lines = positions * len(line_starts) * (_block_sums(mask.sum(axis=1), block) > 0)",
    ),
    Mutation(
        "output banks conflict",
        "section 4, write-back: banks lines a cycle",
        "mapping/block_work.py",
        "write = -(-lines // machine.output_sram.banks)",
        "write = lines",
    ),
    Mutation(
        "z~ goes past the activation stage",
        "section 14: the words of z~ pass it, then those of z",
        "mapping/block_work.py",
        "counts |= _of_written_words(outputs, machine)",
        "counts |= {}",
    ),
    Mutation(
        "z~ is read out of the result buffer once",
        "section 7, result_buffer_reads: by the selector and by the output port",
        "mapping/block_work.py",
        "reads = 2 * outputs if tile.approximates and tile.is_precise else outputs",
        "reads = outputs",
    ),
    Mutation(
        "the mask is valid at once",
        "section 4, selector: the mask is valid latency_cycles after the service",
        "machine/core.py",
        "machine.selector.latency_cycles if machine.selector and work.selects else 0",
        "0",
    ),
    Mutation(
        "the selector is busy until the mask is valid",
        "section 4, selector: free at the end of its service, before the latency",
        "machine/selector_process.py",
        "            after(self.env, self.latency_cycles, lambda block=block: self.valid(block))  # type: ignore[misc]\n",
        "            yield self.env.timeout(self.latency_cycles)\n            self.valid(block)\n",
    ),
    Mutation(
        "the end does not wait for the last mask",
        "section 5: a tile ends no earlier than its masks are valid",
        "machine/selector_process.py",
        "        if self.service_cycles:  # the last mask is part of the core's work\n",
        "        if False:\n",
    ),
)

SCHEDULE = (
    Mutation(
        "a forgotten drain before the selection",
        "section 5: select(b) and write z~(b) start D cycles after approximate(b)",
        "machine/core.py",
        "after(self.env, drain_cycles, lambda: self.on_noise_ready(job.block))",
        "self.on_noise_ready(job.block)",
    ),
    Mutation(
        "a forgotten drain before the write",
        "section 5: write z(b) starts D cycles after precise(b)",
        "machine/core.py",
        "after(self.env, drain_cycles, lambda: self.on_precise_ready(job.block))",
        "self.on_precise_ready(job.block)",
    ),
    Mutation(
        "released at the end of the precise work",
        "section 5: a block is released when its last write has ended",
        "machine/core.py",
        "        self.output_port.arrived.put(Write(block, self.write_cycles[block], self.on_written))\n",
        "        self.output_port.arrived.put(Write(block, self.write_cycles[block], lambda block: None))\n"
        "        self.may_release(block)\n",
    ),
    Mutation(
        "released with the write of z~ or the mask, whichever is first",
        "section 5: without an essential neuron, released when both are there",
        "machine/core.py",
        "self.until_release = [1 if cycles > 0 or not work.selects else 2 for cycles in self.precise_cycles]",
        "self.until_release = [1 for cycles in self.precise_cycles]",
    ),
    Mutation(
        "the other MVU order",
        "section 5, MVU order",
        "machine/job_queue.py",
        'preferred = job.precise == (self.order == "precise_first")',
        'preferred = job.precise != (self.order == "precise_first")',
    ),
    Mutation(
        "the youngest block first",
        "section 5, MVU order: of the lowest block",
        "machine/job_queue.py",
        "(int(not preferred), job.block, job)",
        "(int(not preferred), -job.block, job)",
    ),
    Mutation(
        "the MVU looks too early in its cycle",
        "section 5, MVU order: after everything that ends or becomes valid in the cycle",
        "machine/mvu_process.py",
        "            yield settled(self.env)\n",
        "",
    ),
    Mutation(
        "idle cycles of the wrong kind",
        "section 7: before a precise job of an approximated layer the MVU waited for a mask",
        "machine/mvu_process.py",
        "if job.precise and not self.dense:",
        "if not job.precise and not self.dense:",
    ),
    Mutation(
        "the barrier forgotten",
        "section 6: a tile ends when its last core ends it, the others wait",
        "machine/chip.py",
        "barrier_cycles=elapsed_cycles - counts.core_cycles",
        "barrier_cycles=0",
    ),
    Mutation(
        "weights never load ahead",
        "section 6, DRAM: if both tiles fit, load j starts when tile j - 1 starts",
        "machine/dram_channel.py",
        "fits = together <= self.slice_lines",
        "fits = False",
    ),
    Mutation(
        "weights load ahead without room",
        "section 6, DRAM: otherwise load j starts when tile j - 1 ends",
        "machine/dram_channel.py",
        "fits = together <= self.slice_lines",
        "fits = True",
    ),
    Mutation(
        "the DRAM's latency forgotten",
        "section 6, DRAM: a load takes latency + ceil(bytes / bytes per cycle)",
        "machine/dram_channel.py",
        "self.dram.latency_cycles + transfer_cycles",
        "transfer_cycles",
    ),
)

MUTATIONS = (*TILES, *FRONT_END, *MVU_JOBS, *SELECTION_AND_WRITES, *SCHEDULE, *COMPILED)
