"""The gateway's own alarms: of its disk, of its models."""

import json

from edge.gateway_alarms import GatewayAlarms
from vitalwire.contracts import AlarmEvent, AlarmKind, AlarmPhase

NOW_NS = 1_772_366_400_000_000_000
S = 10**9
FAILED = {"ecg-rhythm": "RuntimeError:\n no room"}


def phases(events: list[AlarmEvent]) -> list[tuple[AlarmKind, AlarmPhase]]:
    return [(event.kind, event.phase) for event in events]


def test_a_model_that_fails_is_an_alarm_until_it_answers_for_long_enough() -> None:
    alarms = GatewayAlarms("ward", "gateway-1")
    assert alarms.models({}, NOW_NS) == []
    (start,) = alarms.models(FAILED, NOW_NS)
    assert (start.kind, start.phase) == (AlarmKind.MODEL_FAILED, AlarmPhase.START)
    assert start.device == "gateway-1"
    assert "fibrillation are not seen (ecg-rhythm: RuntimeError: no room)" in start.message
    assert alarms.models(FAILED, NOW_NS + S) == []
    told: list[AlarmEvent] = []
    for second in range(2, 60):
        told += alarms.models({}, NOW_NS + second * S)
        told += alarms.tick(NOW_NS + second * S)
    assert phases(told) == [(AlarmKind.MODEL_FAILED, AlarmPhase.END)]
    assert told[0].alarm_id == start.alarm_id
    assert told[0].ended_ns == NOW_NS + 2 * S
    assert alarms.open() == []


def test_a_model_that_comes_and_goes_is_one_alarm() -> None:
    alarms = GatewayAlarms("ward", "gateway-1")
    told = []
    for second in range(120):
        now_ns = NOW_NS + second * S
        told += alarms.models(FAILED if second % 8 == 0 else {}, now_ns)
        told += alarms.tick(now_ns)
    assert len({event.alarm_id for event in told}) == 1
    assert [event.phase for event in told].count(AlarmPhase.START) == 1
    assert alarms.open()[0].evidence["episodes"] in (14, 15)  # news waits up to 10 s


def test_a_second_model_that_fails_is_added_to_the_alarm() -> None:
    alarms = GatewayAlarms("ward", "gateway-1")
    alarms.models(FAILED, NOW_NS)
    told = alarms.models({**FAILED, "ecg-beat": "MemoryError"}, NOW_NS + S)
    for second in range(2, 15):
        told += alarms.tick(NOW_NS + second * S)
    assert phases(told) == [(AlarmKind.MODEL_FAILED, AlarmPhase.UPDATE)]
    assert "(ecg-beat: MemoryError)" in told[0].message
    assert "(ecg-rhythm: RuntimeError: no room)" in told[0].message


def test_disk_and_models_are_alarms_of_their_own() -> None:
    alarms = GatewayAlarms("ward", "gateway-1")
    told = [*alarms.disk("full", NOW_NS), *alarms.models(FAILED, NOW_NS)]
    assert {event.kind for event in told} == {AlarmKind.DISK_FULL, AlarmKind.MODEL_FAILED}
    (end,) = alarms.disk("", NOW_NS + S)
    assert (end.kind, end.phase) == (AlarmKind.DISK_FULL, AlarmPhase.END)
    assert [event.kind for event in alarms.open()] == [AlarmKind.MODEL_FAILED]


def test_a_restart_goes_on_with_the_alarm() -> None:
    alarms = GatewayAlarms("ward", "gateway-1")
    (start,) = alarms.models(FAILED, NOW_NS)
    after = GatewayAlarms("ward", "gateway-1")
    after.restore(json.loads(json.dumps(alarms.state())))
    assert after.models(FAILED, NOW_NS + S) == []
    told = after.models({}, NOW_NS + 2 * S)
    for second in range(3, 40):
        told += after.tick(NOW_NS + second * S)
    assert [(event.alarm_id, event.phase) for event in told] == [
        (start.alarm_id, AlarmPhase.END)
    ]
