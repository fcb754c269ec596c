"""Alarms that follow from the classes of the beats: V in a row, and V by turns. Pure.

Ventricular tachycardia is that of the PhysioNet/CinC 2015 challenge: 5 V beats in a row, over
100 a minute (the mean of their 4 intervals). A run is 3 V in a row, however fast. Bigeminy is
three times N V, trigeminy three times N N V.

A class comes later than its beat (at the next one, or 1.5 s after it), so these rules see
beats later than those of asystole and rates do. A beat that nobody has classified, and a
fusion beat, which is half of each, are in doubt: they interrupt a row, and end no alarm. No
row reaches across what could not be read.
"""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from edge.stages.items import Condition, Limits, State
from edge.stages.limits import RANGES, check_limits
from edge.stages.reports import Now, Reports
from edge.stages.rules import HEART_SEEN
from vitalwire.contracts import AlarmKind, Beat, BeatClass, Evidence, Signal, SignalState

_IN_DOUBT: Final = frozenset({BeatClass.F, BeatClass.Q})
_TURNS: Final = {AlarmKind.BIGEMINY: "NV", AlarmKind.TRIGEMINY: "NNV"}
_N_TURNS: Final = 3
_KINDS: Final = (AlarmKind.VENTRICULAR_TACHYCARDIA, AlarmKind.VENTRICULAR_RUN, *_TURNS)
_SHOWN: Final = 12  # beats in the evidence
_MOST: Final = 1 + int(max(RANGES["vt_beats"].high, RANGES["vrun_beats"].high, _SHOWN))


class _Classified(NamedTuple):
    """What the rules keep of a beat."""

    sample: int
    label: BeatClass
    probability: float
    activation: tuple[float, ...]


