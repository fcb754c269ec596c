"""The API without a broker: who may ask, and what bad requests get."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from cloud.api import STATIC, make_app
from cloud.feed import Feed
from tests.cloud.conftest import settings_for
from tests.cloud.fake_gateway import T0_NS, alarm, vitals
from vitalwire import messages

HOST = "http://127.0.0.1:8080"
ACKNOWLEDGE = "/api/alarms/a1/acknowledge"


def make_feed(folder: Path, **more: object) -> Feed:
    feed = Feed(settings_for(1, folder, **more), clock_ns=lambda: T0_NS)
    feed.receive("vitalwire/v1/ward/bed-1/alarm", messages.dump(alarm()))
    feed.receive("vitalwire/v1/ward/bed-1/vitals", messages.dump(vitals()))
    return feed


def client_of(feed: Feed, base_url: str = HOST) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(make_app(feed), raise_app_exceptions=True)
    return httpx.AsyncClient(transport=transport, base_url=base_url)


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(make_feed(tmp_path)) as client:
        yield client


async def test_devices_and_alarms_as_json(client: httpx.AsyncClient) -> None:
    (device,) = (await client.get("/api/devices")).json()
    assert device["vitals"]["ecg"]["heart_rate_bpm"] == 72.0
    (found,) = (await client.get("/api/alarms")).json()
    assert (found["alarm_id"], found["onset_ms"]) == ("a1", T0_NS // 10**6)


async def test_every_answer_carries_the_headers(client: httpx.AsyncClient) -> None:
    for path in ("/", "/static/js/main.js", "/api/devices", "/nothing"):
        headers = (await client.get(path)).headers
        assert headers["content-security-policy"].startswith("default-src 'self';"), path
        assert headers["x-content-type-options"] == "nosniff"
    assert (await client.get("/api/devices")).headers["cache-control"] == "no-store"


def test_the_page_takes_nothing_from_elsewhere_and_no_html_from_outside() -> None:
    for file in [*STATIC.rglob("*.js"), *STATIC.rglob("*.html"), *STATIC.rglob("*.css")]:
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        for word in ("http:", "https:", "innerHTML", "outerHTML", "insertAdjacentHTML",
                     "document.write", "eval(", "@import", " style=", "onclick="):  # fmt: skip
            assert word not in text, f"{word} in {file.name}"


async def test_a_name_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    feed = make_feed(tmp_path, allowed_hosts=("feed.ward.example",))
    for host, code in [
        ("evil.example", 421), ("feed.ward.example", 200), ("localhost:8080", 200),
        ("192.168.1.5:8080", 200), ("[::1]:8080", 200), ("", 421),
    ]:  # fmt: skip
        async with client_of(feed) as client:
            answer = await client.get("/api/devices", headers={"host": host})
        assert answer.status_code == code, host


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
async def test_another_site_cannot_acknowledge(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await client.post(ACKNOWLEDGE, json={"by": "NS"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b'{"by":"NS"}', "text/plain", 415),
        (b"by=NS", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 422),
        (b"[]", "application/json", 422),
        (b"{}", "application/json", 422),
        (b'{"by":" "}', "application/json", 422),
        (b'{"by":"%s"}' % (b"x" * 65), "application/json", 422),
        (b'{"by":"%s"}' % (b"x" * 9999), "application/json", 413),
        (b'\xff\xfe"', "application/json", 422),
    ],
)
async def test_bad_bodies(
    client: httpx.AsyncClient, content: bytes, kind: str, code: int
) -> None:
    answer = await client.post(ACKNOWLEDGE, content=content, headers={"content-type": kind})
    assert answer.status_code == code, answer.text
    assert answer.json()["error"]


@pytest.mark.parametrize("snooze_s", [0, -1, 3601, "long", True, None])
async def test_bad_snoozes(client: httpx.AsyncClient, snooze_s: object) -> None:
    body = {"by": "NS", "snooze_s": snooze_s}
    assert (await client.post("/api/alarms/a1/snooze", json=body)).status_code == 422


async def test_unknown_alarm_and_no_broker(client: httpx.AsyncClient) -> None:
    unknown = await client.post("/api/alarms/nope/acknowledge", json={"by": "NS"})
    assert unknown.status_code == 404
    offline = await client.post(ACKNOWLEDGE, json={"by": "NS"})
    assert offline.status_code == 409
    assert "broker" in offline.json()["error"]


@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "before_ms=1e9", "before_ms=²"])
async def test_bad_history_queries(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/api/alarms?state=all&{query}")).status_code == 422


async def test_health_says_what_is_wrong(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/health")
    assert (answer.status_code, answer.json()["broker_connected"]) == (503, False)


async def test_with_a_token_nothing_is_told_without_it(tmp_path: Path) -> None:
    async with client_of(make_feed(tmp_path, access_token="open sesame")) as client:
        for path in ("/api/devices", "/api/alarms", "/api/stream", "/api/waveforms"):
            assert (await client.get(path)).status_code == 401, path
        assert (await client.get("/")).status_code == 200  # the page holds no data
        bearer = {"authorization": "Bearer open sesame"}
        assert (await client.get("/api/devices", headers=bearer)).status_code == 200
        bearer = {"authorization": "Bearer open"}
        assert (await client.get("/api/devices", headers=bearer)).status_code == 401
        answer = await client.post("/api/login", json={"token": "open sesame"})
        assert "HttpOnly" in answer.headers["set-cookie"]
        assert (await client.get("/api/devices")).status_code == 200


async def test_an_alarm_that_cannot_be_read_is_told_on_the_page(tmp_path: Path) -> None:
    feed = make_feed(tmp_path)
    feed.receive("vitalwire/v1/ward/bed-1/alarm", b"{}")
    feed.receive("vitalwire/v1/ward/bed-1/ecg/chunk", b"rubbish")
    assert feed.health()["unreadable"] == {"bad_json": 1, "alarm": 1, "truncated": 1}
    (link,) = [item.data for item in feed.ward.snapshot() if item.kind == "link"]
    assert isinstance(link, dict)
    assert "could not be read" in link["notices"][0]
