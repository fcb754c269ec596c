"""Reassembly: in order, once, and out of every wrong belief again."""

import random
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.stages.reassembly import COUNTERS, Reassembler
from vitalwire.contracts import Chunk, Epoch, Gap, GapReason, Samples, Signal

S = 1_000_000_000
START_NS = 1_750_000_000 * S
FS = 100.0


def signal(first_sample: int, n_samples: int, n_channels: int = 1) -> Samples:
    """A signal that says where each of its samples belongs."""
    count = np.arange(first_sample, first_sample + n_samples) % 30_000
    return np.tile(count, (n_channels, 1)).astype(np.float32)


def chunk(
    seq: int,
    first_sample: int,
    n_samples: int = 10,
    *,
    stream_id: int = 1,
    fs: float = FS,
    n_channels: int = 1,
    epoch: Epoch = Epoch.UTC,
    t0_ns: int | None = None,
) -> Chunk:
    since_start_ns = round(first_sample * S / fs)
    return Chunk(
        device="w1",
        signal=Signal.ECG,
        stream_id=stream_id,
        seq=seq & 0xFFFFFFFF,
        first_sample=first_sample,
        t0_ns=START_NS + since_start_ns if t0_ns is None else t0_ns,
        epoch=epoch,
        fs=fs,
        data=signal(first_sample, n_samples, n_channels),
    )


def live_ns(item: Chunk) -> int:
    return START_NS + round((item.first_sample + item.n_samples) * S / FS)


def cut(cuts: Iterable[int], total: int, first_seq: int = 0) -> list[Chunk]:
    """The samples 0..total as chunks that are cut at `cuts`."""
    edges = sorted({0, total, *cuts})
    pairs = pairwise(edges)
    return [chunk(first_seq + i, a, b - a) for i, (a, b) in enumerate(pairs)]


def make(**options: float) -> Reassembler:
    return Reassembler("w1", Signal.ECG, **options)  # type: ignore[arg-type]


def push_all(
    stage: Reassembler, chunks: Iterable[Chunk], arrival_ns: int | None = None
) -> list[Chunk | Gap]:
    out: list[Chunk | Gap] = []
    for item in chunks:
        out += stage.push(item, live_ns(item) if arrival_ns is None else arrival_ns)
    return out


def positions(out: Iterable[Chunk | Gap]) -> list[int]:
    """The sample positions delivered; checks that the samples belong there."""
    found: list[int] = []
    for item in out:
        if isinstance(item, Chunk):
            expected = signal(item.first_sample, item.n_samples, item.n_channels)
            np.testing.assert_array_equal(item.data, expected)
            found += range(item.first_sample, item.first_sample + item.n_samples)
    return found


def gaps(out: Iterable[Chunk | Gap]) -> list[tuple[GapReason, int, int]]:
    return [(g.reason, g.first_sample, g.n_samples) for g in out if isinstance(g, Gap)]


CUTS = st.sets(st.integers(1, 399), max_size=40)


@settings(deadline=None)
@given(CUTS, st.integers(0, 2**32 - 1))
def test_in_order_everything_passes_untouched(cuts: set[int], first_seq: int) -> None:
    stage = make()
    chunks = cut(cuts, 400, first_seq)  # also over the wrap of seq
    out = push_all(stage, chunks)
    assert out == chunks
    assert stage.counters() == dict.fromkeys(COUNTERS, 0) | {"delivered": len(chunks)}


@settings(deadline=None)
@given(CUTS, st.randoms(use_true_random=False), st.integers(1, 8))
def test_reordered_and_doubled_is_delivered_once_in_order(
    cuts: set[int], rng: random.Random, reach: int
) -> None:
    first, *rest = cut(cuts, 400, 2**32 - 3)
    shuffled = sorted(
        enumerate(rest * 2), key=lambda at: at[0] % len(rest) + reach * rng.random()
    )
    stage = make()
    out = push_all(stage, [first, *(item for _, item in shuffled)], START_NS)
    assert positions(out) == list(range(400))
    assert gaps(out) == []
    assert stage.counters()["duplicate"] == len(rest)


