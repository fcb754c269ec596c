"""The feed's settings: one frozen object, from TOML, environment and command line."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from vitalwire import settings
from vitalwire.settings import BrokerSettings, Name

Port = Annotated[int, Field(ge=0, le=65535)]


class FeedBrokerSettings(BrokerSettings):
    """Where the MQTT broker is, and as whom the feed listens."""

    port: Port = 1883
    tls: bool = False
    # With a name the broker keeps alarms for a feed that is away (a persistent session); two
    # feeds must not share one. Empty: a session of its own for each connection.
    client_id: Annotated[str, Field(max_length=64)] = "vitalwire-feed"
    keepalive_s: Annotated[int, Field(ge=2, le=3600)] = 5


class FeedSettings(BaseSettings):
    """Everything the feed can be told. Every default is written out in `deploy/feed.toml`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="VITALWIRE_FEED_", env_nested_delimiter="__"
    )

    site: Name = "home"
    broker: FeedBrokerSettings = FeedBrokerSettings()
    host: str = "127.0.0.1"
    port: Port = 8080
    allowed_hosts: tuple[str, ...] = ()  # names, besides addresses and this machine's own
    access_token: SecretStr | None = None
    database: str = "sqlite:///vitalwire-feed.db"
    history_days: Annotated[int, Field(ge=1)] = 90
    command_timeout_s: Annotated[float, Field(gt=0, le=300)] = 10.0
    stale_after_s: Annotated[float, Field(gt=0, le=300)] = 5.0
    snooze_s: Annotated[float, Field(gt=0, le=3600)] = 120.0
    max_devices: Annotated[int, Field(ge=1)] = 500
    max_queued: Annotated[int, Field(ge=100)] = 20_000


def load_settings(
    path: Path | None = None, overrides: Mapping[str, object] | None = None
) -> FeedSettings:
    """Settings from a file, below the environment, below `overrides` (the command line).

    Raises
    ------
    InputError
        A file that is not there or no TOML, an unknown key or variable, a bad value.
    """
    return settings.load(FeedSettings, "feed", "deploy/feed.toml", path, overrides or {})
