"""What a rule has said of each kind of alarm, so that it speaks on change only.

A kind is unsaid at first, then active or not. "Not" is also said once when it first becomes
certain: an alarm that an earlier stream of this device left open ends by it.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

from edge.stages.items import Condition, State, evidence_of
from vitalwire.contracts import AlarmKind, Evidence, Signal

UtcOf = Callable[[int], int]
"""UTC in ns of a sample position."""


@dataclass(frozen=True, slots=True)
class Now:
    """The frame at whose end the rules decide."""

    start: int  # its first sample
    sample: int  # the first after it: where a decision is taken
    utc_of: UtcOf
    injected_end: int  # of the last frame that a test source altered, or -1


@dataclass(frozen=True, slots=True)
class _Word:
    onset: int
    message: str = ""
    evidence: Evidence = field(default_factory=dict)
    note: str = ""


class Reports:
    """Turns what holds into conditions, each said once.

    Parameters
    ----------
    signal : Signal
    stream_id : int
    """

    def __init__(self, signal: Signal, stream_id: int) -> None:
        self._signal = signal
        self._stream_id = stream_id
        self._said: dict[AlarmKind, _Word | None] = {}  # None: does not hold

    def is_active(self, kind: AlarmKind) -> bool:
        return self._said.get(kind) is not None

    def number(self, kind: AlarmKind, name: str) -> float | None:
        """A number in what was last said of a kind; None where it does not hold."""
        said = self._said.get(kind)
        value = None if said is None else said.evidence[name]
        return float(value) if isinstance(value, int | float) else None

    def on(
        self, now: Now, kind: AlarmKind, onset: int, message: str, evidence: Evidence
    ) -> list[Condition]:
        """Say that it holds, with what is known now; the onset first said stays."""
        said = self._said.get(kind)
        word = _Word(said.onset if said else onset, message, dict(evidence))
        if said == word:
            return []
        self._said[kind] = word
        return [self._condition(now, kind, word)]

    def note(self, now: Now, kind: AlarmKind, note: str) -> list[Condition]:
        """Add to what was said of a kind, if it holds; "" takes the note away."""
        said = self._said.get(kind)
        if said is None or said.note == note:
            return []
        word = self._said[kind] = replace(said, note=note)
        return [self._condition(now, kind, word)]

    def off(self, now: Now, kind: AlarmKind) -> list[Condition]:
        """Say that it does not hold."""
        said = self._said.get(kind)
        if said is None and kind in self._said:
            return []
        self._said[kind] = None
        word = replace(said, note="") if said else _Word(now.sample)
        return [self._condition(now, kind, word, active=False)]

    def rewind(self, sample: int) -> None:
        """The sample count went backward: nothing that holds began later than this."""
        self._said = {
            kind: said and replace(said, onset=min(said.onset, sample))
            for kind, said in self._said.items()
        }

    def _condition(
        self, now: Now, kind: AlarmKind, word: _Word, *, active: bool = True
    ) -> Condition:
        evidence = dict(word.evidence)
        if now.injected_end > word.onset:
            evidence["injected"] = True
        return Condition(
            kind=kind,
            active=active,
            sample=now.sample,
            time_ns=now.utc_of(now.sample),
            onset_ns=now.utc_of(word.onset),
            signal=self._signal,
            stream_id=self._stream_id,
            message=f"{word.message}; {word.note}" if word.note else word.message,
            evidence=evidence,
        )

    def state(self) -> State:
        return {
            kind.value: None if said is None else {**asdict(said)}
            for kind, said in self._said.items()
        }

    def restore(self, state: State) -> None:
        self._said = {
            AlarmKind(kind): said
            and _Word(**{**said, "evidence": evidence_of(said["evidence"])})
            for kind, said in state.items()
        }
