"""Beat-by-beat scoring as ANSI/AAMI EC57 asks, pairing beats as WFDB's `bxb` does. Pure.

`bxb` is the reference (G. Moody, WFDB applications guide). What is kept of it: the match
window of 150 ms, the learning time of five minutes, its greedy pairing (a beat is given
up for its neighbour when the neighbour is closer), the entry into the test period, VF
spans whose beats count on neither side, shutdown spans labelled X.

What differs: a beat the device reports inside its own shutdown is dropped before pairing,
so every reference beat of a shutdown is missed: a device that says "cannot analyse" gets
no credit for what it would have said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from vitalwire.errors import ContractError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

MATCH_WINDOW_S: Final = 0.15  # of EC57
LEARNING_S: Final = 300.0  # of EC57: the first five minutes are not scored
Span = tuple[int, int]
"""First and last sample of a stretch, both inside."""

AAMI_CLASS: Final[dict[str, str]] = {
    **dict.fromkeys("NLRBejn", "N"),
    **dict.fromkeys("AaJS", "S"),
    **dict.fromkeys("VEr", "V"),
    "F": "F",
    **dict.fromkeys("/fQ?", "Q"),
}
"""MIT beat symbol to AAMI class, as in de Chazal 2004. `bxb` counts the escape beats e, j
and n as S: pass another map to compare with it (245 beats of MIT-BIH)."""

NOT_A_BEAT: Final = frozenset("[]!x()ptu`'^|~+sT*D=\"@")
"""Rhythm, noise, wave and comment marks (WFDB `ecgcodes.h`), of which `[` and `]` bound VF."""

REF_ROWS: Final = ("N", "S", "V", "F", "Q", "O", "X")
TEST_COLUMNS: Final = ("N", "S", "V", "F", "Q", "O", "X")


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What the annotators saw in one record.

    Attributes
    ----------
    samples : (n_beats,) int64, ascending, without the beats inside VF
    classes : (n_beats,) AAMI class of each, one of N S V F Q
    vf_spans : stretches of VF, left out of the scoring
    """

    samples: NDArray[np.int64]
    classes: NDArray[np.str_]
    vf_spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Reference beats and the device's beats side by side, in the order of time.

    Attributes
    ----------
    ref, test : (n_pairs,) int64, sample of the beat, -1 where there is none
    ref_class, test_class : (n_pairs,) N S V F Q; O: no beat, X: no beat and shut down
    """

    ref: NDArray[np.int64]
    test: NDArray[np.int64]
    ref_class: NDArray[np.str_]
    test_class: NDArray[np.str_]


@dataclass(frozen=True, slots=True)
class QrsCounts:
    """Beats found, missed and invented; counts add up over records."""

    tp: int
    fn: int
    fp: int
    shutdown_s: float = 0.0  # time the device said "cannot analyse", within the test period

    def __add__(self, other: QrsCounts) -> QrsCounts:
        return QrsCounts(
            self.tp + other.tp,
            self.fn + other.fn,
            self.fp + other.fp,
            self.shutdown_s + other.shutdown_s,
        )

    @property
    def se(self) -> float:
        """Sensitivity in percent, NaN where there is no reference beat."""
        return _percent(self.tp, self.tp + self.fn)

    @property
    def ppv(self) -> float:
        """Positive predictivity (+P) in percent, NaN where nothing was detected."""
        return _percent(self.tp, self.tp + self.fp)


@dataclass(frozen=True, slots=True)
class Interval:
    """95 % confidence interval of a figure in percent."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class QrsSummary:
    """Figures over a set of records: gross weighs beats, average weighs records."""

    n_records: int
    counts: QrsCounts
    se_average: float
    ppv_average: float
    se_ci: Interval
    ppv_ci: Interval


