"""Recordings out of the chunk log: WFDB or EDF+, and beside each how it came about.

Missing samples stay missing: -32768 in WFDB; in EDF+, which has none, data records carry their
own onset (EDF+D) and annotations say what is missing inside one.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from edge.chunklog.layout import Part, Span
from edge.chunklog.marks import Mark
from edge.chunklog.reader import RecordFetcher
from vitalwire import __version__, wire
from vitalwire.errors import InputError, UnavailableError, WireError
from vitalwire.recordings.annotations import write_annotations
from vitalwire.recordings.atomic import staged
from vitalwire.recordings.edf_writer import Note, write_edf
from vitalwire.recordings.format import Format, Segment
from vitalwire.recordings.wfdb_writer import write_wfdb

ANNOTATOR = "vw"


class FileFormat(StrEnum):
    WFDB = "wfdb"
    EDF = "edf"


def export(
    log: Path,
    parts: Sequence[Part],
    out: Path,
    form: FileFormat,
    marks: Sequence[Mark] = (),
    done: Callable[[Part], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Write recordings to `out`: all of them, or nothing.

    Parameters
    ----------
    log : Path
        The folder that the parts were found in.
    done : callable
        Called when a recording is written.

    Returns
    -------
    list of dict
        What is in the `.json` beside each recording.

    Raises
    ------
    InputError
        A file is there already, or `out` cannot be written to.
    UnavailableError
        The disk is full, or the gateway has evicted what was to be exported.
    """
    names = [name for part in parts for name in _file_names(part, form, bool(marks))]
    for name in names:
        if (out / name).exists():
            raise InputError(f"{out / name} exists already: choose another --out")
    fetcher = RecordFetcher(log)
    sidecars = []
    try:
        with staged(out, names) as work:
            for part in parts:
                sidecars.append(_write(fetcher, part, work, form, marks))
                done(part)
    except OSError as error:
        raise UnavailableError(f"cannot write to {out}: {error.strerror or error}") from error
    finally:
        fetcher.close()
    return sidecars


def _file_names(part: Part, form: FileFormat, annotated: bool) -> list[str]:
    """In the order in which they appear: the sidecar last, it vouches for the others."""
    if form is FileFormat.EDF:
        return [f"{part.name}.edf", f"{part.name}.json"]
    annotations = [f"{part.name}.{ANNOTATOR}"] if annotated else []
    return [f"{part.name}.dat", f"{part.name}.hea", *annotations, f"{part.name}.json"]


def _write(
    fetcher: RecordFetcher, part: Part, work: Path, form: FileFormat, marks: Sequence[Mark]
) -> dict[str, Any]:
    scale, offset = part.stream.calibration.of_file()
    key = part.key
    layout = Format(
        part.leads, key.fs, key.signal.unit, scale, offset, part.start_ns, _comments(part)
    )
    mine = [mark for mark in marks if _belongs(mark, part)]
    segments = _segments(fetcher, part)
    if form is FileFormat.WFDB:
        write_wfdb(work, part.name, layout, segments)
        if marks:
            write_annotations(
                work, part.name, ANNOTATOR, key.fs,
                [mark.sample - part.first_sample for mark in mine],
                [mark.symbol for mark in mine], [mark.text for mark in mine],
            )  # fmt: skip
    else:
        write_edf(work / f"{part.name}.edf", layout, segments, _notes(part, mine))
    written = _file_names(part, form, bool(marks))[:-1]
    sidecar = _sidecar(part, len(mine))
    sidecar["sha256"] = {name: _sha256(work / name) for name in written}
    text = json.dumps(sidecar, indent=1, allow_nan=False) + "\n"
    (work / f"{part.name}.json").write_text(text, encoding="utf-8")
    return sidecar


def _segments(fetcher: RecordFetcher, part: Part) -> Iterator[Segment]:
    for record_offset in part.record_offsets:
        payload = fetcher.fetch(record_offset).payload
        try:
            chunk = wire.decode(payload, part.key.device, part.key.signal)
        except WireError as error:  # it was sound a moment ago
            raise UnavailableError(f"the log changed while it was read: {error}") from error
        yield Segment(chunk.first_sample, chunk.data)


def _belongs(mark: Mark, part: Part) -> bool:
    key = part.key
    return (
        mark.device == key.device
        and mark.signal in (None, key.signal)
        and mark.stream_id == key.stream_id
        and 0 <= mark.sample - part.first_sample < part.n_samples
    )


def _comments(part: Part) -> tuple[str, ...]:
    key = part.key
    comments = [
        f"site {key.site} device {key.device} signal {key.signal.value}",
        f"stream {key.stream_id:08x} from sample {part.first_sample}",
    ]
    if part.injected:
        comments.append("holds samples that a test source altered on purpose")
    return tuple(comments)


def _notes(part: Part, marks: Sequence[Mark]) -> list[Note]:
    """EDF+ annotations: the marks, leads that were off, and what was altered on purpose."""
    fs, origin = part.key.fs, part.first_sample
    notes = [
        Note((mark.sample - origin) / fs, None, f"{mark.symbol} {mark.text}".strip())
        for mark in marks
    ]
    for span in part.lead_off:
        off = " ".join(_leads(part, span))
        at_s = (span.first_sample - origin) / fs
        notes.append(Note(at_s, span.n_samples / fs, f"lead off {off}"))
    for span in part.injected:
        at_s = (span.first_sample - origin) / fs
        notes.append(Note(at_s, span.n_samples / fs, "injected by a test source"))
    return notes


def _leads(part: Part, span: Span) -> list[str]:
    return [lead for i, lead in enumerate(part.leads) if span.mask >> i & 1]


def _sidecar(part: Part, n_annotations: int) -> dict[str, Any]:
    """Provenance. Samples are counted as the sender did; the file begins at `first_sample`."""
    key = part.key
    return {
        "record": part.name,
        "site": key.site,
        "device": key.device,
        "signal": key.signal.value,
        "stream_id": key.stream_id,
        "leads": list(part.leads),
        "unit": key.signal.unit,
        "fs_hz": key.fs,
        "first_sample": part.first_sample,
        "n_samples": part.n_samples,
        "start_ns": part.start_ns,
        "start_from": "device clock" if part.by_device_clock else "arrival",
        "chunks": len(part.rows),
        "repeated_chunks_of_stream": part.repeated,
        "gaps": [[gap.first_sample, gap.n_samples] for gap in part.gaps],
        "lead_off": [
            [span.first_sample, span.n_samples, _leads(part, span)] for span in part.lead_off
        ],
        "injected": [[span.first_sample, span.n_samples] for span in part.injected],
        "senders_steps_kept": part.stream.calibration.constant,
        "annotations": n_annotations,
        "vitalwire": __version__,
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