@settings(deadline=None)
@given(CUTS, st.sets(st.integers(1, 38), max_size=20))
def test_what_is_lost_is_counted_to_the_sample(cuts: set[int], dropped: set[int]) -> None:
    chunks = cut(cuts, 400)
    kept = [c for i, c in enumerate(chunks) if i not in dropped or i == len(chunks) - 1]
    stage = make()
    out = push_all(stage, kept)
    out += stage.tick(START_NS + 60 * S)
    expected = [p for c in kept for p in range(c.first_sample, c.first_sample + c.n_samples)]
    assert positions(out) == expected
    missing = [p for _, first, n in gaps(out) for p in range(first, first + n)]
    assert sorted(missing + expected) == list(range(400))
    assert stage.counters()["lost_samples"] == len(missing)
    assert all(reason is GapReason.LOST for reason, _, _ in gaps(out))


@settings(deadline=None)
@given(CUTS, CUTS, st.integers(0, 399))
def test_redelivery_gives_no_sample_twice_whatever_its_cut(
    cuts: set[int], cuts_again: set[int], stop: int
) -> None:
    stage = make()
    sent = [c for c in cut(cuts, 400) if c.first_sample <= stop]
    out = push_all(stage, sent)
    out += push_all(stage, cut(cuts_again, 400), START_NS + 5 * S)
    assert positions(out) == list(range(400))


@settings(deadline=None)
@given(CUTS, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 3)), max_size=120))
def test_state_restores_exactly(cuts: set[int], order: list[tuple[int, int]]) -> None:
    chunks = cut(cuts, 400)
    one, other = make(), make()
    for step, (index, stream_id) in enumerate(order):
        item = replace(chunks[index % len(chunks)], stream_id=stream_id)
        fresh = make()
        fresh.restore(other.state())
        other = fresh
        arrival_ns = START_NS + step * S // 2
        assert_same(one.push(item, arrival_ns), other.push(item, arrival_ns))
        assert one.counters() == other.counters()
    assert_same(one.tick(START_NS + 900 * S), other.tick(START_NS + 900 * S))


def assert_same(ours: list[Chunk | Gap], theirs: list[Chunk | Gap]) -> None:
    assert gaps(ours) == gaps(theirs)
    assert positions(ours) == positions(theirs)
    assert [type(item) for item in ours] == [type(item) for item in theirs]


@settings(deadline=None)
@given(st.data())
def test_no_sample_twice_and_none_backward_within_a_stream(data: st.DataObject) -> None:
    """Whatever comes: positions only rise between gaps that say that they do not."""
    stage = make(window_chunks=4)
    last: dict[int, int] = {}
    now_ns = START_NS
    for _ in range(data.draw(st.integers(1, 60))):
        first = data.draw(st.integers(0, 300))
        item = chunk(
            data.draw(st.integers(0, 40)),
            first,
            data.draw(st.integers(1, 30)),
            stream_id=data.draw(st.integers(0, 1)),
            n_channels=data.draw(st.sampled_from([1, 1, 1, 2])),
        )
        now_ns += data.draw(st.integers(0, S))
        for got in stage.push(item, now_ns):
            if isinstance(got, Gap):
                assert got.first_sample == last[got.stream_id]
                last[got.stream_id] += got.n_samples
                if got.reason in (GapReason.RESTART, GapReason.REBOOT):
                    last.clear()
                continue
            assert got.first_sample == last.get(got.stream_id, got.first_sample)
            positions([got])
            last[got.stream_id] = got.first_sample + got.n_samples


def test_a_hole_is_waited_for_and_then_given_up() -> None:
    stage = make()
    a, b, c, d = cut([10, 20, 30], 40)
    assert stage.push(a, START_NS) == [a]
    assert stage.push(c, START_NS) == []
    assert stage.tick(START_NS + 2 * S - 1) == []
    out = stage.tick(START_NS + 2 * S)
    assert gaps(out) == [(GapReason.LOST, 10, 10)]
    assert out[1] is c
    assert stage.push(b, START_NS + 3 * S) == []
    assert stage.push(d, START_NS + 3 * S) == [d]
    counters = stage.counters()
    assert (counters["late"], counters["duplicate"], counters["lost_samples"]) == (1, 0, 10)


