"""What the models add to the pipeline, and what is left when they fail."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.chunklog.snapshots import pack, unpack
from edge.inference import Model
from edge.offline import NOMINAL_START_NS, analyze, chunks_of, records_of
from edge.pipeline.beat_classes import AF_CERTAIN, label_of
from edge.pipeline.gateway import NO_MODELS, Pipeline
from edge.pipeline.models import BEAT_MODEL, RHYTHM_MODEL, BeatModel, EcgModels
from edge.results import events_of
from edge.rounds import run_rounds
from edge.stages.limits import DEFAULT_LIMITS
from tests.edge.pipeline.streams import (
    ECG,
    MODELS,
    SITE,
    Energy,
    Lottery,
    arriving,
    cut,
    even,
    events,
    gateway,
    piece,
    play,
)
from vitalwire import messages
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Arrays,
    Beat,
    BeatClass,
    Chunk,
    Episode,
    Event,
    Probabilities,
    Quality,
    Rhythm,
    Samples,
    SignalState,
    Vitals,
)
from vitalwire.recordings.bundled import bundled_recording

FS = 360.0
ONLY_RHYTHM = EcgModels(rhythm=ECG.rhythm)


class Always:
    """The same word on everything; remembers what it was asked."""

    def __init__(self, word: Sequence[float], n_state: int = 0) -> None:
        self.word, self.n_state = np.array(word, np.float32), n_state
        self.asked: list[Arrays] = []

    def run(self, inputs: Arrays) -> Arrays:
        n = len(next(iter(inputs.values())))
        self.asked += [{key: value[i] for key, value in inputs.items()} for i in range(n)]
        said = {"probability": np.tile(self.word, (n, 1))}
        if self.n_state:
            return {**said, "next_state": inputs["state"] + np.float32(1.0)}
        return {**said, "activation": np.full((n, 20), 0.123, np.float32)}


def rhythm_of(**values: float) -> Always:
    rest = (1.0 - sum(values.values())) / (len(Rhythm) - len(values))
    return Always([values.get(rhythm.value, rest) for rhythm in Rhythm], n_state=2)


def class_of(label: BeatClass) -> Always:
    return Always([0.92 if one is label else 0.02 for one in BeatClass])


def lead(n_s: float) -> Samples:
    return bundled_recording().read(0, round(n_s * FS))[:1]


def told(
    chunks: Sequence[Chunk], beat: Model | None = None, rhythm: Model | None = None
) -> list[Event]:
    models = {**MODELS}
    if beat:
        models[BEAT_MODEL] = beat
    if rhythm:
        models[RHYTHM_MODEL] = rhythm
    return events_of(analyze(records_of(chunks), models=models, ecg=ECG))


def alarms(those: Sequence[Event], kind: AlarmKind) -> list[AlarmEvent]:
    return [one for one in those if isinstance(one, AlarmEvent) and one.kind is kind]


# --- rhythm ------------------------------------------------------------------------------


def test_the_rhythm_is_told_once_a_second_and_as_episodes() -> None:
    those = told(list(chunks_of(lead(30.0), FS)), rhythm=rhythm_of(af=0.8))
    said = [one for one in those if isinstance(one, Probabilities)]
    assert [one.sample for one in said] == [round(FS * (i + 1)) for i in range(29)]
    assert said[0].labels == tuple(rhythm.value for rhythm in Rhythm)
    assert said[0].values == (0.05, 0.8, 0.05, 0.05, 0.05)
    opened, closed = (one for one in those if isinstance(one, Episode))
    assert (opened.kind, opened.end_sample) == ("af", None)
    assert closed.onset_sample == opened.onset_sample
    # The first second is not known to be readable; the end is that of the recording.
    assert closed.onset_sample == pytest.approx(0.8 * FS, abs=0.3 * FS)
    assert closed.end_sample == pytest.approx(30 * FS, abs=0.3 * FS)
    (start, *_) = alarms(those, AlarmKind.ATRIAL_FIBRILLATION)
    assert start.phase is AlarmPhase.START
    assert start.evidence["model"] == RHYTHM_MODEL
    assert start.evidence["probability"] == 0.8


def test_a_shockable_rhythm_is_seen_without_a_beat_and_not_in_noise() -> None:
    n = round(12 * FS)
    waves = 0.6 * np.sin(2 * np.pi * 4.0 * np.arange(n) / FS)
    noise = np.random.default_rng(0).normal(size=n)
    for stretch, seen in ((waves, True), (noise, False)):
        whole = np.concatenate([0.05 * lead(20.0)[0], stretch]).astype(np.float32)
        those = told(list(chunks_of(whole[None, :], FS)))
        begun = [one for one in alarms(those, AlarmKind.SHOCKABLE_RHYTHM) if one.revision == 0]
        poor = [
            one for one in those if isinstance(one, Quality) and one.state is SignalState.POOR
        ]
        loud = [one for one in those if isinstance(one, Probabilities) and one.values[3] > 0.9]
        assert loud  # the model says so in both
        assert bool(begun) == seen == (not poor)
        if seen:
            onset_s = (begun[0].onset_ns - NOMINAL_START_NS) / 1e9
            assert 20.0 <= onset_s <= 22.0  # the stand-in is slow


def test_the_rhythm_is_asked_first_and_the_beats_are_told_of_it() -> None:
    order: list[str] = []

    class Noted(Always):
        def __init__(self, name: str, of: Always) -> None:
            super().__init__(of.word.tolist(), of.n_state)
            self.name = name

        def run(self, inputs: Arrays) -> Arrays:
            order.append(self.name)
            return super().run(inputs)

    beat, rhythm = Noted("beat", class_of(BeatClass.N)), Noted("rhythm", rhythm_of(af=0.625))
    told(list(chunks_of(lead(20.0), FS)), beat, rhythm)
    assert sum(bool(np.isclose(one["context"], 0.625).any()) for one in beat.asked) == len(
        beat.asked
    )
    assert order[0] == "rhythm"
    assert len(rhythm.asked) == 99  # 20 s less the resampler's delay
    assert [one["state"][0] for one in rhythm.asked] == list(range(99))


def off(chunk: Chunk, from_s: float, to_s: float) -> Chunk:
    is_off = from_s <= chunk.first_sample / FS < to_s
    return replace(chunk, lead_off=int(is_off), lead_state_known=True)


def test_a_lead_that_is_off_is_not_asked_about_and_the_model_starts_anew() -> None:
    rhythm = rhythm_of(af=0.8)
    chunks = [off(chunk, 12.0, 16.0) for chunk in chunks_of(lead(30.0), FS)]
    those = told(chunks, rhythm=rhythm)
    states = [one["state"][0] for one in rhythm.asked]
    anew = states.index(0.0, 1)
    assert 58 <= anew <= 60
    assert states == [*range(anew), *range(len(states) - anew)]
    assert 68 <= len(states) - anew <= 70
    samples = [one.sample / FS for one in those if isinstance(one, Probabilities)]
    assert not [at for at in samples if 12.2 < at <= 16.0]
    assert {at % 1.0 for at in samples} == {0.0}  # the grid stays
    spans = [
        (one.onset_sample / FS, one.end_sample / FS)
        for one in those
        if isinstance(one, Episode) and one.end_sample is not None
    ]
    assert len(spans) == 2
    assert spans[0][1] <= 12.2
    assert spans[1][0] >= 16.0


def test_a_gap_starts_the_model_anew_and_keeps_the_alarm() -> None:
    rhythm = rhythm_of(shockable=0.9)
    chunks = list(chunks_of(lead(30.0), FS))
    those = told(chunks[:60] + chunks[64:], rhythm=rhythm)
    states = [one["state"][0] for one in rhythm.asked]
    assert states.count(0.0) == 2
    phases = [one.phase for one in alarms(those, AlarmKind.SHOCKABLE_RHYTHM)]
    assert phases[0] is AlarmPhase.START
    assert AlarmPhase.END not in phases
    assert len({one.alarm_id for one in alarms(those, AlarmKind.SHOCKABLE_RHYTHM)}) == 1


# --- beats -------------------------------------------------------------------------------


def test_beats_carry_their_class_and_what_spoke_for_it() -> None:
    those = told(list(chunks_of(lead(20.0), FS)), class_of(BeatClass.V))
    beats = [one for one in those if isinstance(one, Beat)]
    assert beats
    for beat in beats:
        assert beat.label is BeatClass.V
        assert beat.probability == pytest.approx(0.92)
        assert beat.activation == (0.12,) * 20
    (start, *_) = alarms(those, AlarmKind.VENTRICULAR_TACHYCARDIA)
    assert start.evidence["classes"] == "VVVVV"
    assert start.evidence["activation"] == (0.12,) * 20
    assert float(str(start.evidence["rate_bpm"])) > DEFAULT_LIMITS["vt_bpm"]
    normal = told(list(chunks_of(lead(20.0), FS)), class_of(BeatClass.N))
    assert {one.activation for one in normal if isinstance(one, Beat)} == {()}
    assert not alarms(normal, AlarmKind.VENTRICULAR_TACHYCARDIA)


MODEL = BeatModel(
    (BeatClass.N, BeatClass.S, BeatClass.V),
    {BeatClass.S: 0.2, BeatClass.V: 0.5},
)


@pytest.mark.parametrize(
    ("said", "label"),
    [
        ((1.0, 0.0, 0.0), "N"),
        ((0.7, 0.2, 0.1), "S"),
        ((0.75, 0.19, 0.06), "N"),
        ((0.1, 0.3, 0.6), "S"),  # 1.5 times its threshold against 1.2
        ((0.1, 0.2, 0.7), "V"),
        ((0.31, 0.19, 0.5), "V"),
    ],
)
def test_the_class_is_the_largest_multiple_of_its_threshold(
    said: tuple[float, ...], label: str
) -> None:
    found, probability = label_of(MODEL, np.array(said, np.float64).astype(np.float32))
    assert found == label
    assert probability == pytest.approx(said["NSV".index(label)])


def test_no_beat_is_supraventricular_where_the_atria_fibrillate() -> None:
    surely_s = np.array([0.1, 0.8, 0.1], np.float32)
    assert label_of(MODEL, surely_s, AF_CERTAIN) == (BeatClass.S, 0.8)
    assert label_of(MODEL, surely_s, 0.95) == (BeatClass.N, 0.1)
    either = np.array([0.0, 0.4, 0.6], np.float32)
    assert label_of(MODEL, either)[0] == "S"
    assert label_of(MODEL, either, 0.95)[0] == "V"


# --- failure -----------------------------------------------------------------------------


class Failing:
    """A model that raises, or gives what is not finite, for some of its calls."""

    def __init__(self, of: Model, fails: Callable[[int], bool], how: str) -> None:
        self.of, self.fails, self.how = of, fails, how
        self.calls = 0
        self.states: list[NDArray[np.float32]] = []

    def run(self, inputs: Arrays) -> Arrays:
        self.calls += 1
        if "state" in inputs:
            self.states.append(inputs["state"][0].copy())
        if not self.fails(self.calls):
            return self.of.run(inputs)
        if self.how == "raises":
            raise RuntimeError("a broken runtime")
        return {key: value * np.nan for key, value in self.of.run(inputs).items()}


@pytest.mark.parametrize("how", ["raises", "not finite"])
def test_a_rhythm_model_that_fails_says_nothing_and_starts_anew(how: str) -> None:
    chunks = list(chunks_of(lead(40.0), FS))
    failing = Failing(Energy(), lambda call: 50 < call <= 100, how)
    those = told(chunks, rhythm=failing)
    samples = [one.sample / FS for one in those if isinstance(one, Probabilities)]
    assert samples == [float(i) for i in range(1, 40) if not 10 < i <= 20]
    assert failing.states[50].any()
    assert not any(state.any() for state in failing.states[51:101])
    assert failing.states[101].any()
    healthy = told(chunks)
    assert [one.sample for one in those if isinstance(one, Beat)] == [
        one.sample for one in healthy if isinstance(one, Beat)
    ]
    assert [one for one in those if isinstance(one, Vitals | Quality)] == [
        one for one in healthy if isinstance(one, Vitals | Quality)
    ]


@pytest.mark.parametrize("how", ["raises", "not finite"])
def test_a_beat_model_that_fails_leaves_beats_without_a_class(how: str) -> None:
    chunks = list(chunks_of(lead(40.0), FS))
    healthy = [one for one in told(chunks, class_of(BeatClass.V)) if isinstance(one, Beat)]
    failing = Failing(class_of(BeatClass.V), lambda call: call > 20, how)
    those = [one for one in told(chunks, failing) if isinstance(one, Beat)]
    assert {one.label for one in those[:20]} == {BeatClass.V}
    assert {(one.label, one.probability, one.activation) for one in those[25:]} == {
        (BeatClass.Q, None, ())
    }
    assert [(one.sample, one.rr_s) for one in those] == [
        (one.sample, one.rr_s) for one in healthy
    ]


def test_an_alarm_of_a_model_that_then_fails_stays_open() -> None:
    chunks = list(chunks_of(lead(60.0), FS))
    failing = Failing(rhythm_of(shockable=0.9), lambda call: call > 100, "raises")
    broken = Failing(class_of(BeatClass.V), lambda call: call > 20, "raises")
    those = told(chunks, broken, failing)
    for kind, why in (
        (AlarmKind.SHOCKABLE_RHYTHM, "the rhythm model gives no answers"),
        (AlarmKind.VENTRICULAR_TACHYCARDIA, "beats are not classified"),
    ):
        last = alarms(those, kind)[-1]
        assert last.active
        assert why in last.message


# --- a gateway that starts again with other models ---------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (NO_MODELS, ECG),
        (ECG, NO_MODELS),
        (ONLY_RHYTHM, ECG),
        (ECG, replace(ECG, rhythm=ECG.rhythm and replace(ECG.rhythm, digest="another"))),
        (ECG, replace(ECG, rhythm=ECG.rhythm and replace(ECG.rhythm, n_state=5))),
    ],
)
def test_other_models_begin_anew_and_raise_no_alarm_by_it(
    before: EcgModels, after: EcgModels
) -> None:
    whole = piece(None, 0.0, 60.0)
    log = arriving(whole, cut(whole, even(whole)))
    half = len(log) // 2
    first = Pipeline(SITE, ecg=before)
    n_state = after.rhythm.n_state if after.rhythm else 0
    models: dict[str, Model] = {
        BEAT_MODEL: class_of(BeatClass.N),
        RHYTHM_MODEL: rhythm_of(normal=0.9),
    }
    run_rounds(first, enumerate(log[:half]), models)
    second = Pipeline(SITE, ecg=after)
    second.restore(unpack(pack(first.state())))
    behind = rhythm_of(normal=0.9)
    models = {**models, RHYTHM_MODEL: behind}
    done = run_rounds(second, enumerate(log[half:]), models)
    those = events([one for _, outputs in done for one in outputs])
    assert not [one for one in those if isinstance(one, AlarmEvent)]
    if after.rhythm:
        assert behind.asked[0]["state"].shape == (n_state,)
        assert not behind.asked[0]["state"].any()
    beats = {one.sample: one.label for one in those if isinstance(one, Beat)}
    settled = [at for at in beats if at > 40 * FS]
    clean = events(play(gateway(), log[: len(log)]))
    last = max(settled)
    assert settled == [
        one.sample for one in clean if isinstance(one, Beat) and 40 * FS < one.sample <= last
    ]
    label = BeatClass.N if after.beat else BeatClass.Q
    assert {beats[at] for at in settled} == {label}
    told_at = [one.sample for one in those if isinstance(one, Probabilities)]
    assert bool(told_at) == (after.rhythm is not None)


# --- whatever comes ----------------------------------------------------------------------


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["wave", "noise", "flat", "steps", "missing"]),
            st.floats(-30_000.0, 30_000.0, width=32),
            st.floats(0.2, 4.0),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([100.0, 128.0, 250.0, 257.3, 360.0, 1000.0]),
)
def test_no_finite_input_gives_what_is_not_finite(
    stretches: list[tuple[str, float, float]], fs: float
) -> None:
    rng = np.random.default_rng(1)
    parts = []
    for shape, size, length_s in stretches:
        t = np.arange(round(length_s * fs)) / fs
        made = {
            "wave": size * np.sin(30.0 * t),
            "noise": size * rng.normal(size=len(t)),
            "flat": np.full(len(t), size),
            "steps": size * np.sign(np.sin(9.0 * t)),
            "missing": np.full(len(t), np.nan),
        }
        parts.append(made[shape])
    data = np.concatenate(parts).astype(np.float32)[None, :]
    events = events_of(analyze(records_of(chunks_of(data, fs)), models=MODELS, ecg=ECG))
    assert events  # the state of the lead at least
    for event in events:
        messages.dump_event(event)  # refuses what is not finite


def test_a_batch_over_devices_has_each_model_called_once_a_round() -> None:
    whole = piece(None, 0.0, 12.0)
    logs = [arriving(whole, cut(whole, even(whole), device=f"w{i}")) for i in range(4)]
    beat, single = Lottery(), Lottery()
    merged = [record for together in zip(*logs, strict=True) for record in together]
    run_rounds(gateway(True), enumerate(merged), {**MODELS, BEAT_MODEL: beat})
    run_rounds(gateway(True), enumerate(logs[0]), {**MODELS, BEAT_MODEL: single})
    assert beat.batches == [4 * n for n in single.batches]
