"""The zoo: five families, each for either task of the ECG; two of them for the EEG as well.

A beat model takes `beat` (B, 3, 112) and `context` (B, 24) and gives logits (B, 4) and class
activations (B, 4, T'). A rhythm model takes (B, 1, T) and gives logits (B, 5, T / 25). Of the
latter `tcn` and `lstm` are causal: they have `n_state` and `step`, and are asked hop by hop;
the others have `n_window` and are asked about the last 30 s.

A seizure model takes (B, L, T) and which leads are good, (B, L, T / 32), and gives logits
(B, 2, T / 32) and those of each lead. Both have `n_state` and `step`; what `cnn1d` keeps is a
window of 10 s.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from torch import nn

from training.models import cnn1d, crnn, eeg_cnn1d, eeg_tcn, lstm, tcn, transformer
from vitalwire.bundle import Task
from vitalwire.errors import InputError

__all__ = ["MODELS", "Family", "build_model", "n_parameters"]


@dataclass(frozen=True, slots=True)
class Family:
    """Sizes and constructor of a family for each of its tasks."""

    default: Mapping[Task, Any]
    build: Mapping[Task, Callable[[Any], nn.Module]]


def _family(
    beat: Any,
    rhythm: Any,
    of_beat: Callable[[Any], nn.Module],
    of_rhythm: Callable[[Any], nn.Module],
    seizure: tuple[Any, Callable[[Any], nn.Module]] | None = None,
) -> Family:
    default = {Task.ECG_BEAT: beat, Task.ECG_RHYTHM: rhythm}
    build = {Task.ECG_BEAT: of_beat, Task.ECG_RHYTHM: of_rhythm}
    if seizure is not None:
        default[Task.EEG_SEIZURE], build[Task.EEG_SEIZURE] = seizure
    return Family(default, build)


MODELS: Final[Mapping[str, Family]] = {
    "cnn1d": _family(
        cnn1d.BEAT,
        cnn1d.RHYTHM,
        cnn1d.beat_cnn1d,
        cnn1d.rhythm_cnn1d,
        (eeg_cnn1d.SEIZURE, eeg_cnn1d.EegCnn1d),
    ),
    "tcn": _family(
        tcn.BEAT, tcn.RHYTHM, tcn.beat_tcn, tcn.Tcn, (eeg_tcn.SEIZURE, eeg_tcn.EegTcn)
    ),
    "lstm": _family(lstm.BEAT, lstm.RHYTHM, lstm.beat_lstm, lstm.Lstm),
    "crnn": _family(crnn.BEAT, crnn.RHYTHM, crnn.beat_crnn, crnn.rhythm_crnn),
    "transformer": _family(
        transformer.BEAT,
        transformer.RHYTHM,
        transformer.beat_transformer,
        transformer.rhythm_transformer,
    ),
}


def build_model(task: Task, name: str, sizes: Mapping[str, object] = {}) -> nn.Module:
    """A model with random weights.

    Parameters
    ----------
    task : Task
    name : str
        Of `MODELS`.
    sizes : mapping, optional
        What differs from the family's default for the task; lists stand for tuples.

    Raises
    ------
    InputError
        No such model, task or size.
    """
    if name not in MODELS:
        raise InputError(f"model: expected one of {', '.join(MODELS)}, got {name!r}")
    family = MODELS[name]
    if task not in family.build:
        known = ", ".join(one.value for one in family.build)
        raise InputError(f"{name}: expected a task of {known}, got {task.value}")
    default = family.default[task]
    return family.build[task](replace(default, **_checked(name, default, sizes)))


def n_parameters(model: nn.Module) -> int:
    """Numbers that training can change."""
    return sum(one.numel() for one in model.parameters())


def _checked(name: str, default: Any, sizes: Mapping[str, object]) -> dict[str, object]:
    """The sizes with lists as tuples, each of the kind that its default is."""
    known = {field.name: getattr(default, field.name) for field in fields(default)}
    checked: dict[str, object] = {}
    for key, value in sizes.items():
        if key not in known:
            raise InputError(f"{name}: expected sizes among {', '.join(known)}, got {key!r}")
        value = tuple(value) if isinstance(value, list) else value
        if not _fits(value, known[key]):
            raise InputError(f"{name}: {key}: expected such as {known[key]!r}, got {value!r}")
        checked[key] = value
    return checked


def _fits(value: object, default: object) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, tuple) and bool(value) and all(_fits(v, 1) for v in value)
    if isinstance(default, float):
        return type(value) in (int, float) and 0 <= value < 1  # type: ignore[operator]
    return type(value) is int and value > 0
