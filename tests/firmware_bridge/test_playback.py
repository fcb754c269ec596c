"""A recording as one or many wearables."""

from itertools import islice

import numpy as np

from firmware_bridge.playback import Playback, in_memory, signal_power
from tests.vitalwire.recordings.records import random_steps, recording
from vitalwire.contracts import Epoch
from vitalwire.wire import MISSING

MADE = recording(random_steps(1, 3600))  # 10 s


def test_one_device_plays_it_once() -> None:
    sent = list(Playback(MADE, start_ns=10**18).timed_chunks())
    assert {t.chunk.device for t in sent} == {"demo"}
    data = np.concatenate([t.chunk.data for t in sent], axis=1)
    np.testing.assert_array_equal(data, MADE.read())
    assert sent[0].chunk.t0_ns == 10**18
    assert sent[-1].at_s == 10.0


def test_devices_play_the_same_at_their_own_phase() -> None:
    playback = Playback(MADE, devices=3, start_ns=10**18)
    sent = list(playback.timed_chunks())
    assert playback.names == ["demo-001", "demo-002", "demo-003"]
    assert [t.at_s for t in sent] == sorted(t.at_s for t in sent)
    for i, name in enumerate(playback.names):
        mine = [t.chunk for t in sent if t.chunk.device == name]
        data = np.concatenate([c.data for c in mine], axis=1)
        np.testing.assert_array_equal(data, np.roll(MADE.read(), -1200 * i, axis=1))
        # Where the end meets the start the signal is torn: a boot of its own.
        assert len({c.stream_id for c in mine}) == (1 if i == 0 else 2)
        assert [c.seq for c in mine].count(0) == (1 if i == 0 else 2)
        times = [c.t0_ns for c in mine]
        assert times == sorted(times)
        assert times[-1] - times[0] < 10e9


def test_loop_goes_on_and_each_pass_is_a_boot() -> None:
    sent = list(islice(Playback(MADE, loop=True, start_ns=10**18).timed_chunks(), 130))
    ids = list(dict.fromkeys(t.chunk.stream_id for t in sent))
    assert len(ids) == 3
    assert sent[50].chunk.first_sample == 0
    assert sent[50].chunk.t0_ns == 10**18 + 10 * 10**9
    np.testing.assert_array_equal(sent[50].chunk.data, sent[0].chunk.data)


def test_boot_clock_starts_at_zero() -> None:
    (first, *_) = Playback(MADE, epoch=Epoch.BOOT, start_ns=10**18).timed_chunks()
    assert (first.chunk.t0_ns, first.chunk.epoch) == (0, Epoch.BOOT)


def test_stream_id_is_of_the_run() -> None:
    def first_id(start_ns: int) -> int:
        return next(iter(Playback(MADE, start_ns=start_ns).timed_chunks())).chunk.stream_id

    assert first_id(1) == first_id(1)
    assert first_id(1) != first_id(2)


def test_power_and_memory() -> None:
    steps = random_steps(2, 3600)
    steps[0, :100] = MISSING
    made = recording(steps)
    np.testing.assert_allclose(signal_power(made), np.nanvar(made.read(), axis=1), rtol=1e-4)
    steps[1] = MISSING
    assert signal_power(made)[1] == 0.0
    np.testing.assert_array_equal(in_memory(made).read(), made.read())
