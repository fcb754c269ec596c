"""Each fault does what it says, and the same seed does the same."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from firmware_bridge.fault_specs import describe, known_faults, parse_fault, parse_faults
from firmware_bridge.playback import Playback, signal_power
from firmware_bridge.timed import TimedChunk
from tests.vitalwire.recordings.records import random_steps, recording
from vitalwire.contracts import Epoch
from vitalwire.errors import InputError
from vitalwire.recordings import as_decoded

MADE = recording(random_steps(2, 36_000))  # 100 s


def play(*faults: str, seed: int = 1, **more: object) -> tuple[list[TimedChunk], Counter[str]]:
    tally: Counter[str] = Counter()
    playback = Playback(MADE, start_ns=10**18, plan=parse_faults(faults, seed), **more)  # type: ignore[arg-type]
    return list(playback.timed_chunks(tally)), tally


def seqs(sent: Sequence[TimedChunk]) -> list[int]:
    return [timed.chunk.seq for timed in sent]


CLEAN, _ = play()
ALL = [
    "drop:p=0.05", "duplicate:p=0.05", "reorder:p=0.05,by=2", "gap:at=60,for=5", "drift:ppm=80",
    "clockback:at=30,by=4", "reboot:at=40,for=1", "silence:at=80,for=6",
    "leadoff:at=20,for=10,lead=0", "noise:snr=6,at=50,for=10",
]  # fmt: skip


def same(left: Sequence[TimedChunk], right: Sequence[TimedChunk]) -> bool:
    return len(left) == len(right) and all(
        a.at_s == b.at_s
        and (a.chunk.seq, a.chunk.stream_id, a.chunk.t0_ns, a.chunk.first_sample)
        == (b.chunk.seq, b.chunk.stream_id, b.chunk.t0_ns, b.chunk.first_sample)
        and np.array_equal(a.chunk.data, b.chunk.data)
        for a, b in zip(left, right, strict=True)
    )


def test_same_seed_same_output() -> None:
    assert same(play(*ALL)[0], play(*ALL)[0])
    assert not same(play(*ALL)[0], play(*ALL, seed=2)[0])


def test_devices_do_not_share_their_luck() -> None:
    sent, _ = play("drop:p=0.3", devices=2)
    by = {name: [t.chunk.seq for t in sent if t.chunk.device == name] for name in
          ("demo-001", "demo-002")}  # fmt: skip
    assert by["demo-001"] != by["demo-002"]


def test_drop() -> None:
    sent, tally = play("drop:p=0.1")
    assert len(sent) == len(CLEAN) - tally["drop"]
    assert 20 < tally["drop"] < 90
    assert seqs(sent) == sorted(set(seqs(sent)))


def test_duplicate() -> None:
    sent, tally = play("duplicate:p=0.1")
    assert len(sent) == len(CLEAN) + tally["duplicate"]
    assert sorted(set(seqs(sent))) == seqs(CLEAN)


def test_reorder() -> None:
    sent, tally = play("reorder:p=0.1,by=3")
    assert tally["reorder"] > 0
    assert seqs(sent) != sorted(seqs(sent))
    assert sorted(seqs(sent)) == seqs(CLEAN)
    assert [t.at_s for t in sent] == sorted(t.at_s for t in sent)
    late = [sum(later < s for later in seqs(sent)[i:]) for i, s in enumerate(seqs(sent))]
    assert max(late) <= 3 * 2  # two may wait at once


def test_gap_uses_up_sequence_numbers() -> None:
    sent, tally = play("gap:at=60,for=5")
    assert tally["gap"] == 25
    assert seqs(sent) == [s for s in seqs(CLEAN) if not 300 <= s < 325]


def test_silence_uses_up_samples_only() -> None:
    sent, tally = play("silence:at=80,for=6")
    assert tally["silence"] == 30
    assert seqs(sent) == list(range(len(CLEAN) - 30))
    steps = np.diff([t.chunk.first_sample for t in sent])
    assert sorted(set(steps.tolist())) == [72, 31 * 72]
    assert max(np.diff([t.at_s for t in sent])) == pytest.approx(6.2)
    assert len(play("silence:at=80")[0]) == 400


def test_drift() -> None:
    sent, _ = play("drift:ppm=100")
    last = sent[-1].chunk.t0_ns - CLEAN[-1].chunk.t0_ns
    assert last == pytest.approx(99.8 * 100e3, abs=2)
    assert sent[0].chunk.t0_ns == CLEAN[0].chunk.t0_ns


def test_clock_jumps_back() -> None:
    sent, tally = play("clockback:at=30,by=4")
    back = [b.chunk.t0_ns - a.chunk.t0_ns for a, b in zip(CLEAN, sent, strict=True)]
    assert back[:150] == [0] * 150
    assert set(back[150:]) == {-4_000_000_000}
    assert tally["clockback"] == 1


@pytest.mark.parametrize("epoch", list(Epoch))
def test_reboot(epoch: Epoch) -> None:
    sent, tally = play("reboot:at=40,for=1", epoch=epoch)
    clean, _ = play(epoch=epoch)
    first, second = sent[:200], sent[200:]
    assert same(first, clean[:200])
    assert len(second) == 295
    assert seqs(second) == list(range(295))
    assert second[0].chunk.first_sample == 0
    assert {t.chunk.stream_id for t in second}.isdisjoint({t.chunk.stream_id for t in first})
    assert len({t.chunk.stream_id for t in second}) == 1
    expected = 0 if epoch is Epoch.BOOT else clean[205].chunk.t0_ns
    assert second[0].chunk.t0_ns == expected
    np.testing.assert_array_equal(second[0].chunk.data, clean[205].chunk.data)
    assert tally["reboot"] == 1


def test_two_reboots() -> None:
    sent, _ = play("reboot:at=40", "reboot:at=70")
    ids = list(dict.fromkeys(t.chunk.stream_id for t in sent))
    assert len(ids) == 3
    for stream_id in ids:
        assert seqs([t for t in sent if t.chunk.stream_id == stream_id])[0] == 0


@pytest.mark.parametrize("known", [True, False])
def test_lead_off(known: bool) -> None:
    sent, tally = play(f"leadoff:at=20.1,for=10,lead=1,known={int(known)}")
    off = [t.chunk for t in sent if t.chunk.injected]
    assert len(off) == tally["leadoff"] == 51
    assert {c.lead_off for c in off} == ({2} if known else {0})
    data = np.concatenate([t.chunk.data for t in sent], axis=1)
    clean = np.concatenate([t.chunk.data for t in CLEAN], axis=1)
    begin, end = round(20.1 * 360), round(30.1 * 360)
    assert (data[1, begin:end] == 0).all()
    np.testing.assert_array_equal(data[0], clean[0])
    np.testing.assert_array_equal(data[1, :begin], clean[1, :begin])
    np.testing.assert_array_equal(data[1, end:], clean[1, end:])
    assert all(t.chunk.lead_off == 0 for t in sent if not t.chunk.injected)


def test_all_leads_off_and_one_that_is_not_there() -> None:
    sent, _ = play("leadoff:at=99", lead_state_known=True)
    assert sent[-1].chunk.lead_off == 3
    with pytest.raises(InputError, match="leads count from 0"):
        parse_faults(["leadoff:at=0,lead=2"]).check(2)


@pytest.mark.parametrize("snr", [-6.0, 0.0, 6.0, 12.0])
def test_noise_is_at_its_snr(snr: float) -> None:
    sent, tally = play(f"noise:snr={snr},at=50,for=40")
    noisy = np.concatenate([as_decoded(MADE, t.chunk).data for t in sent], axis=1)
    clean = MADE.read()
    noise = (noisy - clean)[:, 50 * 360 : 90 * 360]
    measured = 10 * np.log10(signal_power(MADE) / noise.var(axis=1))
    np.testing.assert_allclose(measured, snr, atol=0.2)
    assert tally["noise"] == 200
    np.testing.assert_array_equal(noisy[:, : 50 * 360], clean[:, : 50 * 360])
    assert [t.chunk.injected for t in sent].count(True) == 200


def test_noise_does_not_depend_on_the_cut() -> None:
    def noisy(**cut: float) -> np.ndarray:
        sent, _ = play("noise:snr=3,at=10.05,for=20", **cut)  # type: ignore[arg-type]
        return np.concatenate([t.chunk.data for t in sent], axis=1)

    np.testing.assert_array_equal(noisy(), noisy(chunk_s=0.37, chunk_jitter=0.9))


def test_faults_lie_in_the_order_of_the_world() -> None:
    named = play("drop:p=0.1", "noise:snr=6")
    assert named[1]["noise"] == len(CLEAN)  # on the body, before the radio lost any


@pytest.mark.parametrize("spec", ALL)
def test_a_fault_is_written_as_it_is_read(spec: str) -> None:
    assert describe(parse_fault(spec)) == spec


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ("bla", "known: drop:p="),
        ("", "known: drop:p="),
        ("drop", "p is missing"),
        ("drop:p=2", "0 to 1"),
        ("drop:p=nan", "0 to 1"),
        ("drop:p=x", "a number"),
        ("drop:q=1", "'q' is not known; as drop:p="),
        ("gap:at=1", "for is missing"),
        ("gap:at_s=1,for=1", "'at_s' is not known"),
        ("leadoff:at=1,lead=32", "-1 to 31"),
        ("reorder:p=1,by=1.5", "whole number"),
        ("noise:", "snr is missing"),
    ],
)
def test_what_is_refused(spec: str, word: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_fault(spec)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_fault_is_known() -> None:
    assert all(spec.partition(":")[0] + ":" in known_faults() for spec in ALL)
    assert len(known_faults().split()) == len(ALL)
