"""What is played to a detector as one stream, and where in it each recording lies.

Usually a stream is one recording. A piece cut out of a seizure (`X_ictal`) is played right
behind what was recorded before it (`X_before`), as if nothing had been cut out between the
two: a gap would make the gateway start anew, and a detector has to have heard the person
before. Where the two meet the signal may jump, and no delay can be measured.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from edge.chunklog.records import Record
from edge.offline import NOMINAL_START_NS, device_name, records_of
from edge.stages.eeg_signal import supported
from training.datasets.eeg_recording import EegRecording, Kind, Span
from training.scoring.eeg_leads import chosen_leads
from vitalwire.contracts import Chunk
from vitalwire.errors import InputError
from vitalwire.recordings.chunks import chunks as cut_chunks
from vitalwire.recordings.chunks import encode
from vitalwire.recordings.recording import Recording


@dataclass(frozen=True, slots=True)
class Stream:
    """Recordings of one person, played back to back."""

    parts: tuple[EegRecording, ...]
    n_leads: int | None = None  # None: all

    @property
    def name(self) -> str:
        """That of what is scored: the last one."""
        return self.parts[-1].name

    @property
    def patient(self) -> str:
        return self.parts[-1].patient

    @property
    def fs(self) -> float:
        return self.parts[-1].fs

    @property
    def n_samples(self) -> int:
        return sum(part.n_samples for part in self.parts)

    @property
    def starts_s(self) -> tuple[float, ...]:
        """Where each part begins, s from the stream's start."""
        return tuple(first / self.fs for first in self._starts())

    @property
    def seizures(self) -> tuple[Span, ...]:
        """Of all parts, s from the stream's start."""
        return tuple(
            (start + onset, start + end)
            for part, start in zip(self.parts, self.starts_s, strict=True)
            for onset, end in part.seizures
        )

    def records(self) -> Iterator[Record]:
        """What a gateway's log would hold, had it been worn; it begins at `NOMINAL_START_NS`.

        Raises
        ------
        InputError
            See `open`.
        """
        recordings = self.open()
        starts = self._starts()

        def steps(chunk: Chunk) -> bytes:  # each in its recorder's own
            part = bisect_right(starts, chunk.first_sample) - 1
            return encode(recordings[part], chunk)

        return records_of(self._chunks(recordings), steps)

    def chunks(self) -> Iterator[Chunk]:
        """The same as bare chunks.

        Raises
        ------
        InputError
            See `open`.
        """
        return self._chunks(self.open())

    def open(self) -> list[Recording]:
        """The parts, with the leads that are kept.

        Raises
        ------
        InputError
            One cannot be read, its rate cannot be analysed, it has fewer leads than asked for
            or others than the part before it.
        """
        opened = []
        for part in self.parts:
            try:
                leads = chosen_leads(part.leads, self.n_leads)
            except InputError as error:
                raise InputError(f"{part.name}: {error}") from None
            opened.append(part.open().select(leads))
        first, last = opened[0], opened[-1]
        if not supported(last.fs, last.n_channels):
            raise InputError(f"{self.name}: {last.fs:g} Hz cannot be analysed: resample it")
        if (first.leads, first.fs) != (last.leads, last.fs):
            raise InputError(
                f"{self.name}: expected the leads and the rate of {first.name}, which is "
                "played before it"
            )
        return opened

    def _starts(self) -> list[int]:
        """The first sample of each part."""
        return [0, *accumulate(part.n_samples for part in self.parts[:-1])]

    def _chunks(self, recordings: Sequence[Recording]) -> Iterator[Chunk]:
        seq = 0
        for recording, start in zip(recordings, self._starts(), strict=True):
            for chunk in cut_chunks(recording, device_name(self.name), stream_id=1):
                first = start + chunk.first_sample
                t0_ns = NOMINAL_START_NS + round(first / recording.fs * 1e9)
                yield replace(chunk, seq=seq, first_sample=first, t0_ns=t0_ns)
                seq += 1


def streams_of(recordings: Sequence[EegRecording], n_leads: int | None = None) -> list[Stream]:
    """How recordings are played: each once, alone or before the one that it primes."""
    primed = [one for one in recordings if one.kind is Kind.ICTAL and one.primed_by]
    priming = {one.primed_by.name for one in primed if one.primed_by}
    streams = []
    for one in recordings:
        if one.kind is Kind.BEFORE and one.name in priming:
            continue
        parts = (one.primed_by, one) if one.primed_by else (one,)
        streams.append(Stream(parts, n_leads))
    return streams
