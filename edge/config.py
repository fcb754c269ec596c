"""The gateway's settings: one TOML, `VITALWIRE_EDGE_` variables over it, nothing unknown.

Every default is written out, with comments, in `deploy/edge.toml`.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from edge.runtimes.loading import PrecisionChoice, Provider, RuntimeChoice
from vitalwire import settings
from vitalwire.settings import BrokerSettings, Name, Part


class LogSettings(Part):
    """The chunk log."""

    max_bytes: int = Field(8 * 2**30, ge=2**20)
    segment_bytes: int = Field(16 * 2**20, ge=2**16)
    sync_interval_s: float = Field(0.2, gt=0, le=5)
    snapshot_interval_s: float = Field(60.0, gt=0, le=3600)


class OutboxSettings(Part):
    max_bytes: int = Field(2**30, ge=2**20)


class SqliteSettings(Part):
    """The embedded store; on unless switched off."""

    enabled: bool = True
    max_bytes: int = Field(2 * 2**30, ge=2**20)


class InfluxSettings(Part):
    """An InfluxDB, or what speaks its protocol."""

    url: str
    api: Literal["v2", "v1"] = "v2"
    token: SecretStr | None = None
    org: str = "vitalwire"
    bucket: str = "vitalwire"
    database: str = "vitalwire"
    username: str | None = None
    password: SecretStr | None = None
    timeout_s: float = Field(10.0, gt=0, le=120)


class PipelineSettings(Part):
    """What is analysed, and how."""

    max_devices: int = Field(2000, ge=1, le=100_000)
    max_speed: float = Field(100.0, gt=1)
    backlog_s: float = Field(7200.0, gt=0)


class ModelSettings(Part):
    """The models, and what runs them. Of each task: "auto", "off", or a bundle's folder."""

    runtime: RuntimeChoice = "auto"
    precision: PrecisionChoice = "auto"
    provider: Provider = "cpu"
    threads: int = Field(1, ge=1, le=64)
    ecg_beat: str = Field("auto", min_length=1)
    ecg_rhythm: str = Field("auto", min_length=1)
    eeg_seizure: str = Field("auto", min_length=1)


class EdgeSettings(BaseSettings):
    """Settings of `vitalwire edge`."""

    model_config = SettingsConfigDict(
        env_prefix="VITALWIRE_EDGE_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    site: Name = "home"
    gateway: Name = "gateway-1"
    data_dir: Path = Path("/var/lib/vitalwire")
    assignments: Path | None = None
    broker: BrokerSettings = BrokerSettings()
    log: LogSettings = LogSettings()
    outbox: OutboxSettings = OutboxSettings()
    sqlite: SqliteSettings = SqliteSettings()
    influx: InfluxSettings | None = None
    pipeline: PipelineSettings = PipelineSettings()
    models: ModelSettings = ModelSettings()
    disk_reserve_bytes: int = Field(64 * 2**20, ge=0)
    tick_s: float = Field(1.0, gt=0, le=10)
    status_interval_s: float = Field(10.0, gt=0)
    broker_timeout_s: float = Field(30.0, ge=0)

    @classmethod
    def load(cls, path: Path | None, **overrides: Any) -> Self:
        """Settings from a TOML file, the environment over it, `overrides` over both.

        Raises
        ------
        InputError
            No such file, not TOML, an unknown or ill-typed key, an unknown variable.
        """
        return settings.load(cls, "edge", "deploy/edge.toml", path, overrides)
