"""What a bundle says of itself: `manifest.json`, read strictly.

The same bytes must mean the same to everybody who reads them, so what JSON leaves open is
refused: keys that come twice, NaN, other encodings, unknown fields.
"""

import json
import math
import re
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vitalwire.errors import BundleError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
SIGNATURE: Final = "manifest.sig"
CARD: Final = "card.md"
MAX_MANIFEST_BYTES: Final = 1 << 20
MAX_FILE_BYTES: Final = 64 << 20
MAX_FILES: Final = 16
EPISODE_NUMBERS: Final = frozenset({"enter", "leave", "mean_s", "least_s", "end_s"})

_FILE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}\z")]
Shape = list[Annotated[int, Field(ge=1)]]
Runtime = Literal["onnxruntime", "litert"]
Precision = Literal["fp32", "int8"]


class Task(StrEnum):
    """What a model is asked."""

    ECG_BEAT = "ecg-beat"
    ECG_RHYTHM = "ecg-rhythm"
    EEG_SEIZURE = "eeg-seizure"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class FileEntry(_Part):
    """One file of the bundle; runtime and precision where it is a model."""

    sha256: Sha256
    bytes: int = Field(ge=0, le=MAX_FILE_BYTES)
    runtime: Runtime | None = None
    precision: Precision | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.runtime is None) != (self.precision is None):
            raise ValueError("runtime and precision go together: both, or neither")
        return self


class DataEntry(_Part):
    """A set of data that the model was trained, tuned or judged on."""

    name: str = Field(min_length=1)
    sha256: Sha256
    what: str  # which records, and what for


class Manifest(_Part):
    """A model's interface, the numbers it decides by, where it came from, how it did.

    Shapes are without the batch axis. `thresholds`, `temperature`, `episodes` and
    `record_label` were chosen on validation data and are used as they stand.
    """

    format: Literal[1] = 1
    task: Task = Field(strict=False)
    version: int = Field(ge=1)  # of this task's models; a gateway takes no lower one
    created: str  # UTC, ISO
    architecture: str
    parameters: int = Field(ge=1)
    signal: Literal["ecg", "eeg"]
    unit: str
    fs_hz: float = Field(gt=0)
    leads: str
    filters: str
    normalisation: str
    inputs: dict[str, Shape] = Field(min_length=1)
    outputs: dict[str, Shape] = Field(min_length=1)
    labels: list[str] = Field(min_length=1)  # of the output `probability`, in order
    thresholds: dict[str, float]
    temperature: float = Field(gt=0)
    episodes: dict[str, dict[str, float]] = {}  # label: enter, leave, mean_s, least_s, end_s
    record_label: dict[str, list[float]] = {}
    files: dict[str, FileEntry] = Field(max_length=MAX_FILES)  # all but manifest and signature
    gates: dict[str, dict[str, float]] = {}  # model file: parity_max_abs, score_fp32, score
    data: list[DataEntry] = []
    figures: dict[str, float | None] = {}
    command: str
    git_revision: str
    seed: int

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_created(self.created)
        _check_names(self.files)
        if self.task.value.split("-")[0] != self.signal:
            raise ValueError(f"signal: {self.task} works on another signal than {self.signal}")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels: a label comes twice")
        for label, numbers in self.episodes.items():
            if label not in self.labels:
                raise ValueError(f"episodes: {label!r} is none of the labels")
            if numbers.keys() != EPISODE_NUMBERS:
                raise ValueError(f"episodes.{label}: expected {sorted(EPISODE_NUMBERS)}")
        unknown = sorted(self.gates.keys() - self.files.keys())
        if unknown:
            raise ValueError(f"gates: {unknown[0]!r} is none of the files")
        return self

    def to_json(self) -> bytes:
        """The bytes of `manifest.json`: what is hashed, pinned and signed.

        Raises
        ------
        BundleError
            It could not be read back: a text with control characters, too large.
        """
        fields = self.model_dump(mode="json")
        raw = json.dumps(fields, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        parse_manifest(raw, "the manifest to write")
        return raw


def parse_manifest(raw: bytes, where: str) -> Manifest:
    """Read the bytes of a `manifest.json`; `where` is for the message.

    Raises
    ------
    BundleError
        Not UTF-8 or JSON, a key twice, a number that is not finite, another format, an
        unknown task or field, a file name that leads elsewhere, numbers that do not fit.
    """
    if len(raw) > MAX_MANIFEST_BYTES:
        raise BundleError(f"{where}: larger than {MAX_MANIFEST_BYTES} bytes")
    try:
        text = raw.decode("utf-8")
        fields = json.loads(text, object_pairs_hook=_unique, parse_constant=_not_a_number)
    except UnicodeDecodeError as error:
        raise BundleError(f"{where}: not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise BundleError(f"{where}: nested too deeply") from None
    except ValueError as error:  # JSONDecodeError is one too
        raise BundleError(f"{where}: not the JSON of a manifest: {error}") from None
    _check_head(fields, where)
    try:
        return Manifest.model_validate_json(raw, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        told = first["msg"].removeprefix("Value error, ")
        raise BundleError(
            f"{where}: {ascii(field)[1:-1]}: {told}" if field else f"{where}: {told}"
        ) from None


def _check_head(fields: Any, where: str) -> None:
    """Format and task first: a newer manifest may well have fields that we do not know."""
    if not isinstance(fields, dict):
        raise BundleError(f"{where}: expected an object, got {type(fields).__name__}")
    found = fields.get("format")
    if type(found) is not int or found != FORMAT:
        raise BundleError(
            f"{where}: format {_short(found)}, this vitalwire reads format {FORMAT}: "
            "update vitalwire, or export the bundle with this version"
        )
    if fields.get("task") not in list(Task):
        known = ", ".join(Task)
        raise BundleError(f"{where}: task {_short(fields.get('task'))} is unknown: {known}")
    _check_values(fields, where)


def _check_values(value: Any, where: str) -> None:
    """Every text fits on a terminal, every number is finite (1e999 is not)."""
    if isinstance(value, str) and not value.isprintable():
        raise BundleError(f"{where}: control characters in {_short(value)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise BundleError(f"{where}: a number is not finite")
    if isinstance(value, dict):
        for key, item in value.items():
            _check_values(key, where)
            _check_values(item, where)
    elif isinstance(value, list):
        for item in value:
            _check_values(item, where)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {_short(twice)} comes twice")
    return fields


def _not_a_number(text: str) -> float:
    raise ValueError(f"{text} is no number of a manifest")


def _check_created(created: str) -> None:
    try:
        moment = datetime.fromisoformat(created)
    except ValueError:
        moment = None
    if moment is None or moment.utcoffset() != timedelta(0):
        raise ValueError("created: expected a UTC time such as 2026-03-01T12:00:00Z")


def _check_names(files: dict[str, FileEntry]) -> None:
    """Names of files in the folder itself, none of them twice, the card among them."""
    for name in files:
        if not _FILE_NAME.fullmatch(name) or name in (MANIFEST, SIGNATURE):
            raise ValueError(f"files: {_short(name)} is no name of a file in the bundle")
    if len({name.casefold() for name in files}) != len(files):
        raise ValueError("files: two names differ only in capitals")
    if CARD not in files:
        raise ValueError(f"files: {CARD} is missing")
    kinds = [(e.runtime, e.precision) for e in files.values() if e.runtime is not None]
    if not kinds:
        raise ValueError("files: there is no model among them")
    if len(set(kinds)) != len(kinds):
        raise ValueError("files: two models for one runtime and precision")


def _short(value: Any) -> str:
    told = ascii(value)
    return told if len(told) <= 60 else told[:57] + "..."
