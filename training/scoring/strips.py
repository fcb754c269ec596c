"""Short stretches of an ECG as SVG, with what was expected and what was told beside it."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from training.scoring.reference import first_lead
from vitalwire.errors import InputError

LENGTH_S: Final = 8.0
_WIDTH: Final = 640
_HEIGHT: Final = 120
_POINTS: Final = 1600  # more than the page's pixels show nothing
_LEAST_MV: Final = 1.0  # of height: noise of some microvolts must not look like a heart


def strip(error: Mapping[str, Any]) -> str:
    """A figure of one error of a report: `path`, `at_s`, `reference`, `told`, `certainty`.

    A record that can no longer be read gives its caption alone.
    """
    length_s = float(error.get("length_s", LENGTH_S))
    from_s = max(float(error["at_s"]) - length_s / 2, 0.0)
    try:
        x_mv, fs = first_lead(Path(error["path"]))
    except InputError as unreadable:
        drawing = f"<p>{escape(str(unreadable))}</p>"
    else:
        first = min(round(from_s * fs), max(len(x_mv) - round(length_s * fs), 0))
        part = x_mv[first : first + round(length_s * fs)]
        drawing = _labels(error, first / fs, len(part) / fs)
        drawing += trace(part, fs, mark_s=_mark(error, first / fs))
    return f"<figure>{drawing}<figcaption>{caption(error)}</figcaption></figure>"


def trace(x_mv: NDArray[np.float32], fs: float, *, mark_s: float | None = None) -> str:
    """An ECG as SVG: a grid of 0.2 s and 0.5 mV, a mark at a time from its start."""
    length_s = len(x_mv) / fs
    known = x_mv[np.isfinite(x_mv)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
    spare = max(_LEAST_MV - (high - low), 0.1) / 2
    low, high = low - spare, high + spare

    def place(at_s: float, mv: float) -> tuple[float, float]:
        return at_s / length_s * _WIDTH, (high - mv) / (high - low) * _HEIGHT

    lines = [
        *(line(*place(t, high), *place(t, low), "grid") for t in np.arange(0, length_s, 0.2)),
        *(line(*place(0, v), *place(length_s, v), "grid")
          for v in np.arange(np.ceil(low * 2) / 2, high, 0.5)),
    ]  # fmt: skip
    if mark_s is not None:
        lines.append(line(*place(mark_s, high), *place(mark_s, low), "mark"))
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="ECG, {length_s:.1f} s">{"".join(lines)}{_curves(x_mv, fs, place)}</svg>'
    )


def _labels(error: Mapping[str, Any], from_s: float, length_s: float) -> str:
    """Above each beat the annotated class, what was told where it differs, how surely."""
    shown = []
    for at_s, expected, told, certainty in error.get("beats", ()):
        place = (at_s - from_s) / length_s
        if not 0 <= place <= 1:
            continue
        kind, answer = ("right", "") if told == expected else ("wrong", told)
        said = "" if certainty is None else f"{certainty:.2f}"
        shown.append(
            f'<span class="{kind}" style="left:{100 * place:.2f}%">{expected}<b>{answer}</b>'
            f"<i>{said}</i></span>"
        )
    return f'<div class="labels">{"".join(shown)}</div>' if shown else ""


def reliability(bins: Sequence[Mapping[str, Any]]) -> str:
    """Share of right answers against confidence, with the interval of each bin."""
    size, edge = 240, 28
    inner = size - 2 * edge

    def at(x: float, y: float) -> tuple[float, float]:
        return edge + x * inner, size - edge - y * inner

    parts = [line(*at(0, 0), *at(1, 1), "ideal")]
    for low in (0.0, 0.5, 1.0):
        parts += [
            line(*at(low, 0), *at(low, 1), "grid"),
            line(*at(0, low), *at(1, low), "grid"),
        ]
        (x, _), (_, y) = at(low, 0), at(0, low)
        parts.append(f'<text x="{x:.0f}" y="{size - 12}" text-anchor="middle">{low:g}</text>')
        parts.append(f'<text x="{edge - 4}" y="{y + 4:.0f}" text-anchor="end">{low:g}</text>')
    for one in bins:
        below, above = one["correct_ci"]
        parts.append(line(*at(one["confidence"], below), *at(one["confidence"], above), "bar"))
        x, y = at(one["confidence"], one["correct"])
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>')
    parts.append(f'<text x="{size / 2}" y="{size - 1}" text-anchor="middle">confidence</text>')
    return (
        f'<svg class="reliability" viewBox="0 0 {size} {size}" role="img" '
        f'aria-label="reliability diagram">{"".join(parts)}</svg>'
    )


def _curves(x_mv: NDArray[np.float32], fs: float, place: Any) -> str:
    """Polylines, broken where samples are missing."""
    step = max(1, len(x_mv) // _POINTS)
    runs: list[list[str]] = [[]]
    for i in range(0, len(x_mv), step):
        if np.isfinite(x_mv[i]):
            x, y = place(i / fs, float(x_mv[i]))
            runs[-1].append(f"{x:.1f},{y:.1f}")
        elif runs[-1]:
            runs.append([])
    return "".join(f'<polyline points="{" ".join(run)}"/>' for run in runs if run)


def _mark(error: Mapping[str, Any], first_s: float) -> float | None:
    at_s = float(error["at_s"]) - first_s
    return at_s if float(error["at_s"]) > 0 else None


def caption(error: Mapping[str, Any]) -> str:
    """Which record and when, what was annotated and what was told."""
    certainty = error["certainty"]
    said = "" if certainty is None else f", probability {certainty:.2f}"
    lasts = f", {error['lasts_s']:.0f} s long" if error.get("lasts_s") else ""
    where = f" at {error['at_s']:.1f} s" if error["at_s"] else ""
    name, expected, told = (escape(error[key]) for key in ("record", "reference", "told"))
    return f"<b>{name}</b>{where}: annotated <b>{expected}</b>{lasts}, told <b>{told}</b>{said}"


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A line of a drawing; `kind` is its class on the page."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'
