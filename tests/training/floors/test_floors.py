"""The floors find what is plain, and say nothing where nothing is."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.offline import analyze, chunks_of, records_of
from edge.results import events_of
from edge.stages.eeg_signal import EEG_FS_HZ
from tests.edge.stages.brain import background, samples, seizure
from training.floors.line_length import LineLength
from training.floors.loading import LoadFloor, line_length_floor
from training.floors.logistic import N_FEATURES, Logistic, features
from training.floors.logistic_fit import Windows, fit_logistic
from training.floors.windows import N_WINDOW, Float32
from vitalwire.contracts import AlarmEvent, AlarmKind, AlarmPhase, Samples, Signal
from vitalwire.errors import InputError

FS = 256.0


def alarms(load: LoadFloor, x: Samples) -> list[AlarmEvent]:
    """Those that a gateway with this floor starts."""
    loaded = load().loaded
    records = records_of(chunks_of(x, FS, "cap", signal=Signal.EEG))
    return [
        one
        for one in events_of(analyze(records, models=loaded.models, eeg=loaded.eeg))
        if isinstance(one, AlarmEvent)
        and one.kind is AlarmKind.SEIZURE
        and one.phase is AlarmPhase.START
    ]


def brain(n_s: float, spans: Sequence[tuple[float, float]] = ()) -> Samples:
    x = background(4, n_s, FS)
    for start_s, end_s in spans:
        first = round(start_s * FS)
        fit = seizure(end_s - start_s, FS, 200.0)
        x[:, first : first + len(fit)] += fit
    return samples(x)


def test_line_length_finds_a_seizure_once_it_has_lasted() -> None:
    found = alarms(line_length_floor(), brain(70, [(40, 60)]))
    assert len(found) == 1
    declared_s = found[0].declared_sample / FS
    assert 44.0 <= declared_s <= 52.0


def test_line_length_says_nothing_of_a_background() -> None:
    assert alarms(line_length_floor(), brain(70)) == []


def test_line_length_takes_what_lasts_for_the_background() -> None:
    """Somebody whose EEG is always large has no seizure."""
    floor, rng = LineLength(), np.random.default_rng(0)
    memory = np.zeros(floor.n_memory, np.float32)
    told = []
    for second in range(900):
        size = 1.0 if second < 60 else 3.0
        window = rng.normal(0, size, (4, N_WINDOW))
        judgement = floor.judge(window, np.arange(4), memory)
        memory = judgement.memory
        told.append(judgement.probability)
    assert max(told[5:60]) < 0.5
    assert told[61] > 0.5
    assert told[-1] < 0.5


def test_line_length_says_which_leads_speak_for_it() -> None:
    floor, rng = LineLength(), np.random.default_rng(0)
    quiet = rng.normal(0, 1, (4, N_WINDOW))
    told = floor.judge(quiet, np.arange(4), np.zeros(floor.n_memory, np.float32))
    loud = quiet * np.array([1.0, 5.0, 1.0, 1.0])[:, None]
    told = floor.judge(loud, np.arange(4), told.memory)
    assert int(np.argmax(told.leads)) == 1


@settings(deadline=None, max_examples=25)
@given(st.floats(1e-2, 1e3), st.integers(0, 1000))
def test_features_do_not_know_the_amplitude(gain: float, seed: int) -> None:
    window = np.random.default_rng(seed).normal(0, 1, (5, N_WINDOW))
    np.testing.assert_allclose(features(window * gain), features(window), rtol=1e-3, atol=1e-3)


def test_features_do_not_know_the_order_of_the_leads() -> None:
    window = np.random.default_rng(0).normal(0, 1, (5, N_WINDOW))
    np.testing.assert_allclose(features(window[::-1]), features(window), atol=1e-12)


def test_a_rhythm_is_more_concentrated_than_noise() -> None:
    t = np.arange(N_WINDOW) / EEG_FS_HZ
    noise = np.random.default_rng(0).normal(0, 1, (3, N_WINDOW))
    rhythm = noise + 5 * np.sin(2 * np.pi * 5 * t)
    of_rhythm, of_noise = features(rhythm), features(noise)
    assert of_rhythm[1] > of_noise[1] + 0.2  # mean over leads of the concentration
    assert of_rhythm[3] > of_noise[3]  # and of the share from 4 to 8 Hz


def windows(
    patient: str, n_background: int, n_seizure: int, apart: float, seed: int
) -> Windows:
    def drawn(n: int, middle: float) -> Float32:
        rng = np.random.default_rng(seed)
        return rng.normal(middle, 1.0, (n, N_FEATURES)).astype(np.float32)

    return Windows(patient, drawn(n_background, 0.0), drawn(n_seizure, apart))


def floor_of(load: LoadFloor) -> Logistic:
    assert isinstance(load.floor, Logistic)
    return load.floor


def test_nobody_is_judged_by_what_was_learned_from_them() -> None:
    others = [
        windows("b", 40, 20, 1.0, 1),
        windows("c", 40, 20, 1.0, 2),
        windows("d", 40, 0, 0, 3),
    ]
    usual = fit_logistic([windows("a", 40, 20, 1.0, 0), *others])
    other = fit_logistic([windows("a", 40, 20, -9.0, 7), *others])
    assert floor_of(usual["a"]) == floor_of(other["a"])
    assert floor_of(usual["b"]) != floor_of(other["b"])


def test_it_tells_the_two_kinds_apart() -> None:
    fitted = floor_of(
        fit_logistic([windows(name, 60, 30, 1.0, n) for n, name in enumerate("abc")])["a"]
    )
    weights = np.array(fitted.weights)
    unseen = windows("a", 200, 200, 1.0, 9)
    assert (unseen.seizure @ weights + fitted.bias > 0).mean() > 0.95
    assert (unseen.background @ weights + fitted.bias < 0).mean() > 0.95


def test_hours_of_one_person_weigh_as_minutes_of_another() -> None:
    few = [windows("b", 30, 10, 1.0, 1), windows("c", 30, 10, 2.0, 2)]
    often = Windows("c", np.tile(few[1].background, (9, 1)), np.tile(few[1].seizure, (9, 1)))
    mine = windows("a", 10, 0, 0.0, 3)
    once, many = (fit_logistic([mine, few[0], one])["a"] for one in (few[1], often))
    np.testing.assert_allclose(floor_of(once).weights, floor_of(many).weights, atol=1e-4)


def test_seizures_of_one_person_alone_cannot_be_learned_from() -> None:
    with pytest.raises(InputError, match="fitted for a on everybody else, of whom no seizure"):
        fit_logistic([windows("a", 10, 10, 1.0, 0), windows("b", 10, 0, 0.0, 1)])
