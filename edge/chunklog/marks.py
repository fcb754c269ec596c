"""Annotations for exported recordings, from events as JSON lines.

The lines are those of the `events` topic: an event's fields, and `type` in front.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vitalwire import messages
from vitalwire.contracts import AlarmEvent, AlarmPhase, Beat, Episode, Quality, Signal
from vitalwire.errors import InputError, WireError

_RHYTHM, _NOTE, _QUALITY = "+", '"', "~"  # WFDB annotation codes


@dataclass(frozen=True, slots=True)
class Mark:
    """One annotation of a stream; `symbol` and `text` as WFDB has them."""

    device: str
    signal: Signal | None  # None: of every signal of the device
    stream_id: int
    sample: int
    symbol: str
    text: str = ""


def _of_beat(beat: Beat) -> Iterator[Mark]:
    yield Mark(beat.device, beat.signal, beat.stream_id, beat.sample, beat.label.value)


def _of_episode(episode: Episode) -> Iterator[Mark]:
    where = episode.device, episode.signal, episode.stream_id
    yield Mark(*where, episode.onset_sample, _RHYTHM, f"({episode.kind}")
    if episode.end_sample is not None:
        yield Mark(*where, episode.end_sample, _RHYTHM, "(N")


def _of_quality(quality: Quality) -> Iterator[Mark]:
    where = quality.device, quality.signal, quality.stream_id
    text = f"lead {quality.lead + 1} {quality.state.value}"
    yield Mark(*where, quality.first_sample, _QUALITY, text)


def _of_alarm(alarm: AlarmEvent) -> Iterator[Mark]:
    if alarm.phase is AlarmPhase.START:
        where = alarm.device, alarm.signal, alarm.stream_id
        yield Mark(*where, alarm.declared_sample, _NOTE, f"alarm {alarm.kind.value}")


_READERS: Final[dict[str, Callable[[bytes], Iterator[Mark]]]] = {
    "beat": lambda line: _of_beat(messages.load(Beat, line)),
    "episode": lambda line: _of_episode(messages.load(Episode, line)),
    "quality": lambda line: _of_quality(messages.load(Quality, line)),
    "alarmevent": lambda line: _of_alarm(messages.load(AlarmEvent, line)),
}


def read_marks(path: Path) -> list[Mark]:
    """The annotations that a file of events makes; events of other types make none.

    Raises
    ------
    InputError
        No such file, or a line that is no event, with its number.
    """
    marks: list[Mark] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    marks += _read_line(line, f"{path}, line {number}")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    return marks


def _read_line(line: bytes, where: str) -> Iterator[Mark]:
    try:
        fields = json.loads(line)
        kind = fields["type"]
        return _READERS[kind](line) if kind in _READERS else iter(())
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{where}: expected a JSON object with `type`") from None
    except WireError as error:
        raise InputError(f"{where}: {error}") from None
