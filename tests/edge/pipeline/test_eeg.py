"""An EEG through the whole pipeline: seizures, what cannot be analysed, and invariance."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.chunklog.snapshots import pack, unpack
from edge.offline import NOMINAL_START_NS, SITE, analyze, chunks_of, records_of
from edge.pipeline.gateway import Output, Pipeline
from edge.pipeline.models import SEIZURE_MODEL, EegModels
from edge.results import events_of
from edge.rounds import run_rounds
from edge.stages.eeg_hops import hops_of
from tests.edge.pipeline.eeg_streams import (
    EEG,
    FS,
    N_STATE,
    Loudness,
    alarms,
    chunks,
    log,
    off,
    spans_s,
    told,
    with_seizure,
)
from tests.edge.stages.brain import background, samples
from vitalwire import messages
from vitalwire.contracts import (
    AlarmEvent,
    AlarmKind,
    AlarmPhase,
    Arrays,
    Brain,
    Chunk,
    Episode,
    Event,
    Gap,
    Probabilities,
    Quality,
    Signal,
    SignalState,
    Vitals,
)

NO_EEG = EegModels()


# --- a seizure ----------------------------------------------------------------------------


def test_a_seizure_is_told_as_probabilities_an_episode_and_an_alarm() -> None:
    those = told(chunks(with_seizure(n_s=200.0, on=(1, 3))))
    said = [one for one in those if isinstance(one, Probabilities)]
    assert said[0].labels == ("background", "seizure")
    assert [one.sample for one in said] == [round(FS * (i + 1)) for i in range(199)]
    by_second = {round(one.sample / FS): one.values[1] for one in said}
    assert by_second[30] < 0.1 < 0.9 < by_second[45]
    opened, closed = (one for one in those if isinstance(one, Episode))
    assert (opened.kind, opened.end_sample) == ("seizure", None)
    assert closed.onset_sample == opened.onset_sample
    ((onset_s, end_s),) = spans_s(those)
    assert onset_s == pytest.approx(40.0, abs=1.0)
    assert 50.0 < end_s < 63.0
    start, *later = alarms(those)
    assert (start.phase, start.priority) == (AlarmPhase.START, "high")
    assert 44.0 < (start.declared_ns - NOMINAL_START_NS) / 1e9 < 48.0
    assert (start.onset_ns - NOMINAL_START_NS) / 1e9 == pytest.approx(onset_s)
    assert later[-1].latched
    assert not later[-1].active


def test_the_alarm_says_what_it_rests_on() -> None:
    start = alarms(told(chunks(with_seizure(on=(1, 3)))))[0]
    evidence = start.evidence
    assert evidence["model"] == SEIZURE_MODEL
    assert 0.5 < float(str(evidence["mean"])) <= float(str(evidence["probability"])) <= 1.0
    trace, leads = evidence["trace"], evidence["leads"]
    assert isinstance(trace, tuple)
    assert isinstance(leads, tuple)
    assert len(trace) == 30  # seconds
    assert trace[0] < 0.1
    assert trace[-1] > 0.9
    assert len(leads) == 4
    assert min(leads[1], leads[3]) > 10 * max(leads[0], leads[2])
    assert evidence["strongest"] in ("2, 4", "4, 2", "2, 4, 1, 3", "2, 4, 3, 1", "4, 2, 1, 3")
    assert (evidence["n_read"], evidence["n_leads"]) == (4, 4)
    assert start.message.startswith("seizure, most of all on lead ")


def test_seizures_close_together_are_one_episode_and_sound_each() -> None:
    spans = ((30.0, 50.0), (90.0, 110.0), (260.0, 280.0))
    those = told(chunks(with_seizure(2, 400.0, spans)))
    ends = spans_s(those)
    assert [round(onset_s, -1) for onset_s, _ in ends] == [30.0, 260.0]
    assert 100.0 < ends[0][1] < 115.0
    active = [one.active for one in alarms(those) if one.phase is not AlarmPhase.END]
    assert active.count(False) >= 3
    assert len({one.alarm_id for one in alarms(those)}) == 1  # nobody has acknowledged it
    assert alarms(those)[-1].evidence["episodes"] == 3


def test_a_background_says_nothing() -> None:
    those = told(chunks(samples(background(18, 60.0, FS))))
    assert not alarms(those)
    assert not [one for one in those if isinstance(one, AlarmEvent | Episode)]
    assert len([one for one in those if isinstance(one, Quality)]) == 2 * 18  # unknown, good


def test_vitals_are_told_once_a_second() -> None:
    those = told(chunks(with_seizure(n_s=70.0)))
    vitals = [one for one in those if isinstance(one, Vitals)]
    assert [one.sample for one in vitals] == [round(FS * (i + 1)) for i in range(70)]
    assert {one.signal for one in vitals} == {Signal.EEG}
    assert {one.heart_rate_bpm for one in vitals} == {None}
    quiet, fit = vitals[30], vitals[50]
    assert (quiet.good_leads, quiet.state) == (4, SignalState.GOOD)
    assert quiet.amplitude_uv == pytest.approx(20.0, rel=0.3)
    assert (fit.amplitude_uv or 0.0) > 100.0
    powers = (
        quiet.delta_uv2,
        quiet.theta_uv2,
        quiet.alpha_uv2,
        quiet.beta_uv2,
        quiet.gamma_uv2,
    )
    assert all(power is not None and power > 0.0 for power in powers)


# --- what the model is asked --------------------------------------------------------------


@pytest.mark.parametrize("fs", [128.0, 256.0, 500.0])
def test_the_gateway_asks_what_training_reads(fs: float) -> None:
    x = samples(background(5, 30.0, fs))
    x[2, 1000:3000] = np.nan
    model = Loudness()
    told(chunks(x, fs, 0.37), model)
    wanted = [hop.inputs() for hop in hops_of(chunks(x, fs)) if hop.good.any()]
    assert len(model.asked) >= len(wanted) > 100  # at the end the gateway has a shorter frame
    for asked, want in zip(model.asked, wanted, strict=False):
        np.testing.assert_array_equal(asked["good"], want["good"])
        np.testing.assert_array_equal(asked["signal"], want["signal"])
    assert model.asked[0]["state"].shape == (N_STATE,)
    assert not model.asked[0]["state"].any()
    assert model.asked[1]["state"].any()


def states(model: Loudness) -> list[bool]:
    """Which questions carried no state: the model starts anew there."""
    return [not one["state"].any() for one in model.asked]


def test_leads_that_are_off_are_not_asked_about_and_the_model_starts_anew() -> None:
    model = Loudness()
    x = samples(background(3, 40.0, FS))
    told(off(chunks(x), 0b111, 15.0, 25.0), model)
    anew = [i for i, is_new in enumerate(states(model)) if is_new]
    assert anew[0] == 0
    assert len(anew) == 2
    assert 52 <= anew[1] <= 58  # the first second is unknown
    short = Loudness()
    told(off(chunks(x), 0b111, 15.0, 16.0), short)
    assert sum(states(short)) == 1


def test_a_gap_starts_the_model_anew_and_keeps_the_alarm() -> None:
    model = Loudness()
    those = chunks(with_seizure(n_s=120.0, spans=((40.0, 100.0),)))
    events = told(those[:260] + those[270:], model)
    assert sum(states(model)) == 2
    phases = [one.phase for one in alarms(events)]
    assert phases[0] is AlarmPhase.START
    assert len({one.alarm_id for one in alarms(events)}) == 1
    assert len([one for one in events if isinstance(one, Gap)]) == 1
    first, second = spans_s(events)
    assert first[1] <= 52.1
    assert second[0] >= 53.9


# --- what cannot be analysed --------------------------------------------------------------


@pytest.mark.parametrize("how", ["lead off", "flat", "noise", "rail", "mains"])
def test_what_cannot_be_analysed_is_never_a_seizure(how: str) -> None:
    rng = np.random.default_rng(5)
    x = samples(background(6, 120.0, FS))
    t = np.arange(round(60 * FS)) / FS
    at = slice(round(40 * FS), round(100 * FS))
    made = {
        "flat": np.zeros(len(t)),
        "noise": rng.normal(0, 2000.0, len(t)),
        "rail": np.where(rng.random(len(t)) < 0.5, 3000.0, 2900.0 * np.sin(t)),
        "mains": 2000.0 * np.sin(2 * np.pi * 50.0 * t),
        "lead off": 1500.0 * np.sin(2 * np.pi * 3.0 * t),
    }
    x[:4, at] = made[how].astype(np.float32)
    sent: Sequence[Chunk] = chunks(x)
    if how == "lead off":
        sent = list(off(sent, 0b001111, 40.0, 100.0))
    those = told(sent)
    assert not alarms(those)
    assert not [one for one in those if isinstance(one, Episode)]
    kind = AlarmKind.LEAD_OFF if how == "lead off" else AlarmKind.POOR_SIGNAL
    (start, *_) = alarms(those, kind)
    assert start.signal is Signal.EEG
    if how == "lead off":
        assert start.evidence["leads"] == "1, 2, 3, 4"
    said = [one.sample / FS for one in those if isinstance(one, Probabilities)]
    assert not [at_s for at_s in said if 43.0 < at_s < 100.0]
    assert len([at_s for at_s in said if at_s > 105.0]) >= 14


@pytest.mark.parametrize("how", ["flat", "noise", "pop", "lead off"])
def test_a_lead_that_dies_raises_no_seizure_and_is_said(how: str) -> None:
    x = samples(background(4, 100.0, FS))
    behind = x[1, round(40 * FS) :]
    rng = np.random.default_rng(6)
    behind[:] = {
        "flat": np.zeros(len(behind)),
        "noise": rng.normal(0, 2500.0, len(behind)),
        "pop": behind + 9000.0 * (rng.random(len(behind)) < 0.02),
        "lead off": rng.normal(0, 300.0, len(behind)),
    }[how].astype(np.float32)
    sent: Sequence[Chunk] = chunks(x)
    if how == "lead off":
        sent = list(off(sent, 0b0010, 40.0, 100.0))
    those = told(sent)
    assert not alarms(those)
    said = [one for one in those if isinstance(one, Quality) and one.first_sample > 39 * FS]
    assert {one.lead for one in said} == {1}
    assert said[-1].state is not SignalState.GOOD
    assert len([one for one in those if isinstance(one, Probabilities)]) == 99


def test_a_seizure_is_seen_on_the_leads_that_are_left_and_says_so() -> None:
    x = with_seizure(4)
    x[0, round(20 * FS) :] = 0.0
    start, *later = alarms(told(chunks(x)))
    assert start.evidence["n_read"] == 3
    assert [one for one in later if "1 of 4 leads cannot be read" in one.message]
    assert float(start.evidence["leads"][0]) == 0.0  # type: ignore[index]


def test_an_alarm_that_can_no_longer_be_judged_stays_with_a_note() -> None:
    x = with_seizure(4, 120.0, ((40.0, 55.0),))
    x[:, round(50 * FS) :] = 0.0
    last = alarms(told(chunks(x)))[-1]
    assert last.active
    assert "cannot be analysed now (flat)" in last.message


class Failing(Loudness):
    """Gives no answers, or none that are finite, from a call on."""

    def __init__(self, after: int, how: str) -> None:
        super().__init__()
        self.after, self.how = after, how

    def run(self, inputs: Arrays) -> Arrays:
        answer = super().run(inputs)
        if len(self.asked) <= self.after:
            return answer
        if self.how == "raises":
            raise RuntimeError("a broken runtime")
        return {key: value * np.nan for key, value in answer.items()}


@pytest.mark.parametrize("how", ["raises", "not finite"])
def test_a_model_that_fails_says_nothing_and_its_alarm_stays(how: str) -> None:
    those = told(chunks(with_seizure(n_s=100.0)), Failing(200, how))
    said = [one.sample / FS for one in those if isinstance(one, Probabilities)]
    assert max(said) < 53.0
    last = alarms(those)[-1]
    assert last.active
    assert "the seizure model gives no answers" in last.message


# --- no model, other forms ----------------------------------------------------------------


def test_without_a_model_there_is_quality_and_technical_alarms() -> None:
    x = samples(background(3, 60.0, FS))
    x[:, round(20 * FS) :] = 0.0
    those = told(chunks(x), eeg=NO_EEG)
    assert alarms(those, AlarmKind.POOR_SIGNAL)
    assert [one for one in those if isinstance(one, Quality)]
    assert not [one for one in those if isinstance(one, Probabilities | Episode)]


@pytest.mark.parametrize(("n_leads", "fs"), [(1, 100.0), (32, 128.0), (4, 1024.0)])
def test_any_form_that_is_supported(n_leads: int, fs: float) -> None:
    x = with_seizure(n_leads, 60.0, ((30.0, 45.0),), fs=fs)
    assert alarms(told(chunks(x, fs, 0.1)))


@pytest.mark.parametrize("fs", [64.0, 2000.0])
def test_another_rate_is_recorded_and_nothing_said_of_the_brain(fs: float) -> None:
    (said,) = told(chunks(samples(background(2, 5.0, fs)), fs, 0.1))
    assert isinstance(said, AlarmEvent)
    assert said.kind is AlarmKind.POOR_SIGNAL


# --- the cut, a restart -------------------------------------------------------------------


def messy() -> Sequence[Chunk]:
    """Everything at once, in chunks of 20 ms: a seizure, leads that die, missing samples."""
    x = with_seizure(3, 75.0, ((20.0, 35.0),), on=(0, 1))
    x[2, round(25 * FS) : round(40 * FS)] = np.nan
    x[1, round(30 * FS) :] += 4000.0
    return list(off(chunks(x, chunk_s=0.02), 0b100, 50.0, 55.0))


MESSY = messy()


def joined(those: Sequence[Chunk]) -> Chunk:
    return replace(those[0], data=np.concatenate([one.data for one in those], axis=1))


def cut(edges: Sequence[int]) -> list[Chunk]:
    """The small chunks joined at other places; a new one where the lead state changes."""
    pairs = enumerate(pairwise(MESSY), 1)
    marks = {i for i, (before, one) in pairs if before.lead_off != one.lead_off}
    places = sorted({0, len(MESSY), *marks, *edges, *range(0, len(MESSY), 200)})
    parts = [MESSY[a:b] for a, b in pairwise(places)]
    return [replace(joined(part), seq=i) for i, part in enumerate(parts)]


EXPECTED = told(cut([]))


def plain(those: Sequence[Event]) -> list[object]:
    return [messages.plain(one) for one in those]


def rounds(pipeline: Pipeline, those: Sequence[Chunk]) -> list[Event]:
    done = run_rounds(pipeline, enumerate(log(those)), {SEIZURE_MODEL: Loudness()})
    return [one.event for _, outputs in done for one in outputs if isinstance(one, Output)]


def test_the_messy_stream_has_it_all() -> None:
    kinds = {type(one) for one in EXPECTED}
    assert {Probabilities, Episode, AlarmEvent, Quality, Vitals} <= kinds
    assert alarms(EXPECTED)
    assert {one.state for one in EXPECTED if isinstance(one, Quality)} == {
        SignalState.UNKNOWN, SignalState.GOOD, SignalState.POOR, SignalState.LEAD_OFF,
    }  # fmt: skip


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, len(MESSY) - 1), max_size=60).map(sorted))
def test_the_cut_changes_nothing(edges: list[int]) -> None:
    assert plain(told(cut(edges))) == plain(EXPECTED)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 18))
def test_a_restored_pipeline_goes_on_equally(at: int) -> None:
    those = cut([])
    whole = rounds(Pipeline(SITE, eeg=EEG), those)
    first, second = Pipeline(SITE, eeg=EEG), Pipeline(SITE, eeg=EEG)
    begun = rounds(first, those[:at])
    second.restore(unpack(pack(first.state())))
    assert plain(begun + rounds(second, those[at:])) == plain(whole)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (NO_EEG, EEG),
        (EEG, NO_EEG),
        (EEG, EegModels(EEG.seizure and replace(EEG.seizure, digest="another"))),
        (EEG, EegModels(EEG.seizure and replace(EEG.seizure, n_state=7))),
    ],
)
def test_another_model_begins_anew_and_raises_no_alarm_by_it(
    before: EegModels, after: EegModels
) -> None:
    those = chunks(samples(background(3, 40.0, FS)))
    first, second = Pipeline(SITE, eeg=before), Pipeline(SITE, eeg=after)
    rounds(first, those[:100])
    second.restore(unpack(pack(first.state())))
    later = rounds(second, those[100:])
    assert not [one for one in later if isinstance(one, AlarmEvent)]
    assert len([one for one in later if isinstance(one, Vitals)]) == 20
    said = [one for one in later if isinstance(one, Probabilities)]
    assert bool(said) == (after.seizure is not None)
    assert {one.labels for one in said} <= {tuple(one.value for one in Brain)}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
    st.sampled_from([100.0, 128.0, 250.0, 257.3, 1000.0]),
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
    data = np.tile(np.concatenate(parts).astype(np.float32), (2, 1))
    log_of = records_of(chunks_of(data, fs, signal=Signal.EEG))
    events = events_of(analyze(log_of, models={SEIZURE_MODEL: Loudness()}, eeg=EEG))
    assert events  # the state of the leads at least
    for event in events:
        messages.dump_event(event)  # refuses what is not finite
