"""A shockable rhythm and atrial fibrillation, as alarms of the rhythm model."""

import pytest

from edge.chunklog.snapshots import pack, unpack
from edge.pipeline.models import EpisodeRule
from edge.stages.episodes import Episodes, Hop
from edge.stages.items import Condition
from edge.stages.reports import Now
from edge.stages.rhythm_alarms import RhythmAlarms
from tests.edge.stages.heart import FLAT, FRAME, GOOD, POOR, UNKNOWN, seconds, utc
from vitalwire.contracts import AlarmKind, Rhythm, Signal, SignalState

SHOCKABLE, AF = AlarmKind.SHOCKABLE_RHYTHM, AlarmKind.ATRIAL_FIBRILLATION
RULES = {
    Rhythm.SHOCKABLE: EpisodeRule(0.6, 0.4, mean_s=2.0, least_s=2.0, end_s=1.0),
    Rhythm.AF: EpisodeRule(0.6, 0.4, mean_s=4.0, least_s=6.0, end_s=2.0),
    Rhythm.OTHER: EpisodeRule(0.6, 0.4, mean_s=4.0, least_s=6.0, end_s=2.0),
}
SEEN = {GOOD, FLAT}


class Bed:
    """Plays a rhythm for some seconds, as the pipeline does: hop by hop."""

    def __init__(self) -> None:
        self.alarms = RhythmAlarms(Signal.ECG, 7, "ecg-rhythm")
        self.episodes = {rhythm: Episodes(rule) for rhythm, rule in RULES.items()}
        self.position = 0
        self.said: list[Condition] = []

    def play(
        self,
        length_s: float,
        rhythm: Rhythm,
        p: float = 0.9,
        state: SignalState = GOOD,
        *,
        failed: bool = False,
    ) -> "Bed":
        for _ in range(round(length_s * 5)):
            self.hop(rhythm, p, state, failed)
        return self

    def hop(self, rhythm: Rhythm, p: float, state: SignalState, failed: bool) -> None:
        rest = (1.0 - p) / (len(Rhythm) - 1)
        newest = {} if failed else {one: p if one is rhythm else rest for one in Rhythm}
        start, self.position = self.position, self.position + FRAME
        for one, episodes in self.episodes.items():
            if state in SEEN and newest:
                episodes.push(Hop(start, self.position, newest[one]))
            else:
                episodes.hold()
        if newest and self.position % (5 * FRAME) == 0:
            self.alarms.trace(tuple(newest), tuple(newest.values()))
        now = Now(start, self.position, utc, -1)
        self.said += self.alarms.push(now, self.episodes, newest, state, failed)

    def of(self, kind: AlarmKind) -> list[tuple[bool, float]]:
        said = [(one.active, seconds(one.sample)) for one in self.said if one.kind is kind]
        changes = [one for i, one in enumerate(said) if i == 0 or said[i - 1][0] != one[0]]
        return changes[1:] if changes and not changes[0][0] else changes

    def last(self, kind: AlarmKind) -> Condition:
        return [one for one in self.said if one.kind is kind][-1]

    def first(self, kind: AlarmKind) -> Condition:
        return next(one for one in self.said if one.kind is kind and one.active)


def test_a_normal_rhythm_raises_nothing_and_says_not_once() -> None:
    bed = Bed().play(60, Rhythm.NORMAL)
    assert [(one.kind, one.active) for one in bed.said] == [(SHOCKABLE, False), (AF, False)]


@pytest.mark.parametrize(("rhythm", "kind"), [(Rhythm.SHOCKABLE, SHOCKABLE), (Rhythm.AF, AF)])
@pytest.mark.parametrize("state", [GOOD, FLAT])
def test_it_is_declared_when_the_rule_allows(
    rhythm: Rhythm, kind: AlarmKind, state: SignalState
) -> None:
    bed = Bed().play(20, Rhythm.NORMAL).play(20, rhythm, state=state).play(20, Rhythm.NORMAL)
    (_, declared), (_, over) = bed.of(kind)
    assert declared == pytest.approx(20 + RULES[rhythm].least_s)
    assert bed.first(kind).onset_ns == utc(20 * 250)
    assert 40 < over < 40 + RULES[rhythm].mean_s + RULES[rhythm].end_s
    assert {one.kind for one in bed.said if one.active} == {kind}


