"""Who listens to an EEG: the shipped bundle or another, bundles by folds, or a floor.

A listener says which detector hears each person, so that nobody is scored by a model that has
learned from them, where there is a choice.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from training.floors import line_length, logistic
from training.floors.loading import line_length_floor
from training.floors.logistic_fit import Windows, fit_logistic, windows_of
from training.scoring.bundled import FOLDS, LoadBundles, Named, read_device_probe, read_folds
from training.scoring.eeg_jobs import Load
from training.scoring.eeg_streams import Stream
from training.scoring.jobs import Skipped
from vitalwire.bundle import Task
from vitalwire.errors import InputError

FLOORS: Final = (line_length.NAME, logistic.NAME)

Each = Callable[
    [Callable[[Stream], Windows | Skipped], Sequence[Stream]], Iterable[Windows | Skipped]
]
"""Does something to every stream, several at a time, see `eeg_jobs.each`."""


class Listener(Protocol):
    """One row of the tables."""

    @property
    def name(self) -> str: ...

    @property
    def what(self) -> str:
        """A sentence on what it has learned from whom, for the first lines of a report."""
        ...

    @property
    def device_probe(self) -> float | None:
        """How often a probe on its encoder is right about the recorder, percent; or unknown."""
        ...

    def check(self) -> None:
        """Before anything else is done.

        Raises
        ------
        InputError, BundleError
            It cannot be used.
        """
        ...

    def loads(self, streams: Sequence[Stream], each: Each) -> Mapping[str, Load]:
        """The detector for each person; who is not in it is not scored.

        Raises
        ------
        InputError
            There is none for anybody.
        """
        ...


@dataclass(frozen=True, slots=True)
class OneBundle:
    """The same model for everybody."""

    name: str
    load: LoadBundles
    what: str = (
        "One model hears everybody: where it has learned from these people, that is no test "
        "of it."
    )
    device_probe: None = None

    def check(self) -> None:
        self.load()

    def loads(self, streams: Sequence[Stream], each: Each) -> Mapping[str, Load]:  # noqa: ARG002
        return {stream.patient: self.load for stream in streams}


@dataclass(frozen=True, slots=True)
class ByFolds:
    """For each person the bundle that has not seen them."""

    name: str
    folds: Mapping[str, LoadBundles]
    device_probe: float | None = None
    what: str = "Each person is heard by the model of the fold that has not seen them."

    def check(self) -> None:
        for load in dict.fromkeys(self.folds.values()):
            load()

    def loads(self, streams: Sequence[Stream], each: Each) -> Mapping[str, Load]:  # noqa: ARG002
        known = {stream.patient for stream in streams} & set(self.folds)
        if not known:
            raise InputError(
                f"{self.name}: its {FOLDS} names {_some(self.folds)}; here are recordings of "
                f"{_some({stream.patient: None for stream in streams})}: none of them"
            )
        return {patient: self.folds[patient] for patient in known}


@dataclass(frozen=True, slots=True)
class LineLengthFloor:
    name: str = line_length.NAME
    what: str = (
        "A floor that any model has to beat: line length and band power against a running "
        "background, not trained."
    )
    device_probe: None = None

    def check(self) -> None:
        """It is always there."""

    def loads(self, streams: Sequence[Stream], each: Each) -> Mapping[str, Load]:  # noqa: ARG002
        return {stream.patient: line_length_floor() for stream in streams}


@dataclass(frozen=True, slots=True)
class LogisticFloor:
    name: str = logistic.NAME
    what: str = (
        "A floor that any model has to beat: a logistic regression on features without "
        "amplitude, fitted for each person on everybody else, on as many leads as it is given."
    )
    device_probe: None = None

    def check(self) -> None:
        """It is always there."""

    def loads(self, streams: Sequence[Stream], each: Each) -> Mapping[str, Load]:
        found = each(_windows, streams)
        return fit_logistic([one for one in found if isinstance(one, Windows)])


def floor(name: str) -> Listener:
    """A floor by its name.

    Raises
    ------
    InputError
        There is none of this name.
    """
    if name not in FLOORS:
        raise InputError(f"--floor: expected one of {', '.join(FLOORS)}, got {name!r}")
    return LineLengthFloor() if name == line_length.NAME else LogisticFloor()


def by_folds(folder: Path, runtime: str = "auto", precision: str = "auto") -> ByFolds:
    """The bundles of a folder with `folds.json`: from a person to the bundle's folder.

    Raises
    ------
    InputError
        It has no such file, or not of this form.
    """
    base = LoadBundles(Task.EEG_SEIZURE, (), runtime, precision)
    name = f"{folder.name} by folds"
    return ByFolds(name, read_folds(folder, base), read_device_probe(folder))


def one_bundle(
    folder: Path | None, runtime: str = "auto", precision: str = "auto"
) -> OneBundle:
    """A bundle by its folder; None: the one that is shipped."""
    named = () if folder is None else (Named(Task.EEG_SEIZURE, folder),)
    name = "shipped" if folder is None else folder.name
    return OneBundle(name, LoadBundles(Task.EEG_SEIZURE, named, runtime, precision))


def guessed(asked: str, runtime: str = "auto", precision: str = "auto") -> Listener:
    """A floor by its name, or by the folder a bundle or bundles by folds.

    Raises
    ------
    InputError
        Folds that cannot be read.
    """
    if asked in FLOORS:
        return floor(asked)
    folder = Path(asked)
    if (folder / FOLDS).is_file():
        return by_folds(folder, runtime, precision)
    return one_bundle(folder, runtime, precision)


def _windows(stream: Stream) -> Windows | Skipped:
    try:
        return windows_of(stream)
    except InputError as error:  # it is said when the stream is scored
        return Skipped(stream.name, str(error))


def _some(names: Mapping[str, object]) -> str:
    few = sorted(names)
    more = f" and {len(few) - 5} more" if len(few) > 5 else ""
    return (", ".join(few[:5]) or "nobody") + more