class VentricularRules:
    """Says when ventricular tachycardia, a run, bigeminy and trigeminy hold.

    Parameters
    ----------
    fs : float
        Hz.
    signal : Signal
    stream_id : int
    limits : mapping
        `vt_bpm`, `vt_beats` and `vrun_beats` are used.
    """

    def __init__(self, fs: float, signal: Signal, stream_id: int, limits: Limits) -> None:
        self._fs = fs
        self._limits = check_limits(limits)
        self._reports = Reports(signal, stream_id)
        self._row: deque[_Classified] = deque(maxlen=_MOST)  # N, S and V, without a break
        self._n_v = 0  # V in a row, now
        self._v_from = 0  # the first of them
        self._doubtful = False  # the last beat was not classified

    def set_limits(self, limits: Limits) -> None:
        """Change the limits from the next beat on; raises `InputError`."""
        self._limits = check_limits(limits)

    def reset(self, sample: int) -> None:
        """Start anew at `sample` after a gap; what holds is kept until it is refuted."""
        self._break()
        self._reports.rewind(sample)

    def push(self, now: Now, beats: Sequence[Beat], state: SignalState) -> list[Condition]:
        """Take the beats whose class became known, in order, and the state of the lead."""
        out: list[Condition] = []
        for beat in beats:
            out += self._beat(now, beat)
        note = ""
        if state not in HEART_SEEN:
            note = f"cannot be analysed now ({state.value.replace('_', ' ')})"
        elif self._doubtful:
            note = "cannot be analysed now (beats are not classified)"
        for kind in _KINDS:
            out += self._reports.note(now, kind, note)
        return out

    def _break(self) -> None:
        self._row.clear()
        self._n_v = 0

    def _beat(self, now: Now, beat: Beat) -> list[Condition]:
        self._doubtful = beat.label is BeatClass.Q
        if beat.rr_s is None or beat.label in _IN_DOUBT:
            self._break()
        if beat.label in _IN_DOUBT:
            return []
        self._row.append(
            _Classified(beat.sample, beat.label, beat.probability or 0.0, beat.activation)
        )
        out: list[Condition] = []
        for kind, turn in _TURNS.items():
            out += self._by_turns(now, kind, turn)
        if beat.label is BeatClass.V:
            return out + self._in_a_row(now, beat)
        self._n_v = 0
        out += self._reports.off(now, AlarmKind.VENTRICULAR_RUN)
        return out + self._reports.off(now, AlarmKind.VENTRICULAR_TACHYCARDIA)

    def _in_a_row(self, now: Now, beat: Beat) -> list[Condition]:
        if self._n_v == 0:
            self._v_from = beat.sample
        self._n_v += 1
        return self._run(now) + self._tachycardia(now)

    def _run(self, now: Now) -> list[Condition]:
        if self._n_v < self._limits["vrun_beats"]:
            return []
        bpm = self._bpm(min(self._n_v, _MOST))
        return self._reports.on(
            now,
            AlarmKind.VENTRICULAR_RUN,
            self._v_from,
            f"{self._n_v} ventricular beats in a row at {bpm:.0f} a minute",
            self._evidence(bpm, self._n_v, self._n_v + 1),
        )

    def _tachycardia(self, now: Now) -> list[Condition]:
        n, limit = int(self._limits["vt_beats"]), self._limits["vt_bpm"]
        if self._n_v < n:
            return []
        bpm = self._bpm(n)
        if bpm <= limit:
            return self._reports.off(now, AlarmKind.VENTRICULAR_TACHYCARDIA)
        return self._reports.on(
            now,
            AlarmKind.VENTRICULAR_TACHYCARDIA,
            self._v_from,
            f"{self._n_v} ventricular beats in a row, {bpm:.0f} a minute (over {limit:g})",
            {**self._evidence(bpm, self._n_v, self._n_v + 1), "limit_bpm": limit},
        )

    def _by_turns(self, now: Now, kind: AlarmKind, turn: str) -> list[Condition]:
        """The last beats are `turn` again and again, wherever it begins."""
        n, n_all = len(turn), _N_TURNS * len(turn)
        classes = self._classes(n_all)
        if len(classes) >= n and sorted(classes[-n:]) != sorted(turn):
            return self._reports.off(now, kind)
        if classes != _N_TURNS * turn or self._reports.is_active(kind):
            return []
        onset = self._row[-n_all].sample
        message = f"{kind.value}: {_N_TURNS} times {' '.join(turn)}"
        evidence = self._evidence(self._bpm(n_all), n_all, n_all)
        return self._reports.on(now, kind, onset, message, evidence)

    def _evidence(self, bpm: float, n_beats: int, n_shown: int) -> Evidence:
        """What is seen, of a row that ends with a V."""
        beats = list(self._row)[-min(n_shown, _SHOWN) :]
        said = [beat.probability for beat in beats if beat.label is BeatClass.V]
        return {
            "rate_bpm": round(bpm, 1),
            "beats": n_beats,
            "classes": "".join(beat.label.value for beat in beats),
            "probability": round(sum(said) / len(said), 2),
            "activation": beats[-1].activation,
        }

    def _classes(self, n: int) -> str:
        return "".join(beat.label.value for beat in list(self._row)[-n:])

    def _bpm(self, n: int) -> float:
        """Over the last `n` beats."""
        beats = list(self._row)[-n:]
        return 60.0 * self._fs * (len(beats) - 1) / (beats[-1].sample - beats[0].sample)

    def state(self) -> State:
        return {
            "limits": dict(self._limits),
            "reports": self._reports.state(),
            "row": [list(beat) for beat in self._row],
            "n_v": self._n_v,
            "v_from": self._v_from,
            "doubtful": self._doubtful,
        }

    def restore(self, state: State) -> None:
        self._limits = check_limits(state["limits"])
        self._reports.restore(state["reports"])
        self._row.clear()
        for sample, label, probability, activation in state["row"]:
            seen = _Classified(sample, BeatClass(label), probability, tuple(activation))
            self._row.append(seen)
        self._n_v, self._v_from = state["n_v"], state["v_from"]
        self._doubtful = state["doubtful"]
