"""V in a row and V by turns, as the beats come from the classifier."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.stages.items import Condition
from edge.stages.reports import Now
from edge.stages.ventricular import VentricularRules
from tests.edge.stages.heart import FRAME, FS, GOOD, POOR, utc
from vitalwire.contracts import AlarmKind, Beat, BeatClass, Signal, SignalState

VT, RUN = AlarmKind.VENTRICULAR_TACHYCARDIA, AlarmKind.VENTRICULAR_RUN
BIGEMINY, TRIGEMINY = AlarmKind.BIGEMINY, AlarmKind.TRIGEMINY


def beats(classes: str, rr_s: float = 0.5, first: int = 0) -> list[Beat]:
    """A beat a letter; one after a space has no interval that counts."""
    told: list[Beat] = []
    linked = False
    for i, letter in enumerate(classes):
        if letter == " ":
            linked = False
            continue
        sample = first + round(i * rr_s * FS)
        told.append(
            Beat(
                "w1", Signal.ECG, 7, sample, utc(sample), BeatClass(letter),
                rr_s if linked else None, 1.0,
                probability=0.9, activation=(0.1, round(i / 100, 2)),
            )
        )  # fmt: skip
        linked = True
    return told


class Bed:
    """Gives the rules a frame a beat, and keeps what they said."""

    def __init__(self, limits: dict[str, float] | None = None) -> None:
        self.rules = VentricularRules(FS, Signal.ECG, 7, limits or {})
        self.said: list[Condition] = []

    def play(self, told: Sequence[Beat], state: SignalState = GOOD) -> "Bed":
        for beat in told:
            self.frame(beat.sample, [beat], state)
        return self

    def frame(
        self, sample: int, told: Sequence[Beat] = (), state: SignalState = GOOD
    ) -> list[Condition]:
        said = self.rules.push(Now(sample, sample + FRAME, utc, -1), told, state)
        self.said += said
        return said

    def of(self, kind: AlarmKind) -> list[bool]:
        """Whether it held, in the order said; the first word "not" left out."""
        said = [one.active for one in self.said if one.kind is kind]
        changes = [a for i, a in enumerate(said) if i == 0 or said[i - 1] != a]
        return changes[1:] if changes and not changes[0] else changes

    def last(self, kind: AlarmKind) -> Condition:
        return [one for one in self.said if one.kind is kind][-1]


def raised(classes: str, rr_s: float = 0.5, **limits: float) -> set[AlarmKind]:
    return {one.kind for one in Bed(limits).play(beats(classes, rr_s)).said if one.active}


@pytest.mark.parametrize(
    ("classes", "kinds"),
    [
        ("NNNNNNNNNN", set()),
        ("NNVNNNNVVNNNN", set()),
        ("NNVVVNN", {RUN}),
        ("NNVVVVNN", {RUN}),
        ("NNVVVVVNN", {RUN, VT}),
        ("VVVVV", {RUN, VT}),
        ("NVNVNV", {BIGEMINY}),
        ("NVNVN", set()),
        ("NVNVNNVNV", set()),
        ("NVNV NV", set()),
        ("SVSVSV", set()),
        ("NNVNNVNNV", {TRIGEMINY}),
        ("NNVNNVNV", set()),
        ("VNVNVNV", {BIGEMINY}),
        ("VVQVVQVV", set()),
        ("VVFVVFVV", set()),
        ("VV VV VV", set()),
        ("QQQQQQQQ", set()),
        ("SSSSSSSS", set()),
    ],
)
def test_what_a_row_of_beats_raises(classes: str, kinds: set[AlarmKind]) -> None:
    assert raised(classes) == kinds


def test_a_slow_row_of_v_is_a_run_and_no_tachycardia() -> None:
    assert raised("VVVVVVVV", 0.61) == {RUN}
    assert raised("VVVVVVVV", 0.59) == {RUN, VT}
    assert raised("VVVVVVVV", 0.6) == {RUN}  # over 100, not at it


def test_the_limits_of_a_patient_hold() -> None:
    assert raised("NVVVVN", vt_beats=4) == {RUN, VT}
    assert raised("NVVVVVN", vrun_beats=5, vt_beats=6) == {RUN}
    assert raised("VVVVVV", 0.7, vt_bpm=80) == {RUN, VT}
    bed = Bed()
    bed.rules.set_limits({"vrun_beats": 4})
    assert RUN not in {one.kind for one in bed.play(beats("NVVVN")).said if one.active}


def test_it_begins_at_the_first_v_and_ends_with_another_beat() -> None:
    bed = Bed().play(beats("NNVVVVVVN"))
    assert bed.of(VT) == [True, False]
    assert bed.of(RUN) == [True, False]
    begun = next(one for one in bed.said if one.kind is VT and one.active)
    assert begun.onset_ns == utc(beats("NNV")[2].sample)
    assert begun.sample == beats("NNVVVVV")[6].sample + FRAME


def test_it_ends_when_the_v_become_slow() -> None:
    fast = beats("VVVVVV")
    slow = beats("VVVVVV", 1.0, first=fast[-1].sample + 250)
    slow[0] = beats("VV", 1.0, first=slow[0].sample - 250)[1]
    bed = Bed().play([*fast, *slow])
    assert bed.of(VT) == [True, False]
    assert bed.of(RUN) == [True]


def test_the_evidence_can_be_drawn() -> None:
    bed = Bed().play(beats("NNNVVVVV"))
    evidence = bed.last(VT).evidence
    assert evidence == {
        "rate_bpm": 120.0,
        "beats": 5,
        "classes": "NVVVVV",
        "probability": 0.9,
        "activation": (0.1, 0.07),
        "limit_bpm": 100.0,
    }
    assert "120 a minute" in bed.last(VT).message
    bed.play(beats("V" * 40, first=8 * 125)[1:])
    classes = bed.last(VT).evidence["classes"]
    assert classes == "V" * 12
    assert Bed().play(beats("NNVNNVNNV")).last(TRIGEMINY).evidence["classes"] == "NNVNNVNNV"


def test_bigeminy_is_said_once_while_it_lasts() -> None:
    bed = Bed().play(beats("NV" * 40))
    assert sum(one.active for one in bed.said if one.kind is BIGEMINY) == 1
    bed.play(beats("NN", first=80 * 125))
    assert bed.of(BIGEMINY) == [True, False]


@pytest.mark.parametrize("doubt", ["Q", "F", " "])
def test_what_is_in_doubt_ends_nothing(doubt: str) -> None:
    bed = Bed().play(beats(f"VVVVV{doubt}"))
    bed.frame(10_000)
    assert bed.of(VT) == [True]
    bed.play(beats("N", first=20_000))
    assert bed.of(VT) == [True, False]


def test_an_alarm_stays_over_poor_signal_and_a_gap_and_says_so() -> None:
    bed = Bed().play(beats("VVVVV"))
    (told, _) = bed.frame(5_000, state=POOR)
    assert told.active
    assert told.message.endswith("cannot be analysed now (poor)")
    bed.rules.reset(9_000)
    assert bed.of(VT) == [True]
    bed.frame(10_000)
    assert "cannot" not in bed.last(VT).message
    bed.play(beats("VVVV", first=11_000))
    assert bed.of(VT) == [True]  # not refuted, and not seen again either
    bed.play(beats("N", first=14_000))
    assert bed.of(VT) == [True, False]


def test_beats_that_nobody_classifies_leave_a_note() -> None:
    bed = Bed().play(beats("VVVVVQ"))
    assert bed.last(VT).message.endswith("(beats are not classified)")


ROWS = st.text("NNNSVVVVFQ ", max_size=60)


@given(ROWS, st.data())
def test_restored_rules_go_on_equally(classes: str, data: st.DataObject) -> None:
    told = beats(classes, 0.45)
    at = data.draw(st.integers(0, len(told)))
    clean = Bed().play(told)
    first = Bed().play(told[:at])
    second = Bed()
    second.rules.restore(unpack(pack(first.rules.state())))
    second.play(told[at:])
    assert first.said + second.said == clean.said


@given(ROWS)
def test_a_row_is_never_counted_across_a_break(classes: str) -> None:
    bed = Bed().play(beats(classes, 0.45))
    pieces = classes.replace("Q", " ").replace("F", " ").split(" ")
    kinds = {one.kind for one in bed.said if one.active}
    assert (RUN in kinds) == any("VVV" in piece for piece in pieces)
    assert (VT in kinds) == any("VVVVV" in piece for piece in pieces)
    assert (BIGEMINY in kinds) == any("NVNVNV" in piece for piece in pieces)
    assert (TRIGEMINY in kinds) == any("NNVNNVNNV" in piece for piece in pieces)
