"""A heart in a script: states and beats, fed to the rules frame by frame."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from edge.stages.items import Condition
from edge.stages.rules import CardiacRules
from vitalwire.contracts import AlarmKind, Signal, SignalState

FS = 250.0
FRAME = 50
T0_NS = 1_760_000_000_000_000_000

GOOD, POOR, FLAT = SignalState.GOOD, SignalState.POOR, SignalState.FLAT
OFF, UNKNOWN = SignalState.LEAD_OFF, SignalState.UNKNOWN


@dataclass(frozen=True)
class At:
    """A beat."""

    sample: int


def utc(sample: int) -> int:
    return T0_NS + sample * 4_000_000


def seconds(sample: int) -> float:
    return sample / FS


def every(rr_s: float, start_s: float, end_s: float) -> list[int]:
    """Samples of regular beats."""
    n = int((end_s - start_s) / rr_s + 1e-9) + 1
    return [round((start_s + i * rr_s) * FS) for i in range(n)]


Script = Sequence[tuple[float, SignalState]]
"""(until this second, state)"""


def state_at(script: Script, second: float) -> SignalState:
    return next(state for until, state in script if second < until)


class Ward:
    """Plays a script into rules and keeps what they said."""

    def __init__(
        self,
        script: Script,
        beats: Iterable[int] = (),
        *,
        known: bool = True,
        delay_s: float | Callable[[int], float] = 0.6,
        injected: tuple[float, float] = (0.0, 0.0),
        first: int = 0,
        rules: CardiacRules | None = None,
        limits: dict[str, float] | None = None,
    ) -> None:
        self.rules = rules or CardiacRules(FS, Signal.ECG, 7, limits or {})
        self.script, self.known, self.injected = script, known, injected
        delay = delay_s if callable(delay_s) else lambda _: delay_s
        self.beats: list[tuple[int, int]] = []  # (sample, decided), both in order
        for beat in sorted(beats):
            before = self.beats[-1][1] if self.beats else 0
            self.beats.append((beat, max(beat + round(delay(beat) * FS), before)))
        self.position, self.first = first, first
        self.said: list[Condition] = []

    def play(self, until_s: float | None = None) -> "Ward":
        last = self.script[-1][0] if until_s is None else until_s
        while seconds(self.position - self.first) < last - 1e-9:
            self.said += self.frame()
        return self

    def frame(self) -> list[Condition]:
        start, end = self.position, self.position + FRAME
        self.position = end
        second = seconds(start - self.first)
        beats = [At(b) for b, decided in self.beats if start <= decided < end]
        low, high = self.injected
        return self.rules.push(
            end,
            utc,
            beats,
            state_at(self.script, second),
            self.known,
            low <= second < high,
        )

    def of(self, kind: AlarmKind) -> list[tuple[bool, float]]:
        """(active, second) of what was said of a kind; the first word "not" left out."""
        said = [c for c in self.said if c.kind is kind]
        while said and not said[0].active:
            said = said[1:]
        return [(c.active, seconds(c.sample - self.first)) for c in said]

    def onsets(self, kind: AlarmKind) -> list[float]:
        return [second for active, second in self.of(kind) if active]

    def first_of(self, kind: AlarmKind) -> Condition:
        return next(c for c in self.said if c.kind is kind and c.active)

    def raised(self) -> set[AlarmKind]:
        return {c.kind for c in self.said if c.active}
