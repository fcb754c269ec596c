"""HTTP: what the page and other programs may ask. All times in ms since 1970."""

import hmac
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import anyio
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cloud.feed import Feed
from cloud.guard import COOKIE, LOGIN_PATH, Guard
from cloud.mailbox import Hub, Mailbox, P, Update
from cloud.pieces import WaveBox
from cloud.state import RefusedError
from cloud.views import View, to_ms
from vitalwire import __version__
from vitalwire.contracts import CommandAction
from vitalwire.errors import UnavailableError

STATIC: Final = Path(__file__).parent / "static"
HEARTBEAT_S: Final = 1.0
WAVE_BEAT_S: Final = 0.2  # at most five events a second to a reader, however many strips
SEND_TIMEOUT_S: Final = 30.0
MAX_READERS: Final = 256
MAX_BODY: Final = 4096
MAX_SNOOZE_S: Final = 3600
MAX_NAME: Final = 64
"""Letters of the name of who acknowledges."""


class Api:
    """The routes over one feed."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def routes(self) -> list[Route | Mount]:
        return [
            Route("/", self.page),
            Route("/api/devices", self.devices),
            Route("/api/alarms", self.alarms),
            Route("/api/alarms/{alarm_id}", self.alarm),
            Route("/api/alarms/{alarm_id}/acknowledge", self.acknowledge, methods=["POST"]),
            Route("/api/alarms/{alarm_id}/snooze", self.snooze, methods=["POST"]),
            Route("/api/health", self.health),
            Route(LOGIN_PATH, self.login, methods=["POST"]),
            Route("/api/stream", self.stream),
            Route("/api/waveforms", self.waveforms),
            Route("/api/devices/{device}/{signal}/waveform", self.waveform),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]

    async def page(self, request: Request) -> Response:
        del request
        return FileResponse(STATIC / "index.html")

    async def devices(self, request: Request) -> Response:
        del request
        return JSONResponse(self._snapshot("device"))

    async def alarms(self, request: Request) -> Response:
        """The open alarms; with `state=all` the history, the newest first."""
        if request.query_params.get("state", "open") == "open":
            return JSONResponse(self._snapshot("alarm"))
        before = _number(request, "before_ms")
        rows = await self._read_history(
            lambda: self._feed.history.alarms(
                request.query_params.get("device"),
                before * 1_000_000 if before is not None else None,
                max(1, _number(request, "limit") or 100),
            )
        )
        return JSONResponse([_row_view(row) for row in rows])

    async def alarm(self, request: Request) -> Response:
        """Every message of one alarm, and every command."""
        alarm_id = request.path_params["alarm_id"]
        events = await self._read_history(lambda: self._feed.history.events(alarm_id))
        commands = await self._read_history(lambda: self._feed.history.commands(alarm_id))
        if not events:
            raise HTTPException(404, "no alarm of this id")
        return JSONResponse(
            {
                "events": [_row_view(row) for row in events],
                "commands": [to_ms(row) for row in commands],
            }
        )

    async def acknowledge(self, request: Request) -> Response:
        return await self._command(request, CommandAction.ACKNOWLEDGE)

    async def snooze(self, request: Request) -> Response:
        return await self._command(request, CommandAction.SNOOZE)

    async def health(self, request: Request) -> Response:
        del request
        health = self._feed.health()
        return JSONResponse({**health, "version": __version__}, 200 if health["ok"] else 503)

    async def login(self, request: Request) -> Response:
        """Trade the access token for a cookie that scripts cannot read."""
        token = self._feed.settings.access_token
        given = (await _json_body(request)).get("token")
        wanted = token.get_secret_value() if token else ""
        if not isinstance(given, str) or not hmac.compare_digest(
            given.encode(), wanted.encode()
        ):
            await anyio.sleep(1.0)  # makes guessing slow
            raise HTTPException(401, "wrong access token")
        response = JSONResponse({"ok": True})
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, given, httponly=True, samesite="strict", secure=secure)
        return response

    async def stream(self, request: Request) -> Response:
        """Alarms, devices and link as they change, after all of them as they are."""
        del request
        box: Mailbox[Update] = Mailbox()
        _refuse_crowd(self._feed.updates)

        async def events() -> AsyncIterator[dict[str, str]]:
            with _reading(self._feed.updates, box):
                yield _event("snapshot", self._snapshot_view())
                while (updates := await box.take(HEARTBEAT_S)) is not None:
                    for update in updates:
                        yield _event(update.kind, update.data)
                    # Also the proof that the feed lives: without it the page calls itself old.
                    yield _event("clock", {"now_ms": self._now_ms()})

        return _sse(events())

    async def waveforms(self, request: Request) -> Response:
        """All strips in one connection: browsers allow six to one server."""
        wanted = frozenset(request.query_params.getlist("stream"))
        return self._wave_response(wanted)

    async def waveform(self, request: Request) -> Response:
        """One strip: display samples and beats."""
        device, signal = request.path_params["device"], request.path_params["signal"]
        return self._wave_response(frozenset({f"{device}/{signal}"}))

    def _wave_response(self, wanted: frozenset[str]) -> Response:
        box = WaveBox()
        _refuse_crowd(self._feed.waves)

        async def events() -> AsyncIterator[dict[str, str]]:
            with _reading(self._feed.waves, box):
                for piece in self._feed.waveforms.recent():
                    box.put(piece)
                while (pieces := await box.take(HEARTBEAT_S)) is not None:
                    views = [p.view() for p in pieces if not wanted or p.key in wanted]
                    if views:
                        yield _event("wave", views)
                    await anyio.sleep(WAVE_BEAT_S)

        return _sse(events())

    async def _command(self, request: Request, action: CommandAction) -> Response:
        body = await _json_body(request)
        by = body.get("by")
        if not isinstance(by, str) or not 0 < len(by.strip()) <= MAX_NAME:
            raise HTTPException(422, f"'by' must be a name of 1 to {MAX_NAME} letters")
        snooze_s = None
        if action is CommandAction.SNOOZE:
            snooze_s = _snooze_s(body.get("snooze_s", self._feed.settings.snooze_s))
        try:
            command_id = await self._feed.ask(
                request.path_params["alarm_id"], action, by.strip(), snooze_s
            )
        except RefusedError as error:
            raise HTTPException(404 if error.unknown else 409, str(error)) from None
        return JSONResponse({"command_id": command_id, "progress": "pending"}, 202)

    def _snapshot(self, kind: str) -> list[object]:
        return [item.data for item in self._feed.ward.snapshot() if item.kind == kind]

    def _snapshot_view(self) -> View:
        settings = self._feed.settings
        return {
            "now_ms": self._now_ms(),
            "version": __version__,
            "stale_after_ms": int(settings.stale_after_s * 1000),
            "snooze_s": settings.snooze_s,
            "link": self._snapshot("link")[0],
            "devices": self._snapshot("device"),
            "alarms": self._snapshot("alarm"),
        }

    def _now_ms(self) -> int:
        return self._feed.now_ns() // 1_000_000

    async def _read_history(
        self, query: Callable[[], list[dict[str, object]]]
    ) -> list[dict[str, object]]:
        try:
            return await run_in_threadpool(query)
        except UnavailableError as error:
            raise HTTPException(503, str(error)) from None


def make_app(feed: Feed) -> Starlette:
    """The ASGI application over a feed."""
    return Starlette(
        routes=Api(feed).routes(),
        middleware=[Middleware(Guard, settings=feed.settings)],
        exception_handlers={HTTPException: _json_error},
    )


async def _json_error(request: Request, error: Exception) -> Response:
    del request
    detail = error if isinstance(error, HTTPException) else HTTPException(500)
    return JSONResponse({"error": detail.detail}, detail.status_code)


async def _json_body(request: Request) -> dict[str, object]:
    """A small JSON object; the content type makes a form of another site impossible."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise HTTPException(415, "expected application/json")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"expected at most {MAX_BODY} bytes")
    try:
        value = json.loads(body)
    except ValueError:
        raise HTTPException(422, "expected a JSON object") from None
    if not isinstance(value, dict):
        raise HTTPException(422, "expected a JSON object")
    return value


