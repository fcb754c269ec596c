"""Topics: there and back, and every way of being refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitalwire import topics
from vitalwire.contracts import Signal
from vitalwire.errors import ContractError, WireError, WireReason
from vitalwire.topics import Leaf, Topic

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", fullmatch=True)
DEVICES = NAMES.filter(lambda name: name not in ("bridge", "gateway"))
OF_SIGNAL = (Leaf.CHUNK, Leaf.INFO, Leaf.EVENTS)


@given(NAMES, DEVICES, st.sampled_from(Leaf), st.sampled_from(Signal))
def test_round_trip(site: str, device: str, leaf: Leaf, signal: Signal) -> None:
    if leaf in OF_SIGNAL:
        text = topics.signal_topic(site, device, signal, leaf)
        assert topics.parse(text) == Topic(site, device, leaf, signal)
    else:
        text = topics.device_topic(site, device, leaf)
        assert topics.parse(text) == Topic(site, device, leaf)
    assert str(topics.parse(text)) == text


def test_golden_topics() -> None:
    assert (
        topics.signal_topic("ward-1", "w1", Signal.ECG, Leaf.CHUNK)
        == "vitalwire/v1/ward-1/w1/ecg/chunk"
    )
    assert (
        topics.device_topic("ward-1", "w1", Leaf.ALARMS_ACTIVE)
        == "vitalwire/v1/ward-1/w1/alarms/active"
    )
    assert topics.bridge_status("ward-1", "b1") == "vitalwire/v1/ward-1/bridge/b1/status"
    assert topics.gateway_status("ward-1", "g1") == "vitalwire/v1/ward-1/gateway/g1/status"
    assert topics.gateway_subscriptions("ward-1") == [
        "vitalwire/v1/ward-1/+/+/chunk",
        "vitalwire/v1/ward-1/+/+/info",
        "vitalwire/v1/ward-1/+/status",
        "vitalwire/v1/ward-1/+/command",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "vitalwire",
        "vitalwire/v1",
        "vitalwire/v1/",
        "vitalwire/v1/s/w1",
        "vitalwire/v2/s/w1/status",
        "Vitalwire/v1/s/w1/status",
        "/vitalwire/v1/s/w1/status",
        "vitalwire/v1/s/w1/status/",
        "vitalwire/v1/s/w1/status\n",
        "vitalwire/v1/s/w1/chunk",
        "vitalwire/v1/s/w1/ecg/status",
        "vitalwire/v1/s/w1/ecg/chunk/more",
        "vitalwire/v1/s/w1/ecg/alarms/active",
        "vitalwire/v1/s/w1/alarms",
        "vitalwire/v1//w1/status",
        "vitalwire/v1/s//status",
        "vitalwire/v1/s/+/status",
        "vitalwire/v1/s/../status",
        "vitalwire/v1/s/w 1/status",
        "vitalwire/v1/s/wé/status",
        f"vitalwire/v1/s/{'w' * 65}/status",
        "vitalwire/v1/s/bridge/status",
        "vitalwire/v1/s/gateway/g1/status",
        "x" * 100_000,
    ],
)
def test_what_is_no_topic_of_ours(text: str) -> None:
    with pytest.raises(WireError) as caught:
        topics.parse(text)
    assert caught.value.reason is WireReason.BAD_TOPIC
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("signal", ["ppg", "ECG", "", "ecg ", "\udcff", "e" * 60_000])
def test_an_unknown_signal(signal: str) -> None:
    with pytest.raises(WireError) as caught:
        topics.parse(f"vitalwire/v1/s/w1/{signal}/chunk")
    assert caught.value.reason is WireReason.UNKNOWN_SIGNAL
    assert len(str(caught.value)) < 500


@given(st.text(max_size=80))
def test_nothing_but_wire_errors(text: str) -> None:
    for topic in (text, f"{topics.ROOT}/{text}", f"{topics.ROOT}/s/w1/{text}"):
        with suppress(WireError):
            assert str(topics.parse(topic)) == topic


@pytest.mark.parametrize("name", ["", "-a", "a/b", "a b", "+", "#", "a" * 65, "é"])
def test_a_name_that_is_no_level_is_refused_when_a_topic_is_made(name: str) -> None:
    with pytest.raises(ContractError, match="site must be"):
        topics.device_topic(name, "w1", Leaf.STATUS)
    with pytest.raises(ContractError, match="device must be"):
        topics.signal_topic("s", name, Signal.ECG, Leaf.CHUNK)
    with pytest.raises(ContractError, match="bridge must be"):
        topics.bridge_status("s", name)


@pytest.mark.parametrize("name", ["bridge", "gateway"])
def test_reserved_words_are_no_devices(name: str) -> None:
    with pytest.raises(ContractError, match="reserved"):
        topics.device_topic("s", name, Leaf.STATUS)
    assert topics.device_topic(name, "w1", Leaf.STATUS)


def test_a_leaf_belongs_to_a_signal_or_to_a_device() -> None:
    with pytest.raises(ContractError, match="of a device"):
        topics.signal_topic("s", "w1", Signal.ECG, Leaf.STATUS)
    with pytest.raises(ContractError, match="of a signal"):
        topics.device_topic("s", "w1", Leaf.CHUNK)
