"""A local HTTP mirror in PhysioNet's layout, which can be made to fail."""

import hashlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import unquote


class Mirror:
    """Serves `files` below `/NAME/VERSION/`, and their `SHA256SUMS.txt`."""

    def __init__(self, name: str, version: str, files: dict[str, bytes]) -> None:
        sums = "".join(
            f"{hashlib.sha256(content).hexdigest()} {file}\n" for file, content in files.items()
        )
        self.files = {**files, "SHA256SUMS.txt": sums.encode()}
        self.prefix = f"/{name}/{version}/"
        self.cut_after: dict[str, list[int]] = {}  # bytes sent before the connection breaks
        self.status: dict[str, list[int]] = {}  # answers of the first requests
        self.ranges = True
        self.asked: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()  # bytes
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror._answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        return Handler

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        file = unquote(request.path).removeprefix(self.prefix)
        self.asked[file] += 1
        if self.status.get(file):
            request.send_error(self.status[file].pop(0))
            return
        if file not in self.files:
            request.send_error(404)
            return
        content, begin = self.files[file], 0
        span = request.headers.get("Range")
        if span and self.ranges:
            begin = int(span.removeprefix("bytes=").rstrip("-"))
            if begin >= len(content):
                request.send_error(416)
                return
        request.send_response(206 if begin else 200)
        request.send_header("Content-Length", str(len(content) - begin))
        request.end_headers()
        end = len(content)
        if self.cut_after.get(file):
            end = begin + self.cut_after[file].pop(0)
        request.wfile.write(content[begin:end])
        self.sent[file] += len(content[begin:end])
        request.close_connection = True
