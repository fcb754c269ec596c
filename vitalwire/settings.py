"""How every program's settings are read: a TOML file, variables over it, the command line
over both, and nothing unknown in any of them.

pydantic-settings passes over a misspelt variable in silence; here it is an error.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from vitalwire.errors import ContractError, InputError
from vitalwire.topics import check_name

S = TypeVar("S", bound=BaseSettings)


def _checked(name: str, info: ValidationInfo) -> str:
    try:
        return check_name(name, info.field_name or "name")
    except ContractError as error:
        raise ValueError(str(error)) from None


Name = Annotated[str, AfterValidator(_checked)]
"""A site's or a gateway's name: it stands in topics."""


class Part(BaseModel):
    """A table of settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class BrokerSettings(Part):
    """Where the MQTT broker is."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 1883
    username: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None  # None: the system's authorities
    cert_file: Path | None = None  # our own certificate, where the broker wants one
    key_file: Path | None = None


def load(
    cls: type[S], what: str, example: str, path: Path | None, overrides: Mapping[str, Any]
) -> S:
    """Settings from a file, below the environment, below `overrides`.

    Parameters
    ----------
    cls : type of the settings
        Its `env_prefix` names the variables.
    what, example : str
        What they are the settings of, and the file that shows them all: for the error.

    Raises
    ------
    InputError
        A file that is not there or no TOML, an unknown key or variable, a bad value.
    """
    where = f"{what} settings ({path})" if path else f"{what} settings"
    fields = _read_toml(path, where, example) if path else {}
    _refuse_unknown_variables(cls, example)
    try:
        return cls.model_validate(_merge(_merge(fields, EnvSettingsSource(cls)()), overrides))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {field}: {first['msg']}; see {example}") from None
    except SettingsError as error:
        raise InputError(f"{where}: {error}; see {example}") from None


def _read_toml(path: Path, where: str, example: str) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise InputError(f"cannot read the {where}: {error.strerror}; see {example}") from None
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{where}: not TOML: {error}") from None


def _refuse_unknown_variables(cls: type[BaseSettings], example: str) -> None:
    prefix = cls.model_config["env_prefix"]
    known = {f"{prefix}{name}".upper() for name in _variables(cls)}
    for name in os.environ:
        if name.upper().startswith(prefix) and name.upper() not in known:
            raise InputError(f"unknown environment variable {name}: see {example}")


def _variables(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        for part in (field.annotation, *get_args(field.annotation)):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from (f"{name}__{inner}" for inner in _variables(part))


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        inner = merged.get(key)
        both = isinstance(inner, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(inner, value) if both and inner is not None else value
    return merged
