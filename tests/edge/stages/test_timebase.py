"""The time base: continuous UTC whatever the clocks do."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.stages.timebase import COUNTERS, Timebase
from vitalwire.contracts import Chunk, Epoch, Signal
from vitalwire.errors import ContractError

S = 1_000_000_000
MS = 1_000_000
START_NS = 1_750_000_000 * S  # 2025
FS = 250.0


def make_chunk(
    first_sample: int,
    n_samples: int,
    t0_ns: int,
    epoch: Epoch = Epoch.UTC,
    fs: float = FS,
) -> Chunk:
    return Chunk(
        device="w1",
        signal=Signal.ECG,
        stream_id=1,
        seq=0,
        first_sample=first_sample,
        t0_ns=t0_ns,
        epoch=epoch,
        fs=fs,
        data=np.zeros((1, n_samples), np.float32),
    )


def true_ns(sample: int, fs: float = FS) -> int:
    return START_NS + round(sample * S / fs)


Clock = Callable[[int], int]


def run(
    base: Timebase,
    edges: Iterable[int],
    clock: Clock = true_ns,
    *,
    epoch: Epoch = Epoch.UTC,
    delay: Callable[[int], int] = lambda _: 50 * MS,
) -> None:
    """Push chunks cut at `edges` (samples): device time by `clock`, arrival after `delay`."""
    for first, end in pairwise(edges):
        chunk = make_chunk(first, end - first, max(0, clock(first)), epoch)
        base.push(chunk, true_ns(end - 1) + delay(first))


def seconds(n: int, start: int = 0) -> list[int]:
    """Edges of `n` chunks of a second."""
    return [round(FS) * i for i in range(start, start + n + 1)]


def boot(sample: int) -> int:
    return true_ns(sample) - START_NS + 7 * S


def test_a_true_device_clock_is_taken_as_it_is() -> None:
    base = Timebase()
    run(base, seconds(600), delay=lambda _: 30 * 86_400 * S)  # a backlog of a month
    assert [base.utc_ns(s) for s in (0, 1, 77_777, 10**9)] == [
        true_ns(s) for s in (0, 1, 77_777, 10**9)
    ]
    assert base.is_trusted
    assert base.counters() == dict.fromkeys(COUNTERS, 0)


@settings(deadline=None)
@given(st.sets(st.integers(1, 19_999), max_size=60), st.integers(0, 20_000))
def test_utc_does_not_depend_on_the_cut(cuts: set[int], sample: int) -> None:
    whole, parts = Timebase(), Timebase()
    run(whole, [0, 20_000])
    run(parts, [0, *sorted(cuts), 20_000])
    assert whole.utc_ns(sample) == parts.utc_ns(sample)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32))
def test_jitter_below_twenty_ms_is_ignored(seed: int) -> None:
    rng = np.random.default_rng(seed)
    base = Timebase()
    run(base, [0, 250])
    run(base, seconds(200, 1), lambda s: true_ns(s) + int(rng.integers(-20 * MS, 20 * MS)))
    assert base.utc_ns(40_000) == true_ns(40_000)
    assert base.counters()["clock_jump"] == 0


@pytest.mark.parametrize("ppm", [200, -200, 20])
@pytest.mark.parametrize("epoch", list(Epoch))
def test_drift_is_followed(ppm: int, epoch: Epoch) -> None:
    """The device's crystal drives samples; its UTC clock, or the gateway, is right."""
    fs_true = FS * (1 + ppm * 1e-6)
    base = Timebase()
    for i in range(7200):
        first = 250 * i
        arrival_ns = true_ns(first + 249, fs_true) + 50 * MS
        t0_ns = true_ns(first, fs_true) if epoch is Epoch.UTC else boot(first)
        base.push(make_chunk(first, 250, t0_ns, epoch), arrival_ns)
        expected = true_ns(first, fs_true) + (0 if epoch is Epoch.UTC else 50 * MS)
        assert abs(base.utc_ns(first) - expected) < 40 * MS
    assert base.counters()["clock_jump"] == 0
    assert base.counters()["reanchored"] == 0


@pytest.mark.parametrize("epoch", list(Epoch))
@pytest.mark.parametrize("jump_s", [-3600.0, -0.6, 0.6, 30.0, 86_400.0 * 365 * 20])
def test_a_jump_of_the_device_clock_is_absorbed(epoch: Epoch, jump_s: float) -> None:
    clock = true_ns if epoch is Epoch.UTC else lambda s: boot(s) + 7200 * S
    still, jumps = Timebase(), Timebase()
    run(still, seconds(120), clock, epoch=epoch)
    run(jumps, seconds(60), clock, epoch=epoch)
    run(jumps, seconds(60, 60), lambda s: clock(s) + round(jump_s * S), epoch=epoch)
    for sample in range(0, 30_000, 97):
        assert jumps.utc_ns(sample) == still.utc_ns(sample)
    assert jumps.counters()["clock_jump"] == 1


