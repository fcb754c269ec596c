"""Figures of `vitalwire evaluate --json`, for manifest and card."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.export.card import FIGURES, Evaluation, Figure
from vitalwire.errors import InputError


def read_evaluations(paths: Sequence[Path]) -> Evaluation:
    """The figures in these files, by name; a later file's stand above an earlier one's.

    Raises
    ------
    InputError
        A file cannot be read, or holds no figure of an evaluation.
    """
    figures: dict[str, Figure] = {}
    scopes: list[str] = []
    for path in paths:
        fields = _read(path)
        found = figures_of(fields)
        if not found:
            raise InputError(
                f"{path}: no figure of an evaluation in it: expected the output of `vitalwire "
                "evaluate TASK --json`"
            )
        figures |= found
        scopes += scopes_of(fields)
    return Evaluation(figures, tuple(dict.fromkeys(scopes)))


def figures_of(fields: Mapping[str, Any]) -> dict[str, Figure]:
    """Those of `FIGURES` that an evaluation has; `X_ci` beside `X` is its interval.

    Of an evaluation over all of MIT-BIH the part counts that nothing was learned from, DS2.
    """
    if _is_number(_at(fields, ["ds2", "qrs", "se"])):
        fields = fields["ds2"]
    figures = {}
    for name in FIGURES:
        *parents, last = name.split(".")
        if parents == ["shockable"]:
            parents.append("rhythm_model")
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


def scopes_of(fields: Mapping[str, Any]) -> list[str]:
    """Over which records an evaluation went, a sentence for each of its sets."""
    scopes = []
    if _is_number(_at(fields, ["ds2", "qrs", "se"])):
        scopes.append("Beats: the records of MIT-BIH's DS2.")
    elif isinstance(records := fields.get("per_record"), dict):
        scopes.append(f"Beats: {len(records)} records; compare them with the data below.")
    if isinstance(fields.get("challenge2017"), dict):
        part = (
            "the test fifth"
            if fields.get("left_out_of_challenge2017")
            else "all that was given"
        )
        scopes.append(f"Whole recordings: {part} of CinC 2017's.")
    if isinstance(fields.get("shockable"), dict):
        scopes.append(
            "Shockable: each record by a model that was trained without its patient, not by "
            "this one."
            if fields.get("folds")
            else "Shockable: by this model; compare the records with the data below."
        )
    if isinstance(fields.get("lead_in"), dict):
        by_folds = "by folds" in str(fields.get("detector"))
        scopes.append(
            "Seizures: each person by a model that was trained without them, not by this one."
            if by_folds
            else "Seizures: by this model; compare the people with the data below."
        )
    return scopes


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
