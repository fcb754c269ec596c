"""Hops of an EEG: signal, quality and amplitude together, the same from frames and arrays."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.offline import chunks_of
from edge.stages.eeg_hops import KEPT_S, EegHop, EegHops, hops_of
from edge.stages.eeg_signal import LIMIT, N_HOP, N_LEADS_MAX
from tests.edge.stages.brain import background, samples
from vitalwire.contracts import Samples, Signal

FS = 256.0
FRAME = 51


def eeg(n_leads: int = 3, n_s: float = 20.0) -> Samples:
    leads = samples(background(n_leads, n_s, FS))
    leads[0, 5 * 256 : 6 * 256] = np.nan
    leads[1, 12 * 256 :] += 4000.0
    return leads


def of_array(x: Samples, chunk_s: float = 0.2) -> list[EegHop]:
    return list(hops_of(chunks_of(x, FS, signal=Signal.EEG, chunk_s=chunk_s)))


def same(a: list[EegHop], b: list[EegHop]) -> bool:
    return len(a) == len(b) and all(
        one.end == other.end
        and np.array_equal(one.signal, other.signal)
        and np.array_equal(one.amplitude_uv, other.amplitude_uv)
        and np.array_equal(one.good, other.good)
        for one, other in zip(a, b, strict=True)
    )


@settings(max_examples=15, deadline=None)
@given(st.floats(0.004, 3.0))
def test_an_array_gives_the_same_hops_however_it_is_cut(chunk_s: float) -> None:
    assert same(of_array(eeg(), chunk_s), of_array(eeg()))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 99))
def test_it_goes_on_from_its_state(at: int) -> None:
    leads = np.nan_to_num(eeg())

    def run(hops: EegHops, first: int, last: int) -> list[EegHop]:
        frames = (leads[:, i * FRAME : (i + 1) * FRAME] for i in range(first, last))
        return [hop for frame in frames for hop in hops.push(frame, [0, 0, 0], 0)]

    whole = run(EegHops(FS, 3), 0, 100)
    first, second = EegHops(FS, 3), EegHops(FS, 3)
    begun = run(first, 0, at)
    second.restore(unpack(pack(first.state())))
    assert same(begun + run(second, at, 100), whole)


def test_what_a_model_sees() -> None:
    hops = of_array(eeg())
    assert [hop.end for hop in hops] == [N_HOP * (i + 1) for i in range(len(hops))]
    assert len(hops) == 79  # less what the resampler waits for
    assert not hops[1].good.any()
    assert hops[8].good.all()
    jump = hops[49]  # the one that holds it, at 12 s
    assert jump.good.tolist() == [True, False, True]
    inputs = jump.inputs()
    assert {key: value.shape for key, value in inputs.items()} == {
        "signal": (N_LEADS_MAX, N_HOP),
        "good": (N_LEADS_MAX,),
    }
    assert all(value.dtype == np.float32 for value in inputs.values())
    assert inputs["good"].tolist() == [1.0, 0.0, 1.0] + [0.0] * (N_LEADS_MAX - 3)
    assert not inputs["signal"][inputs["good"] == 0].any()
    assert np.abs(inputs["signal"]).max() <= LIMIT
    rms = np.sqrt(np.mean(np.square([hop.inputs()["signal"][2] for hop in hops[8:]])))
    assert 0.8 < rms < 1.25


def test_amplitudes_outlive_a_short_gap_and_no_other() -> None:
    def after(gap_s: float) -> float:
        hops = EegHops(FS, 1)
        quiet, loud = samples(background(1, 20.0, FS)), samples(background(1, 5.0, FS, 200.0))
        for i in range(0, quiet.shape[1] - FRAME, FRAME):
            hops.push(quiet[:, i : i + FRAME], [0], 0)
        hops.start_anew(gap_s)
        told = [
            hop
            for i in range(0, loud.shape[1] - FRAME, FRAME)
            for hop in hops.push(loud[:, i : i + FRAME], [0], 0)
        ]
        assert told[0].end == N_HOP
        assert not told[0].good.any()  # quality begins anew
        return float(told[-1].amplitude_uv[0])

    assert after(0.0) == after(KEPT_S) < 60.0
    assert after(KEPT_S + 1.0) == after(-1.0) > 100.0  # the sample count went back: unknown