def test_the_evidence_is_what_the_model_said_each_second() -> None:
    bed = Bed().play(40, Rhythm.NORMAL, 0.8).play(2, Rhythm.SHOCKABLE, 0.96)
    evidence = bed.first(SHOCKABLE).evidence
    trace = evidence["trace"]
    assert isinstance(trace, tuple)
    assert trace == (0.05,) * 28 + (0.96,) * 2
    assert evidence["model"] == "ecg-rhythm"
    assert evidence["probability"] == 0.96
    assert evidence["mean"] == 0.96


def test_it_is_said_again_when_the_mean_moves_and_not_each_second() -> None:
    bed = Bed().play(60, Rhythm.AF, 0.95)
    assert sum(one.active for one in bed.said) == 1
    bed.play(60, Rhythm.AF, 0.7)
    assert 2 <= sum(one.active for one in bed.said) <= 4


@pytest.mark.parametrize("state", [POOR, UNKNOWN])
def test_what_cannot_be_analysed_starts_no_alarm_and_ends_none(state: SignalState) -> None:
    bed = Bed().play(100, Rhythm.SHOCKABLE, state=state)
    assert bed.said == []
    bed.play(5, Rhythm.SHOCKABLE).play(100, Rhythm.NOISE, state=state)
    assert [active for active, _ in bed.of(SHOCKABLE)] == [True]
    assert bed.last(SHOCKABLE).message.endswith(f"cannot be analysed now ({state})")
    bed.play(10, Rhythm.NORMAL)
    assert [active for active, _ in bed.of(SHOCKABLE)] == [True, False]


def test_a_model_that_fails_leaves_what_holds_and_says_so() -> None:
    bed = Bed().play(10, Rhythm.AF).play(5, Rhythm.AF, failed=True)
    assert bed.last(AF).active
    assert "gives no answers" in bed.last(AF).message
    bed.play(3, Rhythm.AF)
    assert "gives no answers" not in bed.last(AF).message
    assert [active for active, _ in bed.of(AF)] == [True]


def test_behind_a_gap_it_holds_until_it_is_refuted() -> None:
    bed = Bed().play(10, Rhythm.SHOCKABLE)
    for one in bed.episodes.values():
        one.reset()
    bed.alarms.reset(bed.position)
    bed.play(1.8, Rhythm.NORMAL)
    assert bed.last(SHOCKABLE).active
    assert "not seen for long enough" in bed.last(SHOCKABLE).message
    bed.play(3, Rhythm.NORMAL)
    assert not bed.last(SHOCKABLE).active


@pytest.mark.parametrize("at_s", [0.2, 12.0, 21.0, 24.0, 41.0])
def test_restored_alarms_go_on_equally(at_s: float) -> None:
    def rest(bed: Bed, from_s: float) -> Bed:
        for i in range(round(from_s * 5), 300):
            rhythm = Rhythm.AF if 100 <= i < 200 else Rhythm.NORMAL
            bed.hop(rhythm, 0.9, GOOD, False)
        return bed

    clean = rest(Bed(), 0.0).said
    bed = Bed()
    for i in range(round(at_s * 5)):
        bed.hop(Rhythm.AF if 100 <= i < 200 else Rhythm.NORMAL, 0.9, GOOD, False)
    restored = Bed()
    restored.position, restored.said = bed.position, bed.said
    restored.alarms.restore(unpack(pack(bed.alarms.state())))
    for rhythm, episodes in restored.episodes.items():
        episodes.restore(unpack(pack(bed.episodes[rhythm].state())))
    assert rest(restored, at_s).said == clean
