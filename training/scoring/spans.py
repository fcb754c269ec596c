"""Stretches of time, in seconds from a record's start: joined, cut, measured. Pure."""

from collections.abc import Sequence

Span = tuple[float, float]
"""Start and end, s; the end is not inside."""


def merged(spans: Sequence[Span], gap_s: float = 0.0) -> tuple[Span, ...]:
    """In order; those that touch, overlap or are `gap_s` apart become one, empty ones go."""
    joined: list[Span] = []
    for start, end in sorted(span for span in spans if span[1] > span[0]):
        if joined and start <= joined[-1][1] + gap_s:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return tuple(joined)


def length(spans: Sequence[Span]) -> float:
    """Time that is covered, s; each moment once."""
    return sum(end - start for start, end in merged(spans))


def common(a: Sequence[Span], b: Sequence[Span]) -> tuple[Span, ...]:
    """What is in both."""
    return merged(
        [
            (max(first[0], second[0]), min(first[1], second[1]))
            for first in merged(a)
            for second in merged(b)
            if overlap(first, second)
        ]
    )


def without(a: Sequence[Span], b: Sequence[Span]) -> tuple[Span, ...]:
    """What is in `a` and not in `b`."""
    left = list(merged(a))
    for start, end in merged(b):
        parts = [
            part
            for one in left
            for part in ((one[0], min(one[1], start)), (max(one[0], end), one[1]))
        ]
        left = [part for part in parts if part[1] > part[0]]
    return merged(left)


def overlap(a: Span, b: Span) -> bool:
    """Whether they share a moment."""
    return a[0] < b[1] and b[0] < a[1]


def clipped(spans: Sequence[Span], start_s: float, end_s: float) -> tuple[Span, ...]:
    """Only what lies between two times."""
    return common(spans, [(start_s, end_s)]) if end_s > start_s else ()
