"""Leads that die while somebody is watched: the shipped model, and what the gateway says.

A dying electrode makes large, rhythmic or endless waves. None of them is a seizure, and nobody
may think that all is well.
"""

from collections.abc import Callable

import numpy as np
import pytest

from edge.models import LoadedModels, shipped_models
from edge.offline import analyze, chunks_of, records_of
from edge.results import events_of
from tests.edge.stages.brain import Lead, background, samples, seizure
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    Event,
    Probabilities,
    Quality,
    Signal,
    SignalState,
)

FS = 256.0
N_LEADS = 6
N_S = 62.0
DIES_S = 20.0
T = np.arange(round(N_S * FS)) / FS
DEAD = T >= DIES_S


@pytest.fixture(scope="module")
def models() -> LoadedModels:
    return shipped_models()


def heard(leads: Lead, models: LoadedModels) -> list[Event]:
    chunks = chunks_of(samples(leads), FS, signal=Signal.EEG)
    return events_of(analyze(records_of(chunks), models=models.models, eeg=models.eeg))


def kinds(events: list[Event]) -> set[AlarmKind]:
    return {one.kind for one in events if isinstance(one, AlarmEvent)}


def not_good(events: list[Event]) -> dict[int, SignalState]:
    """The first bad state of each lead, once it had been seen."""
    told: dict[int, SignalState] = {}
    for one in events:
        fine = (SignalState.GOOD, SignalState.UNKNOWN)
        if isinstance(one, Quality) and one.state not in fine:
            told.setdefault(one.lead, one.state)
    return told


def flat(lead: Lead) -> Lead:
    return np.where(DEAD, 0.0, lead)


def stuck(lead: Lead) -> Lead:
    return np.where(DEAD, lead[np.argmax(DEAD)], lead)


def rail(lead: Lead) -> Lead:
    return np.where(DEAD, 3000.0, lead)


def mains(lead: Lead) -> Lead:
    return lead + 2000.0 * DEAD * np.sin(2 * np.pi * 50.0 * T)


def missing(lead: Lead) -> Lead:
    return np.where(DEAD, np.nan, lead)


def pops(lead: Lead) -> Lead:
    """The electrode jumps every 2 s and settles."""
    last_s = np.maximum(T - DIES_S, 0.0) % 2.0
    return lead + 900.0 * DEAD * np.exp(-last_s / 0.15)


DYING = [
    (flat, SignalState.FLAT),
    (stuck, SignalState.FLAT),
    (rail, SignalState.POOR),
    (mains, SignalState.POOR),
    (missing, SignalState.POOR),
]


@pytest.mark.parametrize(("dying", "state"), DYING)
def test_a_lead_that_dies_is_said_and_is_no_seizure(
    models: LoadedModels, dying: Callable[[Lead], Lead], state: SignalState
) -> None:
    leads = background(N_LEADS, N_S, FS)
    leads[2] = dying(leads[2])
    events = heard(leads, models)
    assert kinds(events) == set()
    assert not_good(events) == {2: state}
    told = [one for one in events if isinstance(one, Probabilities)]
    assert len(told) >= 0.95 * N_S  # the others are watched on


def test_an_electrode_that_pops_is_no_seizure(models: LoadedModels) -> None:
    leads = background(N_LEADS, N_S, FS)
    leads[2] = pops(leads[2])
    assert kinds(heard(leads, models)) == set()


@pytest.mark.parametrize(("dying", "state"), DYING[::2])
def test_all_but_one_that_die_cannot_be_analysed(
    models: LoadedModels, dying: Callable[[Lead], Lead], state: SignalState
) -> None:
    leads = background(N_LEADS, N_S, FS)
    for lead in range(1, N_LEADS):
        leads[lead] = dying(leads[lead])
    events = heard(leads, models)
    assert kinds(events) == {AlarmKind.POOR_SIGNAL}
    assert not_good(events) == dict.fromkeys(range(1, N_LEADS), state)
    last = max(one.sample for one in events if isinstance(one, Probabilities))
    assert last / FS < DIES_S + 3.0


def test_with_a_dead_lead_a_seizure_is_still_found(models: LoadedModels) -> None:
    leads = background(N_LEADS, N_S, FS)
    leads[:, DEAD] += seizure(N_S - DIES_S, FS, 300.0)[: DEAD.sum()]
    leads[2] = flat(leads[2])
    events = heard(leads, models)
    assert kinds(events) == {AlarmKind.SEIZURE}
    assert not_good(events) == {2: SignalState.FLAT}
