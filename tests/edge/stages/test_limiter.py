"""The limiter: a backlog passes, a flood does not."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.stages.limiter import COUNTERS, RateLimiter
from vitalwire.contracts import Chunk, Epoch, Signal

S = 1_000_000_000
NOW_NS = 1_750_000_000 * S


def make_chunk(n_samples: int = 250, fs: float = 250.0) -> Chunk:
    return Chunk(
        device="w1",
        signal=Signal.ECG,
        stream_id=1,
        seq=0,
        first_sample=0,
        t0_ns=0,
        epoch=Epoch.UTC,
        fs=fs,
        data=np.zeros((1, n_samples), np.float32),
    )


SECOND = make_chunk()


def test_a_live_stream_passes_for_ever() -> None:
    limiter = RateLimiter()
    assert all(limiter.push(SECOND, NOW_NS + i * S) for i in range(100_000))
    assert limiter.counters() == dict.fromkeys(COUNTERS, 0)


def test_a_backlog_of_two_hours_passes_at_once() -> None:
    limiter = RateLimiter()
    assert all(limiter.push(SECOND, NOW_NS) for _ in range(7200))
    assert not limiter.push(SECOND, NOW_NS)
    assert limiter.push(SECOND, NOW_NS + S)
    assert limiter.counters()["limited_signal"] == 1


def test_a_thousand_times_the_rate_is_cut_to_a_hundred() -> None:
    limiter = RateLimiter()
    passed = [limiter.push(SECOND, NOW_NS + i * S // 1000) for i in range(600_000)]
    assert all(passed[:7200])
    assert sum(passed[300_000:]) / 300 == 100.0


def test_a_flood_of_single_samples_is_cut_to_messages_a_second() -> None:
    limiter = RateLimiter()
    one = make_chunk(1)
    passed = [limiter.push(one, NOW_NS + i * S // 10_000) for i in range(300_000)]
    assert all(passed[:144_000])
    assert sum(passed[200_000:]) == 5_000
    assert limiter.counters()["limited_messages"] > 100_000


def test_a_chunk_longer_than_the_bucket_takes_all_of_it() -> None:
    limiter = RateLimiter()
    hours = make_chunk(30_000, fs=1.0)
    assert limiter.push(hours, NOW_NS)
    assert not limiter.push(SECOND, NOW_NS)
    assert limiter.push(hours, NOW_NS + 72 * S)


def test_a_gateway_clock_that_jumps_gives_at_most_a_full_bucket() -> None:
    limiter = RateLimiter()
    for now_ns in (NOW_NS, 0, 2 * NOW_NS):
        assert sum(limiter.push(SECOND, now_ns) for _ in range(8000)) in (7200, 0)
    assert limiter.push(SECOND, 2 * NOW_NS + S)


ARRIVALS = st.lists(st.tuples(st.integers(-S, 3 * S), st.integers(1, 900)), max_size=60)


@settings(deadline=None)
@given(ARRIVALS)
def test_state_restores_exactly(arrivals: list[tuple[int, int]]) -> None:
    one = RateLimiter(2.0, 10.0, max_messages_hz=3.0, burst_messages=5)
    other = RateLimiter(2.0, 10.0, max_messages_hz=3.0, burst_messages=5)
    now_ns = NOW_NS
    for step_ns, n_samples in arrivals:
        now_ns += step_ns
        fresh = RateLimiter(2.0, 10.0, max_messages_hz=3.0, burst_messages=5)
        fresh.restore(other.state())
        other = fresh
        item = make_chunk(n_samples)
        assert one.push(item, now_ns) == other.push(item, now_ns)
        assert one.counters() == other.counters()