def read_reference(
    record: str,
    samples: NDArray[np.int64],
    symbols: Sequence[str],
    classes: Mapping[str, str] = AAMI_CLASS,
) -> Reference:
    """Beats and VF spans from a record's annotations.

    Parameters
    ----------
    record : its name, for messages
    samples : (n,) ascending, sample of each annotation
    symbols : n MIT symbols
    classes : beat symbol to AAMI class

    Raises
    ------
    InputError : a symbol that is neither a beat nor a known mark; not one beat among them
    ContractError : unequal lengths
    """
    if len(samples) != len(symbols):
        raise ContractError(
            f"record {record}: {len(samples)} annotation samples but {len(symbols)} symbols"
        )
    unknown = sorted(set(symbols) - set(classes) - NOT_A_BEAT)
    if unknown:
        raise InputError(
            f"record {record}: unknown annotation symbols {unknown}, expected beats "
            f"{''.join(sorted(classes))} or marks {''.join(sorted(NOT_A_BEAT))}: "
            "is this a beat annotation file?"
        )
    vf_spans = _vf_spans(samples, symbols)
    kept = [
        (int(sample), classes[symbol])
        for sample, symbol in zip(samples, symbols, strict=True)
        if symbol in classes and not _inside(int(sample), vf_spans)
    ]
    if not kept:
        raise InputError(
            f"record {record}: its annotations hold no beat, nothing can be scored: "
            "choose a beat annotator (mitdb: atr)"
        )
    return Reference(
        samples=np.array([sample for sample, _ in kept], dtype=np.int64),
        classes=np.array([label for _, label in kept], dtype=np.str_),
        vf_spans=vf_spans,
    )


def match_beats(
    ref: NDArray[np.int64],
    test: NDArray[np.int64],
    *,
    window: int,
    start: int = 0,
) -> list[tuple[int, int]]:
    """Pair beats as `bxb` does.

    Parameters
    ----------
    ref, test : ascending samples of the reference's and the device's beats
    window : match window in samples, its end included
    start : first sample of the test period

    Returns
    -------
    Indices into (ref, test), -1 for "no beat", in the order of time. A beat just before
    `start` is in it only when it is the closest to the first reference beat.
    """
    first_ref = int(np.searchsorted(ref, start))
    first_test = int(np.searchsorted(test, start))
    pairs, i, j = _enter(ref, test, window, start, first_ref, first_test)
    while i < len(ref) or j < len(test):
        time_ref, next_ref = _at(ref, i), _at(ref, i + 1)
        time_test, next_test = _at(test, j), _at(test, j + 1)
        distance = abs(time_ref - time_test)
        if time_test < time_ref:
            matched = distance <= window and distance < abs(time_ref - next_test)
        else:
            matched = distance <= window and distance < abs(time_test - next_ref)
        if matched:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif time_test < time_ref:
            pairs.append((-1, j))
            j += 1
        else:
            pairs.append((i, -1))
            i += 1
    return pairs


def compare(
    reference: Reference,
    test: NDArray[np.int64],
    *,
    fs: float,
    test_classes: NDArray[np.str_] | None = None,
    shutdown_spans: Sequence[Span] = (),
    learning_s: float = LEARNING_S,
) -> Pairs:
    """Compare one record's beats with the reference.

    Parameters
    ----------
    test : (n,) samples of the device's beats, strictly ascending
    fs : sampling rate of both, Hz
    test_classes : (n,) AAMI class of each; N throughout where the device only detects
    shutdown_spans : where the device said "cannot analyse"
    learning_s : time at the start that is not scored, s
    """
    _check_ascending(test)
    labels = np.full(len(test), "N") if test_classes is None else np.asarray(test_classes)
    kept = np.array([not _inside(int(t), shutdown_spans) for t in test], dtype=np.bool_)
    test, labels = np.asarray(test, dtype=np.int64)[kept], labels[kept]
    window, start = round(MATCH_WINDOW_S * fs), round(learning_s * fs)
    rows: list[tuple[int, int, str, str]] = []
    for i, j in match_beats(reference.samples, test, window=window, start=start):
        if i < 0:
            if not _inside(int(test[j]), reference.vf_spans):
                rows.append((-1, int(test[j]), "O", str(labels[j])))
            continue
        at = int(reference.samples[i])
        if j >= 0:
            rows.append((at, int(test[j]), str(reference.classes[i]), str(labels[j])))
        else:
            missed = "X" if _inside(at, shutdown_spans) else "O"
            rows.append((at, -1, str(reference.classes[i]), missed))
    return Pairs(
        ref=np.array([row[0] for row in rows], dtype=np.int64),
        test=np.array([row[1] for row in rows], dtype=np.int64),
        ref_class=np.array([row[2] for row in rows], dtype=np.str_),
        test_class=np.array([row[3] for row in rows], dtype=np.str_),
    )


