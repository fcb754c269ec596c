"""The shipped broker configuration on the real broker: what it keeps, what it refuses."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from tests.deploy.broker import DEPLOY, ShippedMosquitto, certificate, password_of
from tests.servers import HOST, wait_until

BASE = "vitalwire/v1/home"
CHUNKS = f"{BASE}/+/+/chunk"
MANY = 3_000
SUCCESS, NO_SUBSCRIBERS, NOT_AUTHORIZED = 0, 16, 135  # PUBACK reason codes, MQTT 5, 3.4.2.1
KEPT_S = 1_000


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ShippedMosquitto]:
    with ShippedMosquitto(tmp_path_factory.mktemp("shipped")) as server:
        yield server


class Client:
    """A connection of one user, MQTT 5, with what it received and how each publish went."""

    def __init__(
        self, port: int, user: str | None, client_id: str, ca_file: Path | None = None
    ) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.pubacks: dict[int, int] = {}
        self.connack: int | None = None
        self.subscribed = False
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5
        )
        if user is not None:
            self._client.username_pw_set(user, password_of(user))
        if ca_file is not None:
            self._client.tls_set(str(ca_file))
        self._client.max_inflight_messages_set(1000)
        self._client.on_connect = self._connected
        self._client.on_message = self._message
        self._client.on_publish = self._puback
        self._client.on_subscribe = self._suback
        session = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        session.SessionExpiryInterval = KEPT_S
        self._client.connect(HOST, port, clean_start=False, properties=session)
        self._client.loop_start()
        wait_until(lambda: self.connack is not None, f"no CONNACK for {user}")

    def _connected(self, *args: object) -> None:
        reason = args[3]
        assert isinstance(reason, ReasonCode)
        self.connack = reason.value

    def _message(self, _client: object, _userdata: object, message: paho.MQTTMessage) -> None:
        self.got.append((message.topic, bytes(message.payload)))

    def _puback(self, *args: object) -> None:
        mid, reason = args[2:4]
        assert isinstance(mid, int)
        assert isinstance(reason, ReasonCode)
        self.pubacks[mid] = reason.value

    def _suback(self, *_: object) -> None:
        self.subscribed = True

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)
        wait_until(lambda: self.subscribed, "no SUBACK")

    def publish(self, topic: str, payload: bytes = b"x") -> int:
        """Publish at QoS 1; the reason code in the broker's PUBACK."""
        mid = self._client.publish(topic, payload, qos=1).mid
        wait_until(lambda: mid in self.pubacks, f"no PUBACK for {topic}")
        return self.pubacks[mid]

    def publish_many(self, topic: str, payloads: list[bytes]) -> None:
        for payload in payloads:
            self._client.publish(topic, payload, qos=1)
        wait_until(lambda: len(self.pubacks) == len(payloads), "not all acknowledged")

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@contextmanager
def connected(
    broker: ShippedMosquitto, user: str | None, client_id: str = ""
) -> Iterator[Client]:
    client = Client(broker.port, user, client_id or f"test-{user}", broker.ca_file)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture(scope="module")
def clients(broker: ShippedMosquitto) -> Iterator[Callable[[str], Client]]:
    """One connection for each user, kept."""
    opened: dict[str, Client] = {}

    def of(user: str) -> Client:
        if user not in opened:
            opened[user] = Client(broker.port, user, f"kept-{user}")
        return opened[user]

    yield of
    for client in opened.values():
        client.close()


def _messages() -> list[bytes]:
    return [f"{i:05d}".encode() * 30 for i in range(MANY)]


def _queue_for_an_absent_gateway(broker: ShippedMosquitto) -> None:
    with connected(broker, "gateway-1", "gateway") as gateway:
        gateway.subscribe(CHUNKS)
    with connected(broker, "belt-3") as device:
        device.publish_many(f"{BASE}/belt-3/ecg/chunk", _messages())


def test_what_was_queued_for_an_absent_client_all_arrives(broker: ShippedMosquitto) -> None:
    _queue_for_an_absent_gateway(broker)
    with connected(broker, "gateway-1", "gateway") as gateway:
        wait_until(lambda: len(gateway.got) >= MANY, "the queue did not arrive")
        assert [payload for _, payload in gateway.got] == _messages()


def test_the_queue_survives_a_restart_of_the_broker(tmp_path: Path) -> None:
    with ShippedMosquitto(tmp_path) as broker:
        _queue_for_an_absent_gateway(broker)
        broker.stop()
        broker.start()
        with connected(broker, "gateway-1", "gateway") as gateway:
            wait_until(lambda: len(gateway.got) >= MANY, "the queue did not arrive")
            assert [payload for _, payload in gateway.got] == _messages()


def test_the_queue_is_saved_before_a_crash(tmp_path: Path) -> None:
    faster = {"autosave_interval 5": "autosave_interval 1"}
    with ShippedMosquitto(tmp_path, faster) as broker:
        _queue_for_an_absent_gateway(broker)
        database, queued_ns = tmp_path / "data/mosquitto.db", time.time_ns()
        wait_until(
            lambda: database.exists() and database.stat().st_mtime_ns > queued_ns,
            "the broker did not save its queue",
        )
        broker.kill()
        broker.start()
        with connected(broker, "gateway-1", "gateway") as gateway:
            wait_until(lambda: len(gateway.got) >= MANY, "the queue did not arrive")


