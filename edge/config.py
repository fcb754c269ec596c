"""The gateway's settings: one TOML, `VITALWIRE_EDGE_` variables over it, nothing unknown.

Every default is written out, with comments, in `deploy/edge.toml`.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from vitalwire.errors import ContractError, InputError
from vitalwire.topics import check_name

PREFIX = "VITALWIRE_EDGE_"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BrokerSettings(_Part):
    """Where the MQTT broker is."""

    host: str = "127.0.0.1"
    port: int = Field(1883, ge=1, le=65535)
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None


class LogSettings(_Part):
    """The chunk log."""

    max_bytes: int = Field(8 * 2**30, ge=2**20)
    segment_bytes: int = Field(16 * 2**20, ge=2**16)
    sync_interval_s: float = Field(0.2, gt=0, le=5)
    snapshot_interval_s: float = Field(60.0, gt=0, le=3600)


class OutboxSettings(_Part):
    max_bytes: int = Field(2**30, ge=2**20)


class SqliteSettings(_Part):
    """The embedded store; on unless switched off."""

    enabled: bool = True
    max_bytes: int = Field(2 * 2**30, ge=2**20)


class InfluxSettings(_Part):
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


class PipelineSettings(_Part):
    """What is analysed, and how."""

    max_devices: int = Field(2000, ge=1, le=100_000)
    max_speed: float = Field(100.0, gt=1)
    backlog_s: float = Field(7200.0, gt=0)


class EdgeSettings(BaseSettings):
    """Settings of `vitalwire edge`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    site: str = "home"
    gateway: str = "gateway-1"
    data_dir: Path = Path("/var/lib/vitalwire")
    assignments: Path | None = None
    broker: BrokerSettings = BrokerSettings()
    log: LogSettings = LogSettings()
    outbox: OutboxSettings = OutboxSettings()
    sqlite: SqliteSettings = SqliteSettings()
    influx: InfluxSettings | None = None
    pipeline: PipelineSettings = PipelineSettings()
    disk_reserve_bytes: int = Field(64 * 2**20, ge=0)
    tick_s: float = Field(1.0, gt=0, le=10)
    status_interval_s: float = Field(10.0, gt=0)
    broker_timeout_s: float = Field(30.0, ge=0)

    @model_validator(mode="after")
    def _names(self) -> Self:
        try:
            check_name(self.site, "site")
            check_name(self.gateway, "gateway")
        except ContractError as error:
            raise ValueError(str(error)) from None
        return self

    @classmethod
    def load(cls, path: Path | None, **overrides: Any) -> Self:
        """Settings from a TOML file, the environment over it, `overrides` over both.

        Raises
        ------
        InputError
            No such file, not TOML, an unknown or ill-typed key, an unknown variable.
        """
        fields = _read_toml(path) if path else {}
        _refuse_unknown_variables(cls)
        try:
            environment = EnvSettingsSource(cls)()
            merged = _merge(_merge(fields, environment), overrides)
            return cls.model_validate(merged)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            source = path if path else "settings"
            raise InputError(
                f"{source}: {where}: {first['msg']}; see deploy/edge.toml"
            ) from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise InputError(f"cannot read the configuration {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML: {error}") from None


def _refuse_unknown_variables(cls: type[BaseSettings]) -> None:
    for name in os.environ:
        if name.startswith(PREFIX):
            field = name[len(PREFIX) :].lower().split("__")[0]
            if field not in cls.model_fields:
                known = ", ".join(f"{PREFIX}{key.upper()}" for key in cls.model_fields)
                raise InputError(f"unknown variable {name}; known are {known}")


def _merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        both = isinstance(inner, dict) and isinstance(value, dict)
        merged[key] = _merge(inner, value) if both and inner is not None else value
    return merged
