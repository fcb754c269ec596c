"""The feed's settings: one frozen object, from TOML, environment and command line."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from vitalwire.errors import InputError

ENV_PREFIX = "VITALWIRE_FEED_"
Port = Annotated[int, Field(ge=0, le=65535)]
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"  # as in `vitalwire.topics`


class BrokerSettings(BaseModel):
    """Where the MQTT broker is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = "127.0.0.1"
    port: Port = 1883
    username: str | None = None
    password: SecretStr | None = None
    tls: bool = False
    ca_file: Path | None = None  # None: the system's authorities
    cert_file: Path | None = None  # the feed's own certificate, where the broker wants one
    key_file: Path | None = None
    # With a name the broker keeps alarms for a feed that is away (a persistent session); two
    # feeds must not share one. Empty: a session of its own for each connection.
    client_id: Annotated[str, Field(max_length=64)] = "vitalwire-feed"
    keepalive_s: Annotated[int, Field(ge=2, le=3600)] = 5


class FeedSettings(BaseSettings):
    """Everything the feed can be told. Every default is written out in `deploy/feed.toml`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENV_PREFIX, env_nested_delimiter="__"
    )

    site: Annotated[str, Field(pattern=_NAME)] = "home"
    broker: BrokerSettings = BrokerSettings()
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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line, then environment, then file."""
        del dotenv_settings, file_secret_settings
        file = settings_cls.model_config.get("toml_file")
        toml = (TomlConfigSettingsSource(settings_cls),) if file else ()
        return init_settings, env_settings, *toml


def load_settings(
    path: Path | None = None, overrides: Mapping[str, object] | None = None
) -> FeedSettings:
    """Settings from a file, below the environment, below `overrides` (the command line).

    Raises
    ------
    InputError
        A file that is not there or no TOML, an unknown key or variable, a bad value.
    """
    if path and not path.is_file():
        raise InputError(f"no settings file at {path}: start from deploy/feed.toml")
    _refuse_unknown_variables()

    class FromFile(FeedSettings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return FromFile(**dict(overrides or {}))  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"feed settings: {where}: {first['msg']}") from None
    except (SettingsError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"feed settings ({path or ENV_PREFIX}): {error}") from None


def _refuse_unknown_variables() -> None:
    """A misspelt variable is an error: pydantic-settings would pass over it in silence."""
    for name in os.environ:
        if not name.startswith(ENV_PREFIX):
            continue
        field, _, inner = name.removeprefix(ENV_PREFIX).lower().partition("__")
        known = field in FeedSettings.model_fields
        if known and inner:
            known = field == "broker" and inner in BrokerSettings.model_fields
        if not known:
            raise InputError(f"unknown environment variable {name}: see deploy/feed.toml")