def test_a_hole_is_given_up_when_too_many_wait() -> None:
    stage = make(window_chunks=3)
    chunks = cut(range(0, 100, 10), 100)
    assert push_all(stage, [chunks[0], *chunks[2:5]], START_NS) == chunks[:1]
    assert gaps(stage.push(chunks[5], START_NS)) == [(GapReason.LOST, 10, 10)]


def test_each_hole_has_its_own_wait() -> None:
    stage = make()
    chunks = cut(range(0, 60, 10), 60)
    stage.push(chunks[0], START_NS)
    stage.push(chunks[2], START_NS)
    stage.push(chunks[4], START_NS + S)
    assert positions(stage.tick(START_NS + 2 * S)) == list(range(20, 30))
    assert positions(stage.tick(START_NS + 3 * S)) == list(range(40, 50))


def test_a_gateway_clock_set_back_does_not_hold_a_hole_open() -> None:
    stage = make()
    a, _, c = cut([10, 20], 30)
    stage.push(a, START_NS)
    stage.push(c, START_NS)
    assert stage.tick(S) == []
    assert positions(stage.tick(3 * S)) == list(range(20, 30))


def test_left_out_by_the_sender_is_not_waited_for() -> None:
    stage = make()
    out = push_all(stage, [chunk(0, 0), chunk(1, 60)])
    assert gaps(out) == [(GapReason.LOST, 10, 50)]
    assert positions(out) == [*range(10), *range(60, 70)]


def test_a_seq_jump_without_a_missing_sample_resets_and_goes_on() -> None:
    stage = make()
    out = push_all(stage, [chunk(0, 0), chunk(2**31 + 77, 10), chunk(2, 20), chunk(3, 30)])
    assert positions(out) == list(range(40))
    assert gaps(out) == [(GapReason.LOST, 10, 0), (GapReason.LOST, 20, 0)]
    assert stage.counters()["seq_jump"] == 2


