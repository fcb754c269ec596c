from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.views import rhythm_view
from tests.cloud.fake_gateway import T0_NS, probabilities
from vitalwire.contracts import Rhythm, SignalState


def test_the_likeliest_rhythm_and_when_it_was_said() -> None:
    said = probabilities(360, af=0.71234, other=0.1)
    assert rhythm_view(said, T0_NS + 10**9, SignalState.GOOD) == {
        "label": "af",
        "probability": 0.712,
        "reason": "",
        "time_ms": T0_NS // 10**6,
        "received_ms": T0_NS // 10**6 + 1000,
    }


@given(
    st.lists(st.floats(0.01, 1), min_size=5, max_size=5),
    st.sampled_from([state for state in SignalState if state is not SignalState.GOOD]),
)
def test_a_signal_that_is_not_good_has_no_rhythm_unless_it_is_to_be_shocked(
    weights: list[float], state: SignalState
) -> None:
    shares = tuple(weight / sum(weights) for weight in weights)
    said = replace(probabilities(360), values=shares)
    view = rhythm_view(said, T0_NS, state)
    assert (view["reason"] == "") == (view["label"] == Rhythm.SHOCKABLE)


@pytest.mark.parametrize("rhythm", list(Rhythm))
def test_every_rhythm_can_be_the_likeliest(rhythm: Rhythm) -> None:
    values = tuple(0.9 if one is rhythm else 0.025 for one in Rhythm)
    view = rhythm_view(replace(probabilities(1), values=values), T0_NS, SignalState.GOOD)
    assert view["label"] == rhythm
