"""What a replay is asked for, and what it reports."""

import math
from dataclasses import dataclass, field
from typing import Final

from firmware_bridge.faults import FaultPlan
from firmware_bridge.playback import Playback
from firmware_bridge.publisher import Broker
from vitalwire import topics
from vitalwire.contracts import Epoch
from vitalwire.errors import ContractError, InputError
from vitalwire.recordings import Recording
from vitalwire.recordings.chunks import CHUNK_S, check_cut, check_leads

_MAX_DEVICES: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """What is played, as whom, where to and how."""

    recording: Recording
    broker: Broker = field(default_factory=Broker)
    site: str = "home"
    device: str = "demo"
    devices: int = 1
    bridge: str = "replay"
    own_connection: bool = False  # each device its own, with its own last will
    speed: float = 1.0  # 0: as fast as the broker takes it
    loop: bool = False
    epoch: Epoch = Epoch.UTC
    start_ns: int | None = None  # UTC of the first sample
    chunk_s: float = CHUNK_S
    chunk_jitter: float = 0.0
    lead_state_known: bool = False
    plan: FaultPlan = field(default_factory=FaultPlan)
    window: int = 256  # chunks without a PUBACK, for each connection
    wait: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.speed < math.inf:
            raise InputError(
                f"speed: expected 0 (as fast as it goes) or more, got {self.speed}"
            )
        if self.loop and self.speed != 1:
            raise InputError("loop goes with speed 1: any other clock would leave the present")
        if not 1 <= self.devices <= _MAX_DEVICES or not 1 <= self.window <= 10_000:
            raise InputError(f"devices and window: expected 1 to {_MAX_DEVICES}")
        check_leads(self.recording)
        check_cut(self.chunk_s, self.chunk_jitter)
        self.plan.check(self.recording.n_channels)
        try:
            topics.check_name(self.site, "site")
            topics.check_name(self.bridge, "bridge")
            for name in self.playback(0).names[-1:]:  # the longest
                topics.check_name(name, "device")
        except ContractError as error:
            raise InputError(str(error)) from error

    def playback(self, now_ns: int) -> Playback:
        """The chunks that are played, if they start now."""
        start_ns = self.start_ns
        if start_ns is None:
            # In real time the first sample is taken now. Faster than that a device would
            # soon claim samples of the future, which no gateway should believe: so the
            # recording is what such a device would have stored, a backlog that ends now.
            backlog_s = 0.0 if self.speed == 1 else self.recording.duration_s
            start_ns = now_ns - round(backlog_s * 1e9)
        return Playback(
            recording=self.recording,
            site=self.site,
            device=self.device,
            devices=self.devices,
            loop=self.loop,
            epoch=self.epoch,
            start_ns=start_ns,
            chunk_s=self.chunk_s,
            chunk_jitter=self.chunk_jitter,
            lead_state_known=self.lead_state_known,
            plan=self.plan,
        )


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What became of a replay."""

    record: str
    devices: int
    leads: tuple[str, ...]
    fs: float
    signal_s: float  # of the furthest device
    chunks_sent: int
    samples_sent: int  # of one lead
    acked: int  # chunks
    injected: int  # chunks whose samples were altered
    faults: dict[str, int]  # how often each struck
    reconnects: int
    start_ns: int
    wall_s: float
    stopped: bool  # before its end
