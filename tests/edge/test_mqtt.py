"""The adapter over paho, against a real broker."""

import asyncio

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.mqtt import MqttLink
from tests.servers import HOST, Mosquitto
from vitalwire.settings import BrokerSettings

TOPIC = "vitalwire/v1/mqtt/chest/status"


def link(port: int, client_id: str) -> MqttLink:
    return MqttLink(BrokerSettings(host=HOST, port=port), client_id, [TOPIC])


def connect_and_leave(port: int, client_id: str) -> None:
    """Make a session without a subscription, as a crash between CONNACK and SUBACK does."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id, clean_session=False)
    client.connect(HOST, port)
    while not client.is_connected():
        client.loop(0.1)
    client.disconnect()
    client.loop(0.1)


async def test_a_session_without_subscriptions_does_not_leave_it_deaf(
    mosquitto: Mosquitto,
) -> None:
    connect_and_leave(mosquitto.port, "deaf")
    async with link(mosquitto.port, "deaf") as one, link(mosquitto.port, "teller") as other:
        await one.first_connection(10)
        await other.first_connection(10)
        await other.publish(TOPIC, b"hear me")
        async with asyncio.timeout(10):
            (delivery,) = await one.receive(10)
        one.ack(delivery)
    assert delivery.payload == b"hear me"


async def test_a_kept_session_is_not_told_retained_messages_out_of_turn(
    own_mosquitto: Mosquitto,
) -> None:
    async with link(own_mosquitto.port, "keeper") as one:
        await one.first_connection(10)
    async with link(own_mosquitto.port, "teller") as other:
        await other.first_connection(10)
        await other.publish(TOPIC, b"first", retain=True)
        await other.publish(TOPIC, b"second", retain=True)
    async with link(own_mosquitto.port, "keeper") as one:
        await one.first_connection(10)
        heard: list[bytes] = []
        async with asyncio.timeout(10):
            while len(heard) < 2:
                for delivery in await one.receive(10):
                    heard.append(delivery.payload)
                    one.ack(delivery)
        await one.publish(TOPIC, b"third")
        async with asyncio.timeout(10):
            heard += [delivery.payload for delivery in await one.receive(10)]
    assert heard == [b"first", b"second", b"third"]


async def test_a_broker_restart_is_survived_within_seconds(own_mosquitto: Mosquitto) -> None:
    async with (
        link(own_mosquitto.port, "keeper") as one,
        link(own_mosquitto.port, "teller") as other,
    ):
        await one.first_connection(10)
        await other.first_connection(10)
        own_mosquitto.stop()
        own_mosquitto.start()
        async with asyncio.timeout(30):
            while not (one.connects == other.connects == 2):
                await asyncio.sleep(0.05)
            await other.publish(TOPIC, b"again")
            (delivery,) = await one.receive(10)
    assert delivery.payload == b"again"


async def test_a_puback_of_a_broken_connection_is_not_sent(
    own_mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """paho would queue it in front of its next CONNECT, for which a broker throws it out."""
    async with link(own_mosquitto.port, "late") as one:
        await one.first_connection(10)
        await one.publish(TOPIC, b"to be acknowledged late")
        async with asyncio.timeout(10):
            (delivery,) = await one.receive(10)
        acks: list[int] = []
        monkeypatch.setattr(one._client, "ack", lambda mid, _qos: acks.append(mid))
        own_mosquitto.stop()
        async with asyncio.timeout(10):
            while one._connection == delivery.connection:  # paho's thread has noticed
                await asyncio.sleep(0.01)
        one.ack(delivery)
        assert acks == []
