"""The gateway daemon as a process of its own, for tests that kill it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge.models import shipped_models
from edge.offline import analyze
from edge.pipeline.gateway import Output
from tests.servers import HOST, wait_until
from vitalwire.cli.analysis import records_of_log

SITE = "ward"
READY = "connected to the broker"


class GatewayProcess:
    """`vitalwire edge` with a configuration of its own; may be killed and started again.

    Parameters
    ----------
    folder : Path
        For its configuration, data and log.
    broker_port : int
    more : str
        More lines of TOML.
    """

    def __init__(self, folder: Path, broker_port: int, more: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self._config = folder / "edge.toml"
        self._log = folder / "edge.log"
        self._config.write_text(
            f'site = "{SITE}"\ndata_dir = "{self.data}"\n'
            f'[broker]\nhost = "{HOST}"\nport = {broker_port}\n'
            f"[log]\nsnapshot_interval_s = 3\n{more}"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and wait until the broker has accepted it."""
        before = self.log.count(READY)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "vitalwire", "edge", "--config", str(self._config)],
                stdout=log,
                stderr=log,
            )
        wait_until(
            lambda: self.log.count(READY) > before or not self.running,
            f"the gateway does not connect\n{self.log[-3000:]}",
        )
        assert self.running, self.log[-3000:]

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def kill(self) -> None:
        """As the power would end it."""
        assert self.running, self.log[-3000:]
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it in order; its exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(how)
        return process.wait(60)


@contextmanager
def gateway(folder: Path, broker_port: int, more: str = "") -> Iterator[GatewayProcess]:
    """A running gateway, ended with the context."""
    process = GatewayProcess(folder, broker_port, more)
    process.start()
    try:
        yield process
    finally:
        process.stop()


def offline_outputs(data: Path, site: str = SITE) -> list[Output]:
    """What the pipeline makes of a gateway's chunk log, in one go, on a desk."""
    models = shipped_models()
    outputs = analyze(records_of_log(data), site, models.models, models.ecg)
    return [one for one in outputs if isinstance(one, Output)]


def sleep_until(monotonic_s: float) -> None:
    """The course of an outage test is set by the clock: this is not waiting for a condition."""
    time.sleep(max(0.0, monotonic_s - time.monotonic()))