def test_overlap_is_trimmed_with_its_time() -> None:
    stage = make()
    out = push_all(stage, [chunk(0, 0), chunk(1, 6)])
    assert positions(out) == list(range(16))
    last = out[-1]
    assert isinstance(last, Chunk)
    assert (last.first_sample, last.t0_ns) == (10, START_NS + S // 10)
    assert stage.counters()["overlap"] == 1


def test_reboot_releases_what_is_held_and_refuses_the_old_stream() -> None:
    stage = make()
    old = cut(range(0, 100, 10), 100)
    new = [replace(c, stream_id=2) for c in old]
    out = push_all(stage, [old[0], old[2], new[0]])
    assert gaps(out) == [(GapReason.LOST, 10, 10), (GapReason.REBOOT, 30, 0)]
    assert isinstance(out[-2], Gap)
    assert out[-2].stream_id == 1
    out = push_all(stage, [old[1], new[1], old[0], old[1], old[2], new[2]], START_NS)
    assert out == new[1:3]
    assert stage.counters()["stale"] == 4
    assert stage.counters()["reboot"] == 1


def test_redelivery_over_a_reboot_after_a_crash() -> None:
    old = cut(range(0, 400, 10), 400)
    new = [replace(c, stream_id=2) for c in old]
    stage = make()
    push_all(stage, [*old, *new])
    saved = stage.state()
    stage = make()
    stage.restore(saved)
    assert push_all(stage, [*old, *new], START_NS + 900 * S) == []


def test_many_reboots_keep_memory_bounded() -> None:
    stage = make()
    for stream_id in range(1000):
        stage.push(chunk(0, 0, stream_id=stream_id), START_NS)
    assert len(stage.state()["past"]) == 16


@pytest.mark.parametrize(("fs", "n_channels"), [(200.0, 1), (FS, 3)])
def test_a_change_of_format_is_a_gap(fs: float, n_channels: int) -> None:
    stage = make()
    out = push_all(stage, [chunk(0, 0), chunk(1, 10, fs=fs, n_channels=n_channels)])
    assert gaps(out) == [(GapReason.FORMAT, 10, 0)]
    assert positions(out) == list(range(20))


def good(first: int, n: int, seq: int | None = None, **fields: int) -> list[Chunk]:
    seq = first // 10 if seq is None else seq
    return [chunk(seq + i, first + 10 * i, **fields) for i in range(n)]  # type: ignore[arg-type]


@pytest.mark.parametrize("first_sample", [2**53 - 10, int(3600 * 5000 * FS)])
@pytest.mark.parametrize("seq", [2, 2**31 + 5, 2**32 - 1])
def test_one_chunk_thousands_of_hours_ahead_is_not_believed(
    first_sample: int, seq: int
) -> None:
    stage = make()
    bad = chunk(seq, first_sample, t0_ns=START_NS)
    out = push_all(stage, [*good(0, 2), bad, *good(20, 20)], START_NS)
    assert positions(out) == list(range(220))
    assert gaps(out) == []


def test_three_that_agree_far_ahead_are_believed_and_none_of_them_is_lost() -> None:
    stage = make()
    far = int(3600 * 5000 * FS)
    out = push_all(stage, [*good(0, 2), *good(far, 20)], START_NS)
    assert gaps(out) == [(GapReason.RESTART, 20, 0)]
    assert positions(out) == [*range(20), *range(far, far + 200)]
    # and the way back
    out = push_all(stage, good(20, 700, seq=10_000))
    assert gaps(out)[0][0] is GapReason.RESTART
    assert positions(out)[-1] == 20 + 7000 - 1


def test_a_first_chunk_that_was_wrong_does_not_wedge_the_stream() -> None:
    stage = make()
    out = push_all(stage, [chunk(77, 2**52, t0_ns=START_NS), *good(0, 600)])
    assert gaps(out) == [(GapReason.RESTART, 2**52 + 10, 0)]
    assert positions(out)[-1] == 5999
    assert len(positions(out)) > 5000  # what came in five seconds is the price


def test_a_wrong_count_within_a_day_is_undone_without_loss() -> None:
    stage = make()
    out = push_all(stage, [*good(0, 2), chunk(2, 100_000), *good(30, 20, seq=3)])
    assert [reason for reason, _, _ in gaps(out)] == [GapReason.LOST, GapReason.RESTART]
    assert positions(out) == [*range(20), *range(100_000, 100_010), *range(30, 230)]


def test_one_wrong_stream_id_is_undone_without_loss() -> None:
    stage = make()
    out = push_all(stage, [*good(0, 2), chunk(2, 20, stream_id=99), *good(30, 20)])
    assert [reason for reason, _, _ in gaps(out)] == [GapReason.REBOOT, GapReason.REBOOT]
    assert positions(out) == [*range(20), *range(20, 30), *range(30, 230)]


@pytest.mark.parametrize(("epoch", "patience_s"), [(Epoch.UTC, 5), (Epoch.BOOT, 60)])
def test_a_reboot_that_keeps_its_stream_id_is_believed_when_it_is_live(
    epoch: Epoch, patience_s: int
) -> None:
    """Against the rules for senders, and still not the end of the stream."""
    stage = make()
    push_all(stage, good(0, 1000, epoch=epoch))  # type: ignore[arg-type]
    out: list[Chunk | Gap] = []
    for i, item in enumerate(good(0, 990, epoch=epoch)):  # type: ignore[arg-type]
        shift_ns = 200 * S if epoch is Epoch.UTC else 0
        out += stage.push(replace(item, t0_ns=item.t0_ns + shift_ns), START_NS + i * S // 10)
    assert gaps(out)[0][0] is GapReason.RESTART
    assert positions(out)[-1] == 9899
    assert abs(len(positions(out)) - (9900 - patience_s * FS)) < 100


def test_two_senders_under_one_name_do_not_flap() -> None:
    stage = make()
    one, two = good(0, 300, stream_id=1), good(0, 300, stream_id=2)
    both = [item for pair in zip(one, two, strict=True) for item in pair]
    out = push_all(stage, both)
    assert [reason for reason, _, _ in gaps(out)] == [GapReason.REBOOT]


def test_memory_is_bounded() -> None:
    stage = make()
    stage.push(chunk(0, 0), START_NS)
    for i in range(2000):
        stage.push(chunk(2 * i + 7, 100 * i + 50), START_NS)
        state = stage.state()
        assert len(state["held"]) <= 32
        assert len(state["lost"]) <= 64
