"""The list of all components. Everything about hardware that used to be a list of its own is derived from it here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from accelsim.components.activation_stage import ActivationStage
from accelsim.components.code_sram import CodeSram
from accelsim.components.component import Action, Component, Job, Service
from accelsim.components.dram import DramChannel
from accelsim.components.front_end import FrontEnd
from accelsim.components.input_sram import InputSram
from accelsim.components.leakage import Leakage
from accelsim.components.mask_units import MaskUnits
from accelsim.components.mvu import MatrixVectorUnit
from accelsim.components.nm_selector import NmSelectorUnit
from accelsim.components.noise_generator import NoiseGenerator
from accelsim.components.operand_select import OperandSelect
from accelsim.components.output_port import OutputPort
from accelsim.components.output_sram import OutputSram
from accelsim.components.patch_buffer import PatchBuffer
from accelsim.components.projection_unit import ProjectionUnit
from accelsim.components.result_buffer import ResultBank
from accelsim.components.score_scaler import ScoreScaler
from accelsim.components.sequencer import SequencerUnit
from accelsim.components.spiking_neurons import SpikingNeurons
from accelsim.components.threshold_selector import ThresholdSelectorUnit
from accelsim.components.weight_sram import WeightSram

if TYPE_CHECKING:
    from accelsim.config import Machine

COMPONENTS: tuple[Component, ...] = (
    SequencerUnit(),
    FrontEnd(),
    MatrixVectorUnit(),
    OutputPort(),
    ActivationStage(),
    OperandSelect(),
    ProjectionUnit(),
    MaskUnits(),
    ThresholdSelectorUnit(),
    NmSelectorUnit(),
    ScoreScaler(),
    SpikingNeurons(),
    NoiseGenerator(),
    WeightSram(),
    InputSram(),
    CodeSram(),
    PatchBuffer(),
    ResultBank(),
    OutputSram(),
    DramChannel(),
    Leakage(),
)
"""All components. Items of the area stand in this order, and of equally slow blocks the first limits the clock."""

ACTIONS: tuple[Action, ...] = tuple(
    sorted((action for each in COMPONENTS for action in each.actions), key=lambda action: action.column)
)
"""All actions in the order of their columns."""

ACTION_NAMES: tuple[str, ...] = tuple(action.name for action in ACTIONS)

RTL_ACTION_NAMES: tuple[str, ...] = tuple(
    action.name
    for action in ACTIONS
    if any(each.rtl and action.in_rtl and action in each.actions for each in COMPONENTS)
)
"""The actions that the RTL's core counts, in the order of their columns."""

CHARGED_ACTION_NAMES: frozenset[str] = frozenset(
    name for each in COMPONENTS for charge in each.charges for name in charge.prices
)
"""The actions that cost energy on some machine: one that is counted has hardware, or the count is wrong."""


def _check(components: tuple[Component, ...]) -> None:
    """Raise ValueError if two components claim one name or column, or a charge names an unknown action."""
    for what, claimed in {
        "component": [each.name for each in components],
        "action": [action.name for each in components for action in each.actions],
        "column": [str(action.column) for each in components for action in each.actions],
    }.items():
        twice = [name for name, times in Counter(claimed).items() if times > 1]
        if twice:
            raise ValueError(f"components: {what} {twice[0]} is claimed twice")
    if unknown := CHARGED_ACTION_NAMES - set(ACTION_NAMES):
        raise ValueError(f"components: a charge prices {min(unknown)}, which is no component's action")


_check(COMPONENTS)


def components_of(machine: Machine) -> tuple[Component, ...]:
    """Return the components that a machine has, in the order of the list."""
    return tuple(each for each in COMPONENTS if each.is_in(machine))


def service_of(job: Job, machine: Machine) -> Service:
    """Return the service of a job on a machine. Raises StopIteration if no component of it serves such a job."""
    return next(
        service for each in components_of(machine) for served, service in each.services if served == job
    )


def made_actions(machine: Machine) -> frozenset[str]:
    """Return the names of the actions that a machine can make."""
    return frozenset(
        action.name for each in components_of(machine) for action in each.actions if action.where(machine)
    )


def per_written_word(machine: Machine) -> dict[str, int]:
    """Return what the units at the output port count for each word that it writes."""
    counts: dict[str, int] = {}
    for each in components_of(machine):
        counts |= each.per_written_word(machine)
    return counts


def action_owners() -> Mapping[str, tuple[tuple[Job, ...], Job]]:
    """Return, by action, the jobs that make the part that all masks have in common, and the job that makes the rest.

    Actions of the schedule, which no job makes, are absent.
    """
    return {action.name: (action.shared_by, action.job) for action in ACTIONS if action.job is not None}
