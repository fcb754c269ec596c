"""Figures of `vitalwire evaluate --json`, for manifest and card."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.export.card import FIGURES, Figure
from vitalwire.errors import InputError


def read_evaluations(paths: Sequence[Path]) -> dict[str, Figure]:
    """The figures in these files, by name; a later file's stand above an earlier one's.

    Raises
    ------
    InputError
        A file cannot be read, or holds no figure of an evaluation.
    """
    figures: dict[str, Figure] = {}
    for path in paths:
        found = figures_of(_read(path))
        if not found:
            raise InputError(
                f"{path}: no figure of an evaluation in it: expected the output of `vitalwire "
                "evaluate ecg-beat --json` or `ecg-rhythm --json`"
            )
        figures |= found
    return figures


def figures_of(fields: Mapping[str, Any]) -> dict[str, Figure]:
    """Those of `FIGURES` that an evaluation has; `X_ci` beside `X` is its interval."""
    figures = {}
    for name in FIGURES:
        *parents, last = name.split(".")
        value = _at(fields, [*parents, last])
        if not _is_number(value):
            continue
        bounds = _at(fields, [*parents, f"{last}_ci"])
        if bounds is None and len(parents) > 1:  # f1_ci.N beside f1.N
            bounds = _at(fields, [*parents[:-1], f"{parents[-1]}_ci", last])
        has = isinstance(bounds, list) and len(bounds) == 2 and all(map(_is_number, bounds))
        low, high = bounds if has else (None, None)
        figures[name] = Figure(value, low, high)
    return figures


def flat(figures: Mapping[str, Figure]) -> dict[str, float | None]:
    """As a manifest has them."""
    fields: dict[str, float | None] = {}
    for name, one in figures.items():
        fields[name] = float(one.value)
        if one.low is not None and one.high is not None:
            fields[f"{name}_low"], fields[f"{name}_high"] = float(one.low), float(one.high)
    return fields


def _read(path: Path) -> Mapping[str, Any]:
    try:
        lines = path.read_text(encoding="utf-8").strip().splitlines()
        fields = json.loads(lines[-1]) if lines else None  # one object, the last line
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not isinstance(fields, dict):
        raise InputError(f"{path}: expected one JSON object on its last line")
    return fields


def _at(fields: Any, path: Sequence[str]) -> Any:
    for part in path:
        if not isinstance(fields, dict):
            return None
        fields = fields.get(part)
    return fields


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