def count_qrs(pairs: Pairs, *, shutdown_s: float = 0.0) -> QrsCounts:
    """Count detections; the classes do not matter."""
    has_ref, has_test = pairs.ref >= 0, pairs.test >= 0
    return QrsCounts(
        tp=int(np.sum(has_ref & has_test)),
        fn=int(np.sum(has_ref & ~has_test)),
        fp=int(np.sum(~has_ref & has_test)),
        shutdown_s=shutdown_s,
    )


def select_spans(pairs: Pairs, spans: Sequence[Span]) -> Pairs:
    """Only the pairs whose beat (the reference's, where there is one) lies in `spans`."""
    at = np.where(pairs.ref >= 0, pairs.ref, pairs.test)
    kept = np.zeros(len(at), dtype=np.bool_)
    for first, last in spans:
        kept |= (at >= first) & (at <= last)
    return Pairs(
        pairs.ref[kept], pairs.test[kept], pairs.ref_class[kept], pairs.test_class[kept]
    )


def confusion_matrix(pairs: Pairs) -> NDArray[np.int64]:
    """AAMI matrix: (7, 7), rows `REF_ROWS` (reference), columns `TEST_COLUMNS` (device).

    Row O holds beats that are not in the reference, columns O and X the missed ones.
    """
    matrix = np.zeros((len(REF_ROWS), len(TEST_COLUMNS)), dtype=np.int64)
    for ref_class, test_class in zip(pairs.ref_class, pairs.test_class, strict=True):
        matrix[REF_ROWS.index(str(ref_class)), TEST_COLUMNS.index(str(test_class))] += 1
    return matrix


def class_figures(matrix: NDArray[np.int64], aami_class: str) -> dict[str, float]:
    """Sensitivity, +P and false positive rate of S or V in percent.

    A fusion (for V) or unclassifiable beat (for both) that the device calls by the class
    counts neither way.

    Raises
    ------
    ContractError : another class than S and V
    """
    neutral = {"S": ("Q",), "V": ("F", "Q")}.get(aami_class)
    if neutral is None:
        raise ContractError(f"EC57 has class figures for S and V, not for {aami_class!r}")
    at = REF_ROWS.index(aami_class)
    tp = int(matrix[at, at])
    fn = int(matrix[at].sum()) - tp
    others = [i for i, name in enumerate(REF_ROWS) if i != at and name not in neutral]
    fp = int(matrix[others, at].sum())
    not_class = [i for i in range(len(REF_ROWS)) if i != at]
    tn = int(np.delete(matrix[not_class], [at, 5, 6], axis=1).sum())
    return {
        "se": _percent(tp, tp + fn),
        "ppv": _percent(tp, tp + fp),
        "fpr": _percent(fp, tn + fp),
    }


def shutdown_seconds(
    spans: Sequence[Span], *, fs: float, n_samples: int, learning_s: float = LEARNING_S
) -> float:
    """Time in shutdown within the test period, s."""
    start = round(learning_s * fs)
    clipped = ((max(first, start), min(last, n_samples - 1)) for first, last in spans)
    return sum(max(0, last - first + 1) for first, last in clipped) / fs


