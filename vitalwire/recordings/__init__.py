"""Recordings on disk: WFDB, EDF+, BDF and CSV read alike; WFDB and EDF+ written."""

from vitalwire.recordings.annotations import Annotations, read_annotations, write_annotations
from vitalwire.recordings.bundled import bundled_recording
from vitalwire.recordings.chunks import as_decoded, chunks, encode
from vitalwire.recordings.opening import open_recording
from vitalwire.recordings.recording import Recording

__all__ = [
    "Annotations",
    "Recording",
    "as_decoded",
    "bundled_recording",
    "chunks",
    "encode",
    "open_recording",
    "read_annotations",
    "write_annotations",
]
