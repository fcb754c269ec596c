"""What stands before every request: host, origin, token; and the headers of every answer."""

import hmac
import socket
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.config import FeedSettings

COOKIE: Final = "vitalwire_feed"
LOGIN_PATH: Final = "/api/login"
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware that refuses, in this order: a foreign host, origin, a missing token."""

    def __init__(self, app: ASGIApp, settings: FeedSettings) -> None:
        self._app = app
        token = settings.access_token
        self._token = token.get_secret_value() if token else ""
        machine = socket.gethostname().lower()
        own = {"localhost", machine, f"{machine}.local"}
        self._names = own | {name.lower() for name in settings.allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        app = refusal if refusal else self._app
        path = scope["path"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                # Patients' data must not lie in a browser's cache; the page must not be old.
                caching = "no-store" if path.startswith("/api/") else "no-cache"
                headers["Cache-Control"] = caching
            await send(message)

        await app(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> JSONResponse | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_own(host):
            return refuse(421, "unknown host name: add it to allowed_hosts")
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and not _same_origin(
            headers, host
        ):
            return refuse(403, "request from another site")
        needs_token = scope["path"].startswith("/api/") and scope["path"] != LOGIN_PATH
        if self._token and needs_token and not self._has_token(headers):
            return refuse(401, "access token needed")
        return None

    def _is_own(self, host: str) -> bool:
        """An address, or a name of ours: a foreign name pointed at us is DNS rebinding."""
        name = urlsplit(f"//{host}").hostname or ""
        try:
            ip_address(name)
        except ValueError:
            return name in self._names
        return True

    def _has_token(self, headers: Headers) -> bool:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        given = bearer if scheme.lower() == "bearer" else cookie
        return self.is_token(given)

    def is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self._token.encode())


def refuse(code: int, reason: str) -> JSONResponse:
    return JSONResponse({"error": reason}, code)


def _same_origin(headers: Headers, host: str) -> bool:
    """Browsers send Origin with every POST; what sends none of these is no browser."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() == host.lower()
    return headers.get("sec-fetch-site", "same-origin") in ("same-origin", "none")
