"""The closed form of jobs without masks against the general rule, under a mask that asks for everything."""

from __future__ import annotations

from random import Random

import numpy as np
from hypothesis import given, settings

from accelsim.mapping import tile_layer
from accelsim.mapping.block_work import RegularWork
from accelsim.mapping.mvu_job import Job, Operand, by_vpu, full_job, masked_jobs
from tests.engine.strategies import Case, cases, random_case


def check(case: Case) -> set[str]:
    """Compare the jobs of all blocks of all tiles of a case; what happened in them."""
    machine, seen = case.machine, set()
    for layer in case.layers:
        for tile in tile_layer(layer, machine):
            regular = RegularWork.of(tile, machine)
            block = machine.mvu.position_block
            last = tile.positions - (regular.blocks - 1) * block
            everything = by_vpu(np.ones((tile.positions, tile.rows), np.bool_), tile, machine)
            operands = [Operand.precise(machine, tile.d)]
            if tile.k:
                operands.append(Operand.approximate(machine, tile.k))
            for operand in operands:
                jobs = masked_jobs(everything, regular.per_block(block, last), operand, machine)
                most, least = (full_job(tile, count, operand, machine) for count in (block, last))
                for name in Job.__slots__:
                    one = [getattr(most, name)] * (regular.blocks - 1) + [getattr(least, name)]
                    assert getattr(jobs, name).tolist() == one, name
            if tile.lanes > 1:
                seen.add("lanes")
            if tile.rows % tile.rows_per_unit:
                seen.add("partial unit")
            if last < tile.lanes:
                seen.add("an idle lane")
            if tile.units % machine.mvu.vpus == 1:
                seen.add("a VPU with one unit more than all others")
    return seen


@settings(max_examples=100, deadline=None)
@given(case=cases())
def test_full_jobs_are_those_of_a_full_mask(case: Case) -> None:
    check(case)


def test_so_they_are_in_every_corner() -> None:
    seen = [feature for seed in range(200) for feature in check(random_case(Random(seed)))]
    for feature in ("lanes", "partial unit", "an idle lane", "a VPU with one unit more than all others"):
        assert seen.count(feature) >= 5, feature
