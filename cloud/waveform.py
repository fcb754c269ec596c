"""The strip on the screen: chunks in, few integers out. For the eye, never for analysis.

A causal 0.5 to 40 Hz band-pass (the monitor band of IEC 60601-2-27) with carried state, then
every n-th sample, counted from the stream's start: the same picture however the radio cut it.
"""

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cloud import marks
from cloud.inbound import ActiveAlarms, StreamEvents
from cloud.mailbox import Mailbox
from cloud.marks import LeadChange, Mark, Opinion, Reading, Stretch
from cloud.seizures import Seizures
from vitalwire.contracts import AlarmEvent, Chunk, Samples, Signal, Vitals
from vitalwire.dsp import CausalBandpass
from vitalwire.wire import MAX_CHANNELS

LOW_HZ: Final = 0.5
HIGH_HZ: Final = 40.0
MAX_DISPLAY_HZ: Final = 130.0  # one of the common wearables' own rate
MAX_LEADS: Final = {Signal.ECG: 3, Signal.EEG: MAX_CHANNELS}
KEPT_S: Final = 12.0  # for a reader who has just come
MAX_MARKS: Final = 60  # 300 beats a minute over that time
MAX_SECONDS: Final = 20  # of what is said once a second: it lags behind the samples
MAX_CHANGES: Final = 6  # of one lead
UNIT_PER_COUNT: Final = {Signal.ECG: 0.001, Signal.EEG: 0.1}  # mV, uV
_FULL_SCALE: Final = 2**31 - 1
RESTART_S: Final = 10.0  # farther back than this is no late chunk, but a stream begun anew

Counts = list[list[int | None]]


@dataclass(frozen=True, slots=True)
class Run:
    """Display samples without a break, `counts[lead][i]` at position `start + i`."""

    start: int
    counts: Counts

    @property
    def n_samples(self) -> int:
        return len(self.counts[0])


@dataclass(frozen=True, slots=True)
class Piece:
    """What is new of one strip. Another `stream` than before: wipe the strip."""

    key: str  # "device/signal"
    stream: str
    fs: float
    unit: str
    unit_per_count: float
    runs: tuple[Run, ...] = ()
    marks: tuple[Mark, ...] = ()
    opinions: tuple[Opinion, ...] = ()
    readings: tuple[Reading, ...] = ()
    leads: tuple[LeadChange, ...] = ()
    seizures: tuple[Stretch, ...] | None = None  # all of them; None: no news
    lead_off: int = 0
    injected: bool = False
    kind: str = "wave"

    def view(self) -> dict[str, object]:
        return {
            "key": self.key,
            "stream": self.stream,
            "fs": self.fs,
            "unit": self.unit,
            "unit_per_count": self.unit_per_count,
            "runs": [{"start": run.start, "counts": run.counts} for run in self.runs],
            "beats": [mark.view() for mark in self.marks],
            "opinions": [opinion.view() for opinion in self.opinions],
            "readings": [reading.view() for reading in self.readings],
            "leads": [change.view() for change in self.leads],
            "seizures": self.seizures and [stretch.view() for stretch in self.seizures],
            "lead_off": self.lead_off,
            "injected": self.injected,
        }


class WaveBox(Mailbox[Piece]):
    """A mailbox that strings pieces together, the oldest dropped beyond `KEPT_S`."""

    def merge(self, older: Piece, newer: Piece) -> Piece:
        return joined(older, newer)


def joined(older: Piece | None, newer: Piece) -> Piece:
    """Two pieces as one, no longer than `KEPT_S`; the newer alone of another stream."""
    if older is None or older.stream != newer.stream:
        return newer
    return trimmed(
        replace(
            newer,
            runs=older.runs + newer.runs,
            marks=older.marks + newer.marks,
            opinions=older.opinions + newer.opinions,
            readings=older.readings + newer.readings,
            leads=older.leads + newer.leads,
            seizures=older.seizures if newer.seizures is None else newer.seizures,
        )
    )


def trimmed(piece: Piece) -> Piece:
    """The newest `KEPT_S` of a piece, cut between runs.

    A beat is found after its samples have gone by: a mark may lie before all the runs.
    """
    room = math.ceil(piece.fs * KEPT_S)
    runs: deque[Run] = deque()
    for run in reversed(piece.runs):
        if room <= 0:
            break
        room -= run.n_samples
        runs.appendleft(run)
    return replace(
        piece,
        runs=tuple(runs),
        marks=piece.marks[-MAX_MARKS:],
        opinions=piece.opinions[-MAX_SECONDS:],
        readings=piece.readings[-MAX_SECONDS:],
        leads=_last_changes(piece.leads),
    )


