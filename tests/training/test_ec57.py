"""EC57 scoring on cases worked out by hand from the source of `bxb`."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from training import ec57
from training.ec57 import QrsCounts, Reference
from vitalwire.errors import ContractError, InputError

FS = 360.0
WINDOW = 54  # 150 ms


def beats(*samples: int) -> NDArray[np.int64]:
    return np.array(samples, dtype=np.int64)


def reference(
    *samples: int, classes: str = "", vf_spans: tuple[ec57.Span, ...] = ()
) -> Reference:
    labels = classes or "N" * len(samples)
    return Reference(beats(*samples), np.array(list(labels)), vf_spans)


def counts(
    ref: Reference, test: NDArray[np.int64], shutdown: tuple[ec57.Span, ...] = ()
) -> tuple[int, int, int]:
    pairs = ec57.compare(ref, test, fs=FS, shutdown_spans=shutdown, learning_s=0.0)
    result = ec57.count_qrs(pairs)
    return result.tp, result.fn, result.fp


def test_every_beat_found() -> None:
    assert counts(reference(1000, 1300, 1600), beats(1002, 1290, 1601)) == (3, 0, 0)


def test_window_includes_150_ms_and_no_sample_more() -> None:
    assert counts(reference(1000), beats(1054)) == (1, 0, 0)
    assert counts(reference(1000), beats(946)) == (1, 0, 0)
    assert counts(reference(1000), beats(1055)) == (0, 1, 1)
    assert counts(reference(1000), beats(945)) == (0, 1, 1)


def test_missed_and_invented() -> None:
    assert counts(reference(1000, 1300, 1600), beats(1000, 1450, 1600)) == (2, 1, 1)
    assert counts(reference(1000), beats()) == (0, 1, 0)


def test_a_device_beat_waits_for_the_closer_one() -> None:
    # 960 is within the window of 1000, but 1010 comes closer to it.
    assert ec57.match_beats(beats(1000), beats(960, 1010), window=WINDOW) == [
        (-1, 0),
        (0, 1),
    ]


def test_a_reference_beat_yields_to_the_closer_one() -> None:
    # 1000 is 50 from 1050, but the next reference beat, 1060, is 10 from it.
    assert ec57.match_beats(beats(1000, 1060), beats(1050), window=WINDOW) == [
        (0, -1),
        (1, 0),
    ]


def test_of_two_equally_close_beats_the_later_one_is_paired() -> None:
    # bxb pairs only when strictly closer than the next one.
    assert ec57.match_beats(beats(1000), beats(980, 1020), window=WINDOW) == [
        (-1, 0),
        (0, 1),
    ]


def test_learning_time_is_not_scored() -> None:
    ref = reference(1000, 107_000, 108_500, 109_000)
    pairs = ec57.compare(ref, beats(2000, 108_500, 109_000), fs=FS)
    assert ec57.count_qrs(pairs) == QrsCounts(tp=2, fn=0, fp=0)


def test_a_beat_just_before_the_start_may_match_the_first_one() -> None:
    # bxb: the last device beat of the learning time, 15 before the first reference beat.
    assert ec57.match_beats(beats(1005), beats(990), window=WINDOW, start=1000) == [(0, 0)]
    # ... unless the next device beat is closer.
    assert ec57.match_beats(beats(1005), beats(990, 1006), window=WINDOW, start=1000) == [
        (0, 1)
    ]


def test_a_beat_just_after_the_start_may_belong_to_one_before_it() -> None:
    # 1010 matches 990, which is learning time: not an invented beat.
    assert ec57.match_beats(beats(990, 1300), beats(1010, 1300), window=WINDOW, start=1000) == [
        (1, 1)
    ]


def test_vf_counts_on_neither_side() -> None:
    symbols = ["N", "[", "!", "N", "]", "N"]
    ref = ec57.read_reference("207", beats(1000, 1300, 1500, 1700, 2000, 2300), symbols)
    assert ref.samples.tolist() == [1000, 2300]
    assert counts(ref, beats(1000, 1500, 1750, 2300)) == (2, 0, 0)
    assert counts(ref, beats(1000, 1150, 1500, 2300)) == (2, 0, 1)


def test_vf_that_never_ends() -> None:
    ref = ec57.read_reference("x", beats(1000, 1300, 1500), ["N", "[", "N"])
    assert counts(ref, beats(1000, 5000)) == (1, 0, 0)


def test_beats_in_shutdown_are_missed_even_when_reported() -> None:
    ref = reference(1000, 1300, 1600)
    pairs = ec57.compare(
        ref, beats(1000, 1300, 1600), fs=FS, shutdown_spans=[(1200, 1400)], learning_s=0.0
    )
    assert ec57.count_qrs(pairs, shutdown_s=0.5) == QrsCounts(2, 1, 0, 0.5)
    assert pairs.test_class.tolist() == ["N", "X", "N"]


def test_shutdown_time_counts_within_the_test_period() -> None:
    spans = [(0, 3599), (107_640, 108_359), (109_000, 200_000)]
    seconds = ec57.shutdown_seconds(spans, fs=FS, n_samples=109_360)
    assert seconds == pytest.approx(1.0 + 1.0)


def test_confusion_matrix_and_class_figures() -> None:
    #       ref: N N N S S V V F Q and an invented V; test as below
    ref = reference(*range(1000, 10_000, 1000), classes="NNNSSVVFQ")
    test = beats(1000, 2000, 3000, 4000, 5000, 6000, 8000, 9000, 9500)
    called = np.array(list("NSVSNVVVV"))  # 7000 (V) is missed
    pairs = ec57.compare(ref, test, fs=FS, test_classes=called, learning_s=0.0)
    matrix = ec57.confusion_matrix(pairs)
    n, s, v, f, q, o, _ = range(7)
    expected = np.zeros((7, 7), dtype=np.int64)
    for row, column in (
        (n, n), (n, s), (n, v), (s, s), (s, n), (v, v), (v, o), (f, v), (q, v), (o, v),
    ):  # fmt: skip
        expected[row, column] += 1
    np.testing.assert_array_equal(matrix, expected)
    # V: found 1 of 2; false: the N and the invented one, not the F and the Q.
    figures = ec57.class_figures(matrix, "V")
    assert figures["se"] == pytest.approx(50.0)
    assert figures["ppv"] == pytest.approx(100 / 3)
    # S: found 1 of 2; false: one N.
    figures = ec57.class_figures(matrix, "S")
    assert (figures["se"], figures["ppv"]) == (50.0, 50.0)
    with pytest.raises(ContractError, match="not for 'F'"):
        ec57.class_figures(matrix, "F")


def test_classes_of_de_chazal() -> None:
    ref = ec57.read_reference("x", np.arange(9), list("NLejaVEF/"))
    assert "".join(ref.classes) == "NNNNSVVFQ"


def test_gross_average_and_interval() -> None:
    summary = ec57.summarise_qrs({"a": QrsCounts(90, 10, 0), "b": QrsCounts(900, 0, 100)})
    assert summary.counts.se == pytest.approx(99.0)
    assert summary.se_average == pytest.approx(95.0)
    assert summary.ppv_average == pytest.approx((100 + 90) / 2)
    # Two records: the interval spans from the one twice to the other twice.
    assert summary.se_ci.low == pytest.approx(90)
    assert summary.se_ci.high == pytest.approx(100)
    again = ec57.summarise_qrs({"a": QrsCounts(90, 10, 0), "b": QrsCounts(900, 0, 100)})
    assert summary == again


def test_selected_spans() -> None:
    pairs = ec57.compare(reference(1000, 2000), beats(1000, 1500, 2000), fs=FS, learning_s=0.0)
    inside = ec57.count_qrs(ec57.select_spans(pairs, [(1400, 1600)]))
    assert (inside.tp, inside.fn, inside.fp) == (0, 0, 1)


def test_nothing_to_score_is_not_a_number() -> None:
    assert math.isnan(QrsCounts(0, 0, 0).se)
    assert math.isnan(QrsCounts(0, 0, 0).ppv)


def test_bad_input() -> None:
    with pytest.raises(InputError, match=r"record x: unknown annotation symbols \['&'\]"):
        ec57.read_reference("x", beats(1), ["&"])
    with pytest.raises(InputError, match="hold no beat"):
        ec57.read_reference("x", beats(1), ["+"])
    with pytest.raises(ContractError, match="2 annotation samples but 1"):
        ec57.read_reference("x", beats(1, 2), ["N"])
    with pytest.raises(ContractError, match="ascending, got 5 then 5"):
        counts(reference(1), beats(5, 5))
    with pytest.raises(InputError, match="no record"):
        ec57.summarise_qrs({})
