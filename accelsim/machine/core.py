"""One core on one tile: the units, and how a block passes from one to the next (section 5)."""

from __future__ import annotations

from collections.abc import Callable

import simpy

from accelsim.config import Machine
from accelsim.counts import Counts
from accelsim.machine.clocking import Process, after
from accelsim.machine.front_end_process import FrontEnd
from accelsim.machine.job_queue import JobQueue, MvuJob, Slots
from accelsim.machine.mvu_process import Mvu
from accelsim.machine.observer import Job
from accelsim.machine.output_port_process import OutputPort, Write
from accelsim.machine.selector_process import Selector
from accelsim.mapping import CoreWork


class Core:
    """Wires the units of one core together for one tile.

    A block's life, each step starting at the earliest in the cycle in which the former ended::

        fetch -> approximate -> (pipeline drains) -> select -> precise -> (pipeline drains) -> write z
                                        └─ write z~

    In a dense layer: fetch -> precise -> (pipeline drains) -> write z. The block is released when its last write has
    ended, and its mask is valid. ``job_ended(job, block, cycle)``, if given, is called for every job of every unit.
    """

    def __init__(
        self,
        env: simpy.Environment,
        machine: Machine,
        work: CoreWork,
        job_ended: Callable[[Job, int, int], None] | None = None,
    ) -> None:
        self.env = env
        self.machine = machine
        self.work = work
        self.job_ended = job_ended
        blocks = work.blocks
        front: list[int] = blocks.front.tolist()
        self.precise_cycles: list[int] = blocks.precise.tolist()
        self.approximate_cycles: list[int] = blocks.approximate.tolist()
        self.write_cycles: list[int] = blocks.write.tolist()
        self.write_noise_cycles: list[int] = blocks.write_noise.tolist()
        with_precise = sum(cycles > 0 for cycles in self.precise_cycles)
        approximated = 0 if work.dense else len(front)
        # Without precise work a block is released by its write of z~ and, if it has one, its mask; else by its write of z.
        self.until_release = [1 if cycles > 0 or not work.selects else 2 for cycles in self.precise_cycles]

        self.slots = Slots(env, machine.sequencer.lookahead + 1, len(front))
        self.queue = JobQueue(env, machine.sequencer.mvu_order)
        self.front_end = FrontEnd(env, front, self.slots, self.on_fetched)
        self.mvu = Mvu(env, with_precise + approximated, self.queue, work.dense, self.on_job_ended)
        self.selector = Selector(
            env,
            blocks.select.tolist() if work.selects else [],
            machine.selector.latency_cycles if machine.selector and work.selects else 0,
            self.on_mask_valid,
        )
        self.output_port = OutputPort(env, with_precise + approximated)
        self.counts = Counts()

    def notify(self, job: Job, block: int, cycles_ago: int = 0) -> None:
        """Notify the observer, if there is one, that the service of a job has ended."""
        if self.job_ended is not None:
            self.job_ended(job, block, int(self.env.now) - cycles_ago)

    def on_fetched(self, block: int) -> None:
        """Offer the first MVU job of a block that is now in its slot."""
        self.notify("fetch", block)
        if self.work.dense:
            self.offer_precise(block)
        else:
            self.queue.offer(MvuJob(block, precise=False, cycles=self.approximate_cycles[block]))

    def on_job_ended(self, job: MvuJob) -> None:
        """Pass on the results of a job that the MVU has issued, when the pipeline has drained."""
        self.notify("precise" if job.precise else "approximate", job.block)
        drain_cycles = self.machine.mvu.pipeline_depth_cycles
        if job.precise:
            after(self.env, drain_cycles, lambda: self.on_precise_ready(job.block))
        else:
            after(self.env, drain_cycles, lambda: self.on_noise_ready(job.block))

    def on_noise_ready(self, block: int) -> None:
        """Give the z~ of a block to the selector and to the output port."""
        if self.work.selects:
            self.selector.arrived.put(block)
        self.output_port.arrived.put(Write(block, self.write_noise_cycles[block], self.on_noise_written))

    def on_noise_written(self, block: int) -> None:
        """Release a block without essential neurons, unless its mask is still to come: z~ was its last write."""
        self.notify("write_noise", block)
        if self.precise_cycles[block] == 0:
            self.may_release(block)

    def on_mask_valid(self, block: int) -> None:
        """Offer the precise job of a block whose mask is now valid; without one, the block may be released."""
        self.notify("select", block, cycles_ago=self.selector.latency_cycles)
        if self.precise_cycles[block] == 0:
            self.may_release(block)
        else:
            self.offer_precise(block)

    def offer_precise(self, block: int) -> None:
        """Offer the precise job of a block to the MVU."""
        self.queue.offer(MvuJob(block, precise=True, cycles=self.precise_cycles[block]))

    def on_precise_ready(self, block: int) -> None:
        """Give the z of a block to the output port."""
        self.output_port.arrived.put(Write(block, self.write_cycles[block], self.on_written))

    def on_written(self, block: int) -> None:
        """Release a block whose z, its last write, is written."""
        self.notify("write", block)
        self.may_release(block)

    def may_release(self, block: int) -> None:
        """Note one of the events that a block's release waits for; after the last one, free its slot."""
        self.until_release[block] -= 1
        if self.until_release[block] == 0:
            self.slots.release(block)

    def run(self) -> Process:
        """Run the tile to its end; then ``counts`` is complete but for the barrier."""
        start = self.env.now
        units = (self.front_end, self.mvu, self.selector, self.output_port)
        yield self.env.all_of([self.env.process(unit.run()) for unit in units])
        end = self.env.now
        self.counts = self.work.counts.replaced(
            core_cycles=int(end - start),
            mvu_idle_input_cycles=self.mvu.idle_input_cycles,
            mvu_idle_select_cycles=self.mvu.idle_select_cycles,
            mvu_idle_drain_cycles=int(end - self.mvu.last_end),
            front_idle_slot_cycles=self.front_end.idle_slot_cycles,
            front_idle_done_cycles=int(end - self.front_end.last_end),
        )