def test_the_queue_is_bounded_in_bytes(tmp_path: Path) -> None:
    half = sum(map(len, _messages())) // 2
    bound = {"max_queued_bytes 100000000": f"max_queued_bytes {half}"}
    with ShippedMosquitto(tmp_path, bound) as broker:
        _queue_for_an_absent_gateway(broker)
        with connected(broker, "gateway-1", "gateway") as gateway:
            wait_until(lambda: len(gateway.got) >= MANY // 2, "half of it did not arrive")
            assert gateway.publish(f"{BASE}/belt-3/vitals") == NO_SUBSCRIBERS  # a round trip
            assert len(gateway.got) < 0.6 * MANY
            assert [payload for _, payload in gateway.got] == _messages()[: len(gateway.got)]


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("belt-3", f"{BASE}/belt-3/ecg/chunk"),
        ("belt-3", f"{BASE}/belt-3/ecg/info"),
        ("belt-3", f"{BASE}/belt-3/status"),
        ("bridge-1", f"{BASE}/demo/ecg/chunk"),
        ("bridge-1", f"{BASE}/demo/ecg/info"),
        ("bridge-1", f"{BASE}/demo/status"),
        ("bridge-1", f"{BASE}/bridge/bridge-1/status"),
        ("gateway-1", f"{BASE}/belt-3/ecg/events"),
        ("gateway-1", f"{BASE}/belt-3/vitals"),
        ("gateway-1", f"{BASE}/belt-3/alarm"),
        ("gateway-1", f"{BASE}/gateway-1/alarm"),
        ("gateway-1", f"{BASE}/belt-3/alarms/active"),
        ("gateway-1", f"{BASE}/belt-3/receipt"),
        ("gateway-1", f"{BASE}/gateway/gateway-1/status"),
        ("feed", f"{BASE}/belt-3/command"),
    ],
)
def test_each_may_publish_what_is_its_own(
    clients: Callable[[str], Client], user: str, topic: str
) -> None:
    assert clients(user).publish(topic) in (SUCCESS, NO_SUBSCRIBERS)


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("belt-3", f"{BASE}/belt-4/ecg/chunk"),
        ("belt-3", f"{BASE}/belt-4/status"),
        ("belt-3", f"{BASE}/belt-3/alarm"),
        ("belt-3", f"{BASE}/belt-3/alarms/active"),
        ("belt-3", f"{BASE}/belt-3/command"),
        ("belt-3", f"{BASE}/gateway/belt-3/status"),
        ("belt-3", "vitalwire/v1/elsewhere/belt-3/ecg/chunk"),
        ("bridge-1", f"{BASE}/belt-3/ecg/chunk"),
        ("bridge-1", f"{BASE}/bridge/bridge-2/status"),
        ("gateway-1", f"{BASE}/belt-3/ecg/chunk"),
        ("gateway-1", f"{BASE}/belt-3/command"),
        ("gateway-1", f"{BASE}/gateway/gateway-2/status"),
        ("feed", f"{BASE}/belt-3/alarm"),
        ("feed", f"{BASE}/belt-3/receipt"),
    ],
)
def test_nobody_may_publish_for_another(
    clients: Callable[[str], Client], user: str, topic: str
) -> None:
    assert clients(user).publish(topic) == NOT_AUTHORIZED


def test_a_device_reads_nothing_of_another(broker: ShippedMosquitto) -> None:
    with connected(broker, "belt-4", "nosy") as nosy, connected(broker, "feed") as feed:
        nosy.subscribe("#")
        feed.subscribe(f"{BASE}/#")
        with connected(broker, "belt-3") as device:
            device.publish(f"{BASE}/belt-3/ecg/chunk", b"secret")
        wait_until(lambda: (f"{BASE}/belt-3/ecg/chunk", b"secret") in feed.got, "feed is deaf")
        assert nosy.got == []


@pytest.mark.parametrize("user", [None, "nobody"])
def test_nobody_connects_without_a_password_of_his_own(
    broker: ShippedMosquitto, user: str | None
) -> None:
    with connected(broker, user, "stranger") as client:
        assert client.connack in (ReasonCode(PacketTypes.CONNACK, "Not authorized").value, 134)


@pytest.fixture
def tls_broker(tmp_path: Path) -> Iterator[ShippedMosquitto]:
    """The broker with the shipped TLS listener, and a certificate of its own."""
    certificate(tmp_path)
    with ShippedMosquitto(tmp_path, listener="tls") as server:
        yield server


def test_over_tls_nobody_takes_the_gateways_client_id(tls_broker: ShippedMosquitto) -> None:
    topic = f"{BASE}/belt-3/ecg/chunk"
    with connected(tls_broker, "gateway-1", "vitalwire-edge-home-gateway-1") as gateway:
        gateway.subscribe(CHUNKS)
        with connected(tls_broker, "belt-3", "vitalwire-edge-home-gateway-1") as device:
            assert device.publish(topic, b"mine") == SUCCESS
            wait_until(lambda: gateway.got == [(topic, b"mine")], "the gateway was pushed out")


def test_the_compose_listener_is_the_local_one_without_its_address() -> None:
    local, compose = (
        [
            line
            for line in (DEPLOY / f"mosquitto/listeners/{name}.conf").read_text().splitlines()
            if not line.startswith("#")
        ]
        for name in ("local", "compose")
    )
    assert local == [f"{compose[0]} {HOST}"]