def test_a_hole_with_a_matching_clock_is_no_jump() -> None:
    base = Timebase()
    run(base, seconds(60))
    run(base, seconds(60, 5000))
    assert base.utc_ns(5010 * 250) == true_ns(5010 * 250)
    assert base.counters()["clock_jump"] == 0


@pytest.mark.parametrize("ppm", [200, -200])
def test_drift_over_a_long_hole_is_caught_up_inside_it(ppm: int) -> None:
    base = Timebase()

    def clock(sample: int) -> int:
        return true_ns(sample, FS * (1 + ppm * 1e-6))

    run(base, seconds(10), clock)
    run(base, seconds(10, 40_000), clock)
    assert abs(base.utc_ns(40_001 * 250) - clock(40_001 * 250)) <= 20 * MS
    assert base.counters() == dict.fromkeys(COUNTERS, 0)


def test_a_device_that_does_not_know_the_date_gets_the_least_delay() -> None:
    rng = np.random.default_rng(1)
    base = Timebase()
    run(
        base, seconds(600), boot, epoch=Epoch.BOOT, delay=lambda _: int(rng.gamma(1.5, 80 * MS))
    )
    error_ns = base.utc_ns(599 * 250) - true_ns(599 * 250)
    assert 0 <= error_ns < 60 * MS
    assert base.is_trusted
    assert base.counters()["clock_untrusted"] == 1


@pytest.mark.parametrize("wrong_ns", [0, 86_400 * S, 1_577_836_799 * S, 4_102_444_800 * S])
def test_an_implausible_date_is_not_believed(wrong_ns: int) -> None:
    base = Timebase()
    run(base, seconds(60), lambda s: wrong_ns + round(s * S / FS))
    assert abs(base.utc_ns(10_000) - true_ns(10_000)) <= 50 * MS
    assert base.counters()["clock_untrusted"] == 1


def test_six_seconds_ahead_of_the_gateway_is_the_future() -> None:
    base = Timebase()
    run(base, seconds(1), lambda s: true_ns(s) + 8 * S)
    assert base.utc_ns(249) == true_ns(249) + 50 * MS


