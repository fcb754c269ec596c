"""The strips of the ward: what the gateway hears and says, put on each strip at its place."""

from dataclasses import dataclass, replace
from typing import Final

from cloud import marks
from cloud.decimation import Decimator
from cloud.inbound import ActiveAlarms, StreamEvents
from cloud.marks import Stretch
from cloud.pieces import Piece, joined
from cloud.seizures import Seizures
from vitalwire.contracts import AlarmEvent, Chunk, Signal, Vitals
from vitalwire.wire import MAX_CHANNELS

MAX_LEADS: Final = {Signal.ECG: 3, Signal.EEG: MAX_CHANNELS}
UNIT_PER_COUNT: Final = {Signal.ECG: 0.001, Signal.EEG: 0.1}  # mV, uV
RESTART_S: Final = 10.0  # farther back than this is no late chunk, but a stream begun anew


@dataclass(slots=True)
class _Stream:
    stream_id: int
    fs: float
    n_leads: int
    epoch: int  # of the picture: one more after each restart within a stream id
    decimator: Decimator
    expected: int
    clock: tuple[int, int] | None = None  # a sample and its time in ns

    @property
    def step(self) -> int:
        """Samples from one display sample to the next."""
        return self.decimator.step


class Waveforms:
    """All strips of the ward."""

    def __init__(self) -> None:
        self._streams: dict[str, _Stream] = {}
        self._kept: dict[str, Piece] = {}
        self._seizures = Seizures()

    def push(self, chunk: Chunk, heard_ns: int) -> list[Piece]:
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
            stream.decimator.restart()
        first = chunk.first_sample + max(late, 0)
        stream.expected = first + leads.shape[1]
        run = stream.decimator.push(leads, first)
        piece = Piece(
            key, f"{stream.stream_id}.{stream.epoch}", stream.decimator.display_fs,
            chunk.signal.unit, UNIT_PER_COUNT[chunk.signal], heard_ns,
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
            decimator=Decimator(chunk.fs, n_leads, UNIT_PER_COUNT[chunk.signal]),
            expected=chunk.first_sample,
        )
        return fresh


_SHOWN: Final = {Signal.ECG: marks.is_rhythm, Signal.EEG: marks.is_brain}
"""What a model says of a signal; other models speak of other things."""
