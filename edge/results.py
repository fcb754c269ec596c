"""What `analyze` writes: annotations for WFDB, events as TSV, everything as JSON lines.

Positions are samples and seconds from the stream's start.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from edge.lead_states import LeadStates
from edge.pipeline.gateway import Output, Refusal
from edge.rhythm_label import record_label, stream_of
from vitalwire import messages
from vitalwire.contracts import (
    AlarmEvent,
    AlarmPhase,
    Beat,
    Brain,
    Episode,
    Event,
    Probabilities,
    Rhythm,
    Signal,
    Vitals,
)
from vitalwire.recordings.annotations import write_annotations
from vitalwire.recordings.atomic import staged

ANNOTATOR: Final = "vw"
_COLUMNS: Final = (
    "onset", "duration", "eventType", "confidence", "channels", "dateTime", "recordingDuration",
)  # fmt: skip
_RHYTHM_MARKS: Final = {Rhythm.AF.value: "(AFIB"}
"""As PhysioNet writes them; a rhythm that is not here is written by its name."""

_NO_EPISODE: Final = "(N"
"""As the MIT-BIH AF database uses it: any other rhythm."""

_NO_SEIZURE: Final = f"({Brain.BACKGROUND.value}"
_EVENT_TYPES: Final = {Brain.SEIZURE.value: "sz"}
"""Of an episode in the table: SzCORE's name of a seizure, so that its tools read it; the alarm
beside it is called `seizure`."""


@dataclass(slots=True)
class StreamResult:
    """What the pipeline told of one stream."""

    name: str
    fs: float
    start_ns: int
    duration_s: float
    events: list[Event] = field(default_factory=list)
    label_weights: Mapping[str, Sequence[float]] | None = None  # None: no rhythm model ran
    signal: Signal = Signal.ECG
    leads: tuple[str, ...] = ()  # their labels; a chunk log has none
    analysed: bool = True  # False: its rate or its number of leads is only recorded

    @property
    def beats(self) -> list[Beat]:
        """In the order of their samples."""
        found = [event for event in self.events if isinstance(event, Beat)]
        return sorted(found, key=lambda beat: beat.sample)

    @property
    def alarms(self) -> list[AlarmEvent]:
        """The first message of every alarm."""
        return [
            event
            for event in self.events
            if isinstance(event, AlarmEvent) and event.phase is AlarmPhase.START
        ]

    @property
    def episodes(self) -> list[Episode]:
        """Those that are over, in the order of their ends; the recording's end ends all."""
        return [
            event
            for event in self.events
            if isinstance(event, Episode) and event.end_ns is not None
        ]

    def rhythm_s(self) -> dict[str, int]:
        """Seconds for which each rhythm was the likeliest; empty without a rhythm model.

        Seconds without a signal in any lead are none of them.
        """
        if self.signal is not Signal.ECG:
            return {}
        states = LeadStates(self.events)
        told = [
            event
            for event in self.events
            if isinstance(event, Probabilities) and states.seen_at(event.sample)
        ]
        return dict(Counter(max(zip(one.values, one.labels, strict=True))[1] for one in told))

    def rhythm_label(self) -> tuple[str | None, dict[str, float]]:
        """The rhythm of the whole stream and the probability of each; none without a model."""
        if self.label_weights is None:
            return None, {}
        told = stream_of(self.events)
        if LeadStates(self.events).blank:  # a flat line is not a normal rhythm
            told = told[:0]
        label, scores = record_label(told, self.label_weights)
        return label, {one: round(score, 4) for one, score in scores.items()}

    def not_good_s(self) -> dict[str, dict[str, float]]:
        """Lead to state to seconds, of the leads that were poor, flat or off."""
        lost = LeadStates(self.events).lost_s(self.fs, self.duration_s)
        return {
            self.leads[lead] if lead < len(self.leads) else f"lead {lead + 1}": {
                state: round(seconds, 3) for state, seconds in its.items()
            }
            for lead, its in lost.items()
        }

    def summary(self) -> dict[str, Any]:
        """In numbers, for `--json`."""
        label, scores = self.rhythm_label()
        return {
            "record": self.name,
            "signal": self.signal.value,
            "signal_s": round(self.duration_s, 3),
            "analysed": self.analysed,
            "not_good_s": self.not_good_s(),
            "beats": len(self.beats),
            "beats_by_class": dict(Counter(beat.label.value for beat in self.beats)),
            "rhythm_label": label,
            "rhythm_scores": scores,
            "rhythm_s": self.rhythm_s(),
            "episodes": [self._episode(one) for one in self.episodes],
            "alarms": [messages.plain(alarm) for alarm in self.alarms],
            "vitals_points": sum(isinstance(event, Vitals) for event in self.events),
        }

    def _episode(self, episode: Episode) -> dict[str, Any]:
        assert episode.end_sample is not None
        return {
            "kind": episode.kind,
            "onset_s": round(episode.onset_sample / self.fs, 3),
            "end_s": round(episode.end_sample / self.fs, 3),
            "confidence": episode.confidence,
        }

    def write(self, folder: Path) -> list[Path]:
        """Write the three files; all of them or none.

        Raises
        ------
        InputError
            The folder cannot be written to.
        UnavailableError
            The disk is full.
        """
        names = [
            f"{self.name}{ending}" for ending in (".jsonl", "_events.tsv", f".{ANNOTATOR}")
        ]
        with staged(folder, names) as work:
            lines = (messages.dump_event(event) + b"\n" for event in self.events)
            (work / names[0]).write_bytes(b"".join(lines))
            (work / names[1]).write_text(self._table(), encoding="utf-8")
            marks = self._marks()
            write_annotations(
                work,
                self.name,
                ANNOTATOR,
                self.fs,
                [sample for sample, _, _ in marks],
                [symbol for _, symbol, _ in marks],
                [aux for _, _, aux in marks],
            )
        return [folder / name for name in names]

    def _marks(self) -> list[tuple[int, str, str]]:
        marks = [(beat.sample, beat.label.value, "") for beat in self.beats]
        for episode in self.episodes:
            assert episode.end_sample is not None
            name = _RHYTHM_MARKS.get(episode.kind, f"({episode.kind}")
            marks.append((episode.onset_sample, "+", name))
            seizure = episode.kind == Brain.SEIZURE
            marks.append((episode.end_sample, "+", _NO_SEIZURE if seizure else _NO_EPISODE))
        return sorted(marks)

    def _table(self) -> str:
        text = io.StringIO()
        table = csv.writer(text, delimiter="\t", lineterminator="\n")
        table.writerow(_COLUMNS)
        when = datetime.fromtimestamp(self.start_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
        for onset_s, length_s, kind, confidence in sorted(self._spans()):
            table.writerow(
                [f"{onset_s:.3f}", f"{length_s:.3f}", kind, confidence, "n/a", when,
                 f"{self.duration_s:.3f}"]
            )  # fmt: skip
        return text.getvalue()

    def _spans(self) -> list[tuple[float, float, str, str]]:
        spans = [
            ((onset_ns - self.start_ns) / 1e9, (end_ns - onset_ns) / 1e9, kind, "n/a")
            for onset_ns, end_ns, kind in self._active_stretches()
        ]
        for one in self.episodes:
            assert one.end_ns is not None
            onset_s = (one.onset_ns - self.start_ns) / 1e9
            length_s = (one.end_ns - one.onset_ns) / 1e9
            kind = _EVENT_TYPES.get(one.kind, one.kind)
            spans.append((onset_s, length_s, kind, f"{one.confidence:.3f}"))
        return spans

    def _active_stretches(self) -> list[tuple[int, int, str]]:
        """When the condition of each alarm held; a latched alarm stays longer than that."""
        recording_end_ns = self.start_ns + round(self.duration_s * 1e9)
        since: dict[str, tuple[int, str]] = {}
        stretches = []
        for event in self.events:
            if not isinstance(event, AlarmEvent):
                continue
            if event.active and event.alarm_id not in since:
                first = event.phase is AlarmPhase.START
                onset_ns = event.onset_ns if first else event.time_ns
                since[event.alarm_id] = (onset_ns, event.kind.value)
            elif not event.active and event.alarm_id in since:
                onset_ns, kind = since.pop(event.alarm_id)
                stretches.append(
                    (onset_ns, max(event.ended_ns or event.time_ns, onset_ns), kind)
                )
        open_still = [
            (onset, max(recording_end_ns, onset), kind) for onset, kind in since.values()
        ]
        return stretches + open_still


def events_of(outputs: Iterable[Output | Refusal]) -> list[Event]:
    """The events among the outputs."""
    return [one.event for one in outputs if isinstance(one, Output)]
