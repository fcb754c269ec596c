"""What a store's answer means: take the batch apart, or wait and lose nothing."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from edge.delivery.sinks.base import BusyError, RefusedError, Sink
from edge.delivery.sinks.influx import InfluxSink
from edge.delivery.sinks.influx1 import Influx1Sink
from tests.edge.delivery.samples import beat, entries
from tests.servers import HOST
from vitalwire.errors import UnavailableError

SECRET = "s3cret"


class Answers(HTTPServer):
    """Gives one answer to every request, and remembers the last one."""

    status = 204
    body = b""
    retry_after = ""
    path = ""
    authorization: str | None = None
    received = b""

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Answers

    def do_POST(self) -> None:
        self.server.path = self.path
        self.server.authorization = self.headers["Authorization"]
        body = self.rfile.read(int(self.headers["Content-Length"]))
        packed = self.headers["Content-Encoding"] == "gzip"
        self.server.received = gzip.decompress(body) if packed else b"not gzipped"
        self.send_response(self.server.status)
        if self.server.retry_after:
            self.send_header("Retry-After", self.server.retry_after)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_args: object) -> None: ...


@pytest.fixture
def server() -> Iterator[Answers]:
    with Answers((HOST, 0), _Handler) as answers:
        thread = threading.Thread(target=answers.serve_forever, args=(0.02,))
        thread.start()
        yield answers
        answers.shutdown()
        thread.join()


@pytest.fixture(params=["v1", "v2"])
def sink(request: pytest.FixtureRequest, server: Answers) -> Iterator[Sink]:
    made: Sink = (
        Influx1Sink(server.url, "db", username="me", password=SECRET, retention_policy="long")
        if request.param == "v1"
        else InfluxSink(server.url, bucket="db", org="ward", token=SECRET)
    )
    yield made
    made.close()


async def test_lines_go_gzipped_to_the_right_place_with_the_secret_in_a_header(
    server: Answers, sink: Sink
) -> None:
    sent = entries([beat(0), beat(1)])
    await sink.deliver(sent)
    assert server.received.decode() == "\n".join(entry.line or "" for entry in sent)
    if isinstance(sink, InfluxSink):
        assert server.path == "/api/v2/write?org=ward&bucket=db&precision=ns"
        assert server.authorization == f"Token {SECRET}"
    else:
        assert server.path == "/write?db=db&rp=long&precision=ns"
        assert (server.authorization or "").startswith("Basic ")


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b'{"error":"partial write: field type conflict: input field ... dropped=1"}'),
        (400, b'{"error":"unable to parse \'beat\': missing fields"}'),
        (400, b'{"code":"invalid","message":"unable to parse line"}'),
        (422, b'{"code":"unprocessable entity","message":"outside retention policy"}'),
        (413, b"<html>too large</html>"),
    ],
)
async def test_what_it_says_about_the_lines_is_for_good(
    server: Answers, sink: Sink, status: int, body: bytes
) -> None:
    server.status, server.body = status, body
    with pytest.raises(RefusedError, match=f"HTTP {status}"):
        await sink.deliver(entries([beat(0)]))


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, b"<html>Bad Request</html>", "HTTP 400"),  # of a proxy on the way
        (400, b'["error"]', "HTTP 400"),
        (401, b'{"code":"unauthorized"}', "check the token"),
        (403, b"", "may write"),
        (404, b'{"error":"database not found: \\"db\\""}', "check the URL"),
        (429, b"", "HTTP 429"),
        (500, b'{"error":"timeout"}', "HTTP 500"),
        (302, b"", "HTTP 302"),
    ],
)
async def test_anything_else_waits(
    server: Answers, sink: Sink, status: int, body: bytes, words: str
) -> None:
    server.status, server.body = status, body
    with pytest.raises(UnavailableError, match=words) as caught:
        await sink.deliver(entries([beat(0)]))
    assert SECRET not in str(caught.value)


async def test_it_is_asked_to_wait(server: Answers, sink: Sink) -> None:
    server.status, server.retry_after = 503, "17"
    with pytest.raises(BusyError) as caught:
        await sink.deliver(entries([beat(0)]))
    assert caught.value.retry_after_s == 17.0


async def test_nobody_there(server: Answers, sink: Sink) -> None:
    server.server_close()
    with pytest.raises(UnavailableError, match="is the store running") as caught:
        await sink.deliver(entries([beat(0)]))
    assert SECRET not in str(caught.value)