def summarise_qrs(
    per_record: Mapping[str, QrsCounts], *, n_bootstrap: int = 2000, seed: int = 57
) -> QrsSummary:
    """Gross and average figures, with intervals from a bootstrap over records.

    Records, not beats, are drawn: the beats of one person fail together.

    Raises
    ------
    InputError : no record
    """
    if not per_record:
        raise InputError("no record to summarise: give at least one scored record")
    counts = list(per_record.values())
    table = np.array([(c.tp, c.fn, c.fp) for c in counts], dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(len(counts), size=(n_bootstrap, len(counts)))
    tp, fn, fp = table[drawn].sum(axis=1).T
    with np.errstate(invalid="ignore"):
        se, ppv = 100 * tp / (tp + fn), 100 * tp / (tp + fp)
        rows_se = 100 * table[:, 0] / (table[:, 0] + table[:, 1])
        rows_ppv = 100 * table[:, 0] / (table[:, 0] + table[:, 2])
    return QrsSummary(
        n_records=len(counts),
        counts=sum(counts, QrsCounts(0, 0, 0)),
        se_average=_mean(rows_se),
        ppv_average=_mean(rows_ppv),
        se_ci=_interval(se),
        ppv_ci=_interval(ppv),
    )


def _enter(
    ref: NDArray[np.int64],
    test: NDArray[np.int64],
    window: int,
    start: int,
    first_ref: int,
    first_test: int,
) -> tuple[list[tuple[int, int]], int, int]:
    """Pair across the start of the test period, as `bxb` does before its main loop."""
    if first_ref >= len(ref):
        return [], first_ref, first_test
    time_ref, next_test = int(ref[first_ref]), _at(test, first_test)
    if first_test > 0:
        before = time_ref - int(test[first_test - 1])
        if before <= window and before < abs(time_ref - next_test):
            return [(first_ref, first_test - 1)], first_ref + 1, first_test
    # A beat right after the start may belong to a reference beat right before it.
    after_next = _at(test, first_test + 1)
    if next_test - start <= window and abs(time_ref - after_next) < abs(time_ref - next_test):
        return [], first_ref, first_test + 1
    return [], first_ref, first_test


def _at(beats: NDArray[np.int64], index: int) -> int:
    """Sample of a beat, or one that is never reached."""
    return int(beats[index]) if index < len(beats) else 1 << 62


def _inside(sample: int, spans: Sequence[Span]) -> bool:
    return any(first <= sample <= last for first, last in spans)


def _vf_spans(samples: NDArray[np.int64], symbols: Sequence[str]) -> tuple[Span, ...]:
    """Stretches from `[` to `]`; one that is never closed lasts to the end."""
    spans: list[Span] = []
    onset = -1
    for sample, symbol in zip(samples, symbols, strict=True):
        if symbol == "[" and onset < 0:
            onset = int(sample)
        elif symbol == "]" and onset >= 0:
            spans.append((onset, int(sample)))
            onset = -1
    if onset >= 0:
        spans.append((onset, 1 << 62))
    return tuple(spans)


def _check_ascending(beats: NDArray[np.int64]) -> None:
    if len(beats) > 1 and not bool(np.all(np.diff(beats) > 0)):
        at = int(np.argmax(np.diff(beats) <= 0))
        raise ContractError(
            "the device's beats must be strictly ascending, "
            f"got {beats[at]} then {beats[at + 1]}: check the detector's order"
        )


def _percent(part: int, whole: int) -> float:
    return 100.0 * part / whole if whole else float("nan")


def _mean(values: NDArray[np.float64]) -> float:
    """Mean of what is defined, NaN where nothing is."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _interval(values: NDArray[np.float64]) -> Interval:
    defined = values[np.isfinite(values)]
    if not len(defined):
        return Interval(float("nan"), float("nan"))
    low, high = np.percentile(defined, [2.5, 97.5])
    return Interval(float(low), float(high))