def _snooze_s(asked: object) -> float:
    if isinstance(asked, bool) or not isinstance(asked, int | float):
        raise HTTPException(422, "'snooze_s' must be a number")
    if not 0 < asked <= MAX_SNOOZE_S:
        raise HTTPException(422, f"'snooze_s' must be over 0, at most {MAX_SNOOZE_S}")
    return float(asked)


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise HTTPException(422, f"'{name}' must be a whole number")
    return int(text)


def _row_view(row: dict[str, object]) -> View:
    evidence = row["evidence"]
    parsed = json.loads(evidence) if isinstance(evidence, str) else {}
    return {**to_ms(row), "evidence": parsed}


def _refuse_crowd(hub: Hub[P]) -> None:
    if len(hub) >= MAX_READERS:
        raise HTTPException(503, f"{MAX_READERS} readers already")


@contextmanager
def _reading(hub: Hub[P], box: Mailbox[P]) -> Iterator[None]:
    hub.open(box)
    try:
        yield
    finally:
        hub.leave(box)


def _event(name: str, data: object) -> dict[str, str]:
    return {"event": name, "data": json.dumps(data, separators=(",", ":"), allow_nan=False)}


def _sse(events: AsyncIterator[dict[str, str]]) -> EventSourceResponse:
    # No ping: the feed's own clock event is one. Whoever takes nothing for long is let go.
    return EventSourceResponse(events, ping=0, send_timeout=SEND_TIMEOUT_S)