@pytest.mark.parametrize("stall_s", [90, 7200])
def test_a_backlog_of_a_device_without_a_date_bends_utc_little(stall_s: int) -> None:
    base = Timebase()
    run(base, seconds(60), boot, epoch=Epoch.BOOT)
    end = 60 + stall_s
    run(
        base,
        seconds(stall_s, 60),
        boot,
        epoch=Epoch.BOOT,
        delay=lambda s: 50 * MS + (end - s // 250) * S,
    )
    run(base, seconds(600, end), boot, epoch=Epoch.BOOT)
    sample = (end + 599) * 250
    assert abs(base.utc_ns(sample) - true_ns(sample)) < 100 * MS
    assert base.counters()["reanchored"] == 0


def test_a_first_backlog_without_a_date_never_runs_ahead_for_long() -> None:
    """Nobody can know how old its samples are; but they are not from the future."""
    base = Timebase()
    arrival_ns = true_ns(250 * 7200)
    before = 0
    for i in range(7200):
        base.push(make_chunk(250 * i, 250, boot(250 * i), Epoch.BOOT), arrival_ns)
        now_ns = base.utc_ns(250 * i)
        assert before < now_ns < arrival_ns + 21 * S
        before = now_ns
    run(base, seconds(300, 7200), boot, epoch=Epoch.BOOT)
    assert abs(base.utc_ns(250 * 7500) - true_ns(250 * 7500)) < S


def test_a_gateway_without_a_date_trusts_the_device() -> None:
    base = Timebase()
    run(base, seconds(60), delay=lambda _: -START_NS)
    assert base.utc_ns(5000) == true_ns(5000)
    assert base.is_trusted
    assert base.counters()["gateway_clock_unset"] == 60
    run(base, seconds(60, 60))
    assert base.utc_ns(20_000) == true_ns(20_000)
    assert base.counters()["reanchored"] == 0


@pytest.mark.parametrize("epoch", list(Epoch))
def test_nobody_knows_the_date_until_ntp_does(epoch: Epoch) -> None:
    base = Timebase()
    run(base, seconds(60), boot, epoch=epoch, delay=lambda _: 100 * S - START_NS)
    assert not base.is_trusted
    assert base.utc_ns(250) == true_ns(250) - START_NS + 100 * S
    run(base, seconds(10, 60), boot, epoch=epoch)
    assert base.is_trusted
    assert base.utc_ns(16_000) == true_ns(16_000) + 50 * MS
    assert base.counters()["reanchored"] == 1


def test_the_device_learns_the_date_before_the_gateway() -> None:
    base = Timebase()
    run(base, seconds(60), boot, delay=lambda _: -START_NS)
    assert not base.is_trusted
    run(base, seconds(60, 60), delay=lambda _: -START_NS)
    assert base.is_trusted
    assert base.utc_ns(20_000) == true_ns(20_000)


@pytest.mark.parametrize("step_s", [40, 3 * 86_400, 75 * 365 * 86_400])
def test_a_gateway_clock_that_is_set_forward_is_followed(step_s: int) -> None:
    """A Raspberry Pi without a clock starts at the time of its last shutdown."""
    base = Timebase()
    early_ns = 50 * MS - (step_s * S if step_s < 10**8 else 0)  # 75 years: to 2100
    late_ns = early_ns + step_s * S
    run(base, seconds(60), boot, epoch=Epoch.BOOT, delay=lambda _: early_ns)
    run(base, seconds(400, 60), boot, epoch=Epoch.BOOT, delay=lambda _: late_ns)
    sample = 459 * 250
    assert base.utc_ns(sample) == true_ns(sample) + late_ns


@pytest.mark.parametrize("step_s", [5, 120, 75 * 365 * 86_400])
def test_a_gateway_clock_that_is_set_back_is_followed(step_s: int) -> None:
    base = Timebase()
    run(base, seconds(60), boot, epoch=Epoch.BOOT, delay=lambda _: 50 * MS + step_s * S)
    run(base, seconds(60, 60), boot, epoch=Epoch.BOOT)
    sample = 119 * 250
    assert abs(base.utc_ns(sample) - true_ns(sample)) < S + 50 * MS


def test_a_device_and_a_gateway_in_2100_come_back() -> None:
    base = Timebase()
    shift_ns = 75 * 365 * 86_400 * S
    run(base, seconds(60), lambda s: true_ns(s) + shift_ns, delay=lambda _: shift_ns)
    run(base, seconds(60, 60), lambda s: true_ns(s) + shift_ns)
    assert abs(base.utc_ns(29_000) - true_ns(29_000)) < S


def test_a_gateway_that_loses_its_date_is_ignored() -> None:
    base = Timebase()
    run(base, seconds(60), boot, epoch=Epoch.BOOT)
    before = base.utc_ns(29_000)
    run(base, seconds(60, 60), boot, epoch=Epoch.BOOT, delay=lambda _: -START_NS)
    assert abs(base.utc_ns(29_000) - before) < 100 * MS


def test_a_rate_that_changes_goes_on_from_where_it_was() -> None:
    base = Timebase()
    base.push(make_chunk(0, 250, START_NS), START_NS + S)
    base.push(make_chunk(250, 500, START_NS + S, fs=500.0), START_NS + 2 * S)
    assert base.utc_ns(250) == START_NS + S
    assert base.utc_ns(750) == START_NS + 2 * S


def test_a_count_that_went_backward_is_anchored_anew() -> None:
    base = Timebase()
    run(base, seconds(60, 1000))
    now_ns = true_ns(1060 * 250)
    base.push(make_chunk(0, 250, now_ns), now_ns + S)
    assert base.utc_ns(0) == now_ns
    assert base.counters()["reanchored"] == 1


def test_asked_too_early_is_a_bug() -> None:
    with pytest.raises(ContractError, match="before the first chunk"):
        Timebase().utc_ns(0)


CLOCKS = st.sampled_from(
    [0, S, 10**17, 1_577_836_800 * S, START_NS, START_NS + 40 * S, 4_102_444_800 * S, 2**62]
)
PUSHES = st.lists(
    st.tuples(
        st.integers(0, 5000), CLOCKS, CLOCKS, st.integers(0, 600), st.sampled_from(list(Epoch))
    ),
    max_size=40,
)


def feed(base: Timebase, pushes: list[tuple[int, int, int, int, Epoch]]) -> Iterable[int]:
    """Push chunks with holes between them and clocks that go mad; give the ends."""
    first = 0
    for hole, device_ns, gateway_ns, n_samples, epoch in pushes:
        first += hole if hole > 4000 else 0
        run_ns = round(first * S / FS)
        base.push(
            make_chunk(first, n_samples + 1, min(device_ns + run_ns, 2**62), epoch),
            gateway_ns + run_ns,
        )
        first += n_samples + 1
        yield first


@settings(deadline=None)
@given(PUSHES)
def test_mad_clocks_keep_utc_monotonic_and_in_64_bits(
    pushes: list[tuple[int, int, int, int, Epoch]],
) -> None:
    base = Timebase()
    for end in feed(base, pushes):
        times = [base.utc_ns(s) for s in range(0, end, max(1, end // 50))]
        assert times == sorted(times)
        assert all(-(2**63) < t < 2**63 for t in times)


@settings(deadline=None)
@given(PUSHES)
def test_state_restores_exactly(pushes: list[tuple[int, int, int, int, Epoch]]) -> None:
    one, other = Timebase(), Timebase()
    for end, _ in zip(feed(one, pushes), feed(other, pushes), strict=True):
        fresh = Timebase()
        fresh.restore(other.state())
        assert fresh.state() == other.state() == one.state()
        assert fresh.utc_ns(end) == one.utc_ns(end)
        vars(other).update(vars(fresh))
