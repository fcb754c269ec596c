"""How long each lead was what, from what was told of its quality."""

import pytest

from edge.lead_states import LeadStates
from vitalwire.contracts import Quality, Signal, SignalState

GOOD, POOR, FLAT = SignalState.GOOD, SignalState.POOR, SignalState.FLAT
OFF, UNKNOWN = SignalState.LEAD_OFF, SignalState.UNKNOWN


def states(*told: tuple[int, int, SignalState]) -> LeadStates:
    """Of lead, first sample and state."""
    return LeadStates(
        Quality("w1", Signal.EEG, 7, lead, first, 0, state) for lead, first, state in told
    )


def test_seconds_by_lead_and_state() -> None:
    of = states(
        (0, 0, UNKNOWN), (1, 0, UNKNOWN), (0, 100, GOOD), (1, 100, GOOD), (2, 0, OFF),
        (1, 300, POOR), (1, 400, FLAT), (1, 500, POOR), (1, 600, GOOD),
    )  # fmt: skip
    assert of.lost_s(100.0, 10.0) == {1: {"poor": 2.0, "flat": 1.0}, 2: {"lead_off": 10.0}}


@pytest.mark.parametrize("state", [FLAT, OFF])
def test_nothing_is_seen_where_every_lead_is_silent(state: SignalState) -> None:
    of = states((0, 0, UNKNOWN), (1, 0, UNKNOWN), (0, 50, state), (1, 50, state))
    assert of.blank
    assert not any(of.seen_at(at) for at in (0, 49, 50, 1000))
    of = states((0, 50, state), (1, 50, state), (1, 80, GOOD), (1, 90, state), (0, 95, POOR))
    assert not of.blank
    seen = [of.seen_at(at) for at in (79, 80, 89, 90, 94, 95)]
    assert seen == [False, True, True, False, False, True]


def test_leads_that_nobody_judged_are_not_called_blank() -> None:
    of = states()
    assert not of.blank
    assert of.seen_at(0)
    assert of.lost_s(100.0, 10.0) == {}
