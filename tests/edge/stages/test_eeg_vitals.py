"""Band powers and amplitude of an EEG: right, once a second, and nothing out of nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.stages.eeg_hops import EegHops
from edge.stages.eeg_quality import GOOD, stream_state
from edge.stages.eeg_vitals import BANDS_HZ, EegPoint, EegVitals
from tests.edge.stages.brain import Lead, background, samples
from vitalwire.contracts import SignalState

FS = 256.0
FRAME = 51


class Path:
    """Hops and vitals together, as in the pipeline; a gap lies behind a frame."""

    def __init__(self, n_leads: int) -> None:
        self.hops = EegHops(FS, n_leads)
        self.vitals = EegVitals(FS)
        self.n_leads = n_leads

    def run(self, x: Lead, first: int = 0) -> list[EegPoint]:
        told, leads = [], samples(x)
        for at in range(0, leads.shape[1] - FRAME + 1, FRAME):
            hops = self.hops.push(leads[:, at : at + FRAME], [0] * self.n_leads, 0)
            codes = self.hops.codes
            start, n_good = first + at, int(np.count_nonzero(codes == GOOD))
            told += self.vitals.push(start, start + FRAME, hops, n_good, stream_state(codes))
        return told


def sines(n_s: float, sizes_uv: dict[float, float], n_leads: int = 2) -> Lead:
    t = np.arange(round(n_s * FS)) / FS
    lead = sum(size * np.sin(2 * np.pi * hz * t) for hz, size in sizes_uv.items())
    return np.tile(np.asarray(lead, np.float64), (n_leads, 1))


def test_the_powers_are_those_of_the_waves() -> None:
    sizes = {2.0: 40.0, 6.0: 20.0, 10.0: 30.0, 20.0: 10.0}
    point = Path(2).run(sines(20.0, sizes))[-1]
    assert point.powers_uv2 is not None
    wanted = [size**2 / 2.0 for size in sizes.values()]
    assert point.powers_uv2[:4] == pytest.approx(wanted, rel=0.05)
    assert point.powers_uv2[4] < 1.0
    assert point.amplitude_uv == pytest.approx(np.sqrt(sum(wanted)), rel=0.03)


@pytest.mark.parametrize("band", range(len(BANDS_HZ)))
def test_a_wave_is_in_its_band(band: int) -> None:
    low, high = BANDS_HZ[band]
    for hz in (max(low + 1.0, 1.5), high - 1.0):
        point = Path(1).run(sines(10.0, {hz: 30.0}, 1))[-1]
        assert point.powers_uv2 is not None
        assert int(np.argmax(point.powers_uv2)) == band


def test_once_a_second_and_nothing_before_enough_was_seen() -> None:
    points = Path(2).run(background(2, 70.0, FS))
    assert [point.sample for point in points] == [256 * (i + 1) for i in range(len(points))]
    assert [point.powers_uv2 is None for point in points[:4]] == [True, True, False, False]
    assert points[0].state is SignalState.GOOD  # the fifth frame has passed
    assert points[30].analysable == pytest.approx(30 / 60, abs=0.02)
    assert points[65].analysable == 1.0
    assert {point.good_leads for point in points[1:]} == {2}


def test_the_median_leaves_out_one_lead_and_a_bad_lead_is_out() -> None:
    x = sines(20.0, {10.0: 30.0}, 5)
    clean = Path(5).run(x)[-1].powers_uv2
    x[0] += 150.0 * np.sin(2 * np.pi * 1.5 * np.arange(x.shape[1]) / FS)  # blinks
    x[1, round(5 * FS) :] = 0.0
    told = Path(5).run(x)[-1]
    assert clean is not None
    assert told.powers_uv2 == pytest.approx(clean, rel=0.01, abs=0.5)
    assert told.good_leads == 4


def test_what_cannot_be_analysed_is_none_at_once_and_begins_anew() -> None:
    x = background(3, 40.0, FS)
    x[:2, round(15 * FS) : round(25 * FS)] += 5000.0 * np.sign(
        np.sin(np.arange(round(10 * FS)) / 9.0)
    )
    points = Path(3).run(x)
    gone = [i + 1 for i, point in enumerate(points) if point.powers_uv2 is None]
    assert gone[:2] == [1, 2]
    # From the first jump until 2 s after the last: the third lead had its window all along.
    assert gone[2:] == list(range(15, 28))
    assert points[20].state is SignalState.POOR
    assert points[20].good_leads == 1


def test_behind_a_gap_nothing_is_carried_over() -> None:
    path = Path(2)
    path.run(background(2, 20.0, FS))
    path.hops.start_anew(1.0)
    path.vitals.reset(6400)
    points = path.run(sines(10.0, {10.0: 30.0}), 6400)
    assert [point.powers_uv2 is None for point in points[:3]] == [True, True, False]
    assert points[3].powers_uv2 is not None
    assert points[3].powers_uv2[2] == pytest.approx(450.0, rel=0.05)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99))
def test_it_goes_on_from_its_state(at: int) -> None:
    x = background(3, 20.0, FS)
    x[0, 2000:] = 0.0
    whole, first, second = Path(3), Path(3), Path(3)
    expected = whole.run(x[:, : 100 * FRAME])
    begun = first.run(x[:, : at * FRAME])
    second.hops.restore(unpack(pack(first.hops.state())))
    second.vitals.restore(unpack(pack(first.vitals.state())))
    assert begun + second.run(x[:, at * FRAME : 100 * FRAME], at * FRAME) == expected
