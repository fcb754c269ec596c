"""What is wrong with a model is told until it answers, and once in any case."""

import logging

import pytest

from edge.model_health import ModelHealth


def test_a_model_that_always_answers_is_not_spoken_of() -> None:
    health = ModelHealth()
    health.told_of("ecg-beat", "")
    assert health.problems() == {}


def test_a_model_that_fails_is_told_of_until_it_answers() -> None:
    health = ModelHealth()
    health.told_of("ecg-beat", "boom")
    health.told_of("ecg-rhythm", "")
    assert [health.problems(), health.problems()] == [{"ecg-beat": "boom"}] * 2
    health.told_of("ecg-beat", "bang")
    assert health.problems() == {"ecg-beat": "bang"}
    health.told_of("ecg-beat", "")
    assert health.problems() == {}


def test_a_failure_between_two_looks_is_seen() -> None:
    health = ModelHealth()
    health.told_of("ecg-beat", "boom")
    health.told_of("ecg-beat", "")
    assert [health.problems(), health.problems()] == [{"ecg-beat": "boom"}, {}]


def test_the_log_has_the_change_not_every_call(caplog: pytest.LogCaptureFixture) -> None:
    health = ModelHealth()
    with caplog.at_level(logging.INFO, "edge.model_health"):
        for problem in ["", "boom", "boom", "boom", "", ""]:
            health.told_of("ecg-beat", problem)
    assert caplog.messages == ["a model gives no answers", "a model answers again"]