def _last_changes(changes: Sequence[LeadChange]) -> tuple[LeadChange, ...]:
    """The newest few of each lead: one that has not changed for long keeps its state."""
    counts: Counter[int] = Counter()
    kept: deque[LeadChange] = deque()
    for change in reversed(changes):
        counts[change.lead] += 1
        if counts[change.lead] <= MAX_CHANGES:
            kept.appendleft(change)
    return tuple(kept)


@dataclass(slots=True)
class _Stream:
    stream_id: int
    fs: float
    n_leads: int
    epoch: int  # of the picture: one more after each restart within a stream id
    step: int
    bandpass: CausalBandpass | None
    expected: int
    clock: tuple[int, int] | None = None  # a sample and its time in ns
    last: Samples = field(default_factory=lambda: np.zeros((1, 1), np.float32))


class Waveforms:
    """All strips of the ward."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._kept: dict[str, Piece] = {}
        self._seizures = Seizures()

    def push(self, chunk: Chunk) -> list[Piece]:
        """Filter a chunk's first leads; nothing for one that comes late or twice."""
        key = f"{chunk.device}/{chunk.signal.value}"
        leads = chunk.data[: MAX_LEADS[chunk.signal]]
        stream = self._stream(key, chunk, leads.shape[0])
        late = stream.expected - chunk.first_sample
        if late >= chunk.n_samples:
            return []
        if late > 0:
            leads = leads[:, late:]
        elif late < 0:
            stream.bandpass = _bandpass(chunk.fs)
        first = chunk.first_sample + max(late, 0)
        stream.expected = first + leads.shape[1]
        run = _decimate(stream, leads, first, UNIT_PER_COUNT[chunk.signal])
        piece = Piece(
            key, f"{stream.stream_id}.{stream.epoch}", chunk.fs / stream.step,
            chunk.signal.unit, UNIT_PER_COUNT[chunk.signal],
            runs=(run,) if run.n_samples else (),
            lead_off=chunk.lead_off, injected=chunk.injected,
        )  # fmt: skip
        return [self._keep(piece)]

    def push_events(self, events: StreamEvents) -> list[Piece]:
        """Beats, probabilities and states of leads, put at their place on the strip."""
        found = self._find(f"{events.device}/{events.signal.value}")
        if found is None:
            return []
        stream, empty = found
        beats = [beat for beat in events.beats if beat.stream_id == stream.stream_id]
        said = [
            item for item in events.probabilities
            if item.stream_id == stream.stream_id and _SHOWN[events.signal](item)
        ]  # fmt: skip
        changes = [
            item for item in events.qualities
            if item.stream_id == stream.stream_id and item.lead < stream.n_leads
        ]  # fmt: skip
        if not beats and not said and not changes:
            return []
        piece = replace(
            empty,
            marks=tuple(marks.mark(beat, stream.step) for beat in beats),
            opinions=tuple(marks.opinion(item, stream.step) for item in said),
            leads=tuple(marks.lead_change(item, stream.step) for item in changes),
        )
        return [self._keep(piece)]

    def push_vitals(self, vitals: Vitals) -> list[Piece]:
        """Whether the last second of the strip could be analysed."""
        found = self._find(f"{vitals.device}/{vitals.signal.value}")
        if found is None or found[0].stream_id != vitals.stream_id:
            return []
        stream, empty = found
        readings = (marks.reading(vitals, stream.step),)
        stream.clock = (vitals.sample, vitals.time_ns)
        seizures = self._stretches(stream, vitals.device, vitals.signal)
        return [self._keep(replace(empty, readings=readings, seizures=seizures))]

    def push_alarms(self, alarms: AlarmEvent | ActiveAlarms) -> list[Piece]:
        """Seizures as their alarms tell them, once the stream's time is known."""
        if isinstance(alarms, ActiveAlarms):
            self._seizures.keep(alarms.device, {event.alarm_id for event in alarms.alarms})
        for event in alarms.alarms if isinstance(alarms, ActiveAlarms) else (alarms,):
            self._seizures.take(event)
        found = self._find(f"{alarms.device}/{Signal.EEG.value}")
        if found is None:
            return []
        stream, empty = found
        seizures = self._stretches(stream, alarms.device, Signal.EEG)
        if seizures == self._kept[empty.key].seizures:
            return []
        return [self._keep(replace(empty, seizures=seizures))]

    def _stretches(
        self, stream: _Stream, device: str, signal: Signal
    ) -> tuple[Stretch, ...] | None:
        """The seizures on the strip; None as long as its time is not known."""
        if stream.clock is None:
            return None
        sample, time_ns = stream.clock

        def position(ns: int) -> float:
            return round((sample + (ns - time_ns) * stream.fs / 1e9) / stream.step, 2)

        return tuple(
            Stretch(position(one.onset_ns), one.end_ns and position(one.end_ns))
            for one in self._seizures.of(device, signal)
        )

    def recent(self) -> list[Piece]:
        """The last seconds of every strip."""
        return list(self._kept.values())

    def _find(self, key: str) -> tuple[_Stream, Piece] | None:
        """A strip that is known, and a piece of it with nothing on it."""
        stream, kept = self._streams.get(key), self._kept.get(key)
        if stream is None or kept is None:
            return None
        return stream, replace(
            kept, runs=(), marks=(), opinions=(), readings=(), leads=(), seizures=None
        )

    def _keep(self, piece: Piece) -> Piece:
        self._kept[piece.key] = joined(self._kept.get(piece.key), piece)
        return piece

    def _stream(self, key: str, chunk: Chunk, n_leads: int) -> _Stream:
        known = self._streams.get(key)
        same = known and (known.stream_id, known.fs, known.n_leads) == (
            chunk.stream_id, chunk.fs, n_leads,
        )  # fmt: skip
        if known and same:
            back = known.expected - chunk.first_sample - chunk.n_samples
            if back <= RESTART_S * chunk.fs:
                return known
        self._streams[key] = fresh = _Stream(
            stream_id=chunk.stream_id,
            fs=chunk.fs,
            n_leads=n_leads,
            epoch=known.epoch + 1 if known else 0,
            step=max(1, math.ceil(chunk.fs / MAX_DISPLAY_HZ)),
            bandpass=_bandpass(chunk.fs),
            expected=chunk.first_sample,
            last=np.zeros((n_leads, 1), np.float32),
        )
        return fresh


