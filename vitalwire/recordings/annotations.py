"""Annotations of a recording: beats, rhythm changes and notes, WFDB or EDF+."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vitalwire.errors import ContractError, InputError
from vitalwire.recordings.atomic import staged
from vitalwire.recordings.format import check_record_name

# The beat codes of WFDB (`isqrs` in ecgmap.h).
BEAT_SYMBOLS: Final = frozenset("NLRBAaJSVrFejnE/fQ?")
RHYTHM_SYMBOL: Final = "+"
NOTE_SYMBOL: Final = '"'

# A text lies behind its length and the code 63 << 2, annot(5); some define something.
_DEFINES: Final = re.compile(rb"(.)\xfc(?=## )", re.DOTALL)
_RATE: Final = re.compile(rb"## time resolution: \d")
_TYPES: Final = [b"## annotation type definitions", b"## end of definitions"]


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """Annotations in the order of their samples."""

    fs: float  # Hz, of the samples' count
    samples: NDArray[np.int64]  # (n,)
    symbols: tuple[str, ...]  # WFDB's; a note is '"'
    aux: tuple[str, ...]  # the text beside it, "" for none
    duration_s: NDArray[np.float64]  # (n,), NaN where it has none

    def __post_init__(self) -> None:
        n = len(self.samples)
        if not len(self.symbols) == len(self.aux) == len(self.duration_s) == n:
            raise ContractError("Annotations: columns differ in length")

    def __len__(self) -> int:
        return len(self.samples)

    def at_rate(self, fs: float) -> "Annotations":
        """The same, counted in samples of a signal at `fs`: a file may have its own rate."""
        if fs == self.fs:
            return self
        samples = np.rint(self.samples * (fs / self.fs)).astype(np.int64)
        return replace(self, fs=fs, samples=samples)

    @property
    def beats(self) -> tuple[NDArray[np.int64], tuple[str, ...]]:
        """Samples and symbols of the beats."""
        at = [i for i, symbol in enumerate(self.symbols) if symbol in BEAT_SYMBOLS]
        return self.samples[at], tuple(self.symbols[i] for i in at)

    @property
    def rhythms(self) -> list[tuple[int, str]]:
        """Sample and name of each change of rhythm, as `(1200, "(AFIB")`."""
        return [
            (int(sample), text)
            for sample, symbol, text in zip(self.samples, self.symbols, self.aux, strict=True)
            if symbol == RHYTHM_SYMBOL
        ]


def read_annotations(path: Path | str, ext: str = "atr") -> Annotations:
    """Read the annotations of a WFDB record (`ext` names the annotator) or an EDF+ file.

    Raises
    ------
    InputError
        Missing or unreadable, with the file's name.
    """
    path = Path(path)
    if path.suffix.lower() in (".edf", ".bdf"):
        from vitalwire.recordings.edf_reader import read_edf_annotations

        return read_edf_annotations(path)
    return _read_wfdb(path, ext)


def _read_wfdb(path: Path, ext: str) -> Annotations:
    record = path.with_suffix("") if path.suffix == ".hea" else path
    file = record.with_name(f"{record.name}.{ext}")
    if not file.is_file():
        raise InputError(f"{file}: no such annotation file; annotators end in .atr, .vw, .qrs")
    import wfdb

    check_definitions(file)
    try:
        read = wfdb.rdann(str(record), ext)
        return Annotations(
            fs=float(read.fs or _header_fs(record)),
            samples=np.asarray(read.sample, np.int64),
            symbols=tuple(str(symbol) for symbol in read.symbol),  # "nan": a code of no symbol
            aux=tuple((note or "").strip("\x00") for note in read.aux_note),
            duration_s=np.full(len(read.sample), np.nan),
        )
    except InputError:  # of its header
        raise
    except Exception as error:
        raise InputError(f"{file}: not a WFDB annotation file ({error})") from error


def _header_fs(record: Path) -> float:
    """Annotations that do not say their own rate count the samples of the record."""
    import wfdb

    try:
        return float(wfdb.rdheader(str(record)).fs)
    except Exception as error:
        raise InputError(
            f"{record}.hea: no WFDB header with a rate ({error}): the annotations beside it "
            "count its samples"
        ) from error


def check_definitions(file: Path) -> None:
    """Refuse an annotation file that wfdb 4.3 would read for ever.

    It never comes back from a definition that it does not know, nor from a second rate.

    Raises
    ------
    InputError
        There is one, or the file cannot be read.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    texts = [raw[one.end() : one.end() + one[1][0]] for one in _DEFINES.finditer(raw)]
    types = [text for text in texts if not _RATE.match(text)]
    if len(texts) - len(types) > 1 or types != _TYPES * (len(types) // 2):
        told = ", ".join(repr(text.decode("latin-1")) for text in texts[:4])
        raise InputError(
            f"{file}: expected no definition (## ...) but one time resolution, and types of "
            f"annotations with an end, got {told}: remove what else there is"
        )


def write_annotations(
    folder: Path,
    name: str,
    ext: str,
    fs: float,
    samples: Sequence[int] | NDArray[np.int64],
    symbols: Sequence[str],
    aux: Sequence[str] | None = None,
) -> Path:
    """Write a WFDB annotation file `name.ext` and return its path.

    Beats carry their class as symbol (N S V F Q), a change of rhythm `+` with its name in
    `aux`, as `(AFIB`.

    Raises
    ------
    InputError
        A name that WFDB cannot carry, or a folder that cannot be written to.
    """
    check_record_name(name)
    if not len(samples) == len(symbols) == len(aux if aux is not None else samples):
        raise ContractError("samples, symbols and aux must be of one length")
    order = np.argsort(np.asarray(samples, np.int64), kind="stable")
    with staged(folder, [f"{name}.{ext}"]) as work:
        if len(order) == 0:
            (work / f"{name}.{ext}").write_bytes(b"\x00\x00")  # end of file, annot(5)
        else:
            import wfdb

            wfdb.wrann(
                name, ext, np.asarray(samples, np.int64)[order],
                symbol=[symbols[i] for i in order],
                aux_note=[aux[i] for i in order] if aux is not None else None,
                fs=fs, write_dir=str(work),
            )  # fmt: skip
    return folder / f"{name}.{ext}"