_SHOWN: Final = {Signal.ECG: marks.is_rhythm, Signal.EEG: marks.is_brain}
"""What a model says of a signal; other models speak of other things."""


def _bandpass(fs: float) -> CausalBandpass | None:
    """The display band, narrower where the rate cannot carry it; None below 2 Hz."""
    display_fs = fs / max(1, math.ceil(fs / MAX_DISPLAY_HZ))
    high = min(HIGH_HZ, 0.4 * display_fs)
    return CausalBandpass(fs, LOW_HZ, high) if high > 2 * LOW_HZ else None


def _decimate(stream: _Stream, leads: Samples, first: int, unit_per_count: float) -> Run:
    missing = np.isnan(leads)
    filled = _filled(leads, stream.last) if missing.any() else leads
    stream.last = filled[:, -1:].copy()
    filtered = stream.bandpass.push(filled) if stream.bandpass else filled
    offset = -first % stream.step
    shown = np.rint(filtered[:, offset :: stream.step] / unit_per_count)
    shown = np.clip(shown, -_FULL_SCALE, _FULL_SCALE)
    holes = missing[:, offset :: stream.step]
    return Run((first + offset) // stream.step, _counts(shown, holes))


def _filled(leads: Samples, last: Samples) -> Samples:
    """Missing samples take the value before them, so that the filter sees no NaN."""
    padded = np.concatenate([last, leads], axis=1)
    index = np.where(np.isnan(padded), 0, np.arange(padded.shape[1]))
    index = np.maximum.accumulate(index, axis=1)
    filled: Samples = np.take_along_axis(padded, index, axis=1)[:, 1:]
    return filled


def _counts(shown: Samples, holes: NDArray[np.bool_]) -> Counts:
    rows: Sequence[Sequence[float]] = shown.tolist()
    return [
        [None if hole else int(value) for value, hole in zip(row, gone, strict=True)]
        for row, gone in zip(rows, holes.tolist(), strict=True)
    ]
