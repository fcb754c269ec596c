"""The shipped settings are the code's: every field, in its order, with its default."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from edge.assignments import Assignments
from edge.config import EdgeSettings
from edge.stages.limits import DEFAULT_LIMITS
from tests.deploy.broker import DEPLOY

EDGE = DEPLOY / "edge.toml"
_OFF = re.compile(r"^# (?=\[\w+\]$|\w+ = )", re.MULTILINE)


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("VITALWIRE_EDGE_")]:
        monkeypatch.delenv(name)


def _model(annotation: object) -> type[BaseModel] | None:
    """The settings behind a field that is a table."""
    options = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    for option in options:
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Names of all fields in the code's order, as TOML has them: tables last."""
    tables = {name: _model(field.annotation) for name, field in model.model_fields.items()}
    yield from (prefix + name for name, inner in tables.items() if inner is None)
    for name, inner in tables.items():
        if inner is not None:
            yield from _fields(inner, f"{prefix}{name}.")


def _keys(document: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in document.items():
        if isinstance(value, dict):
            yield from _keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _with_everything_on() -> str:
    return _OFF.sub("", EDGE.read_text())


def test_edge_toml_holds_the_defaults() -> None:
    assert EdgeSettings.load(EDGE) == EdgeSettings.load(None)


def test_edge_toml_names_every_field_in_the_order_of_the_code() -> None:
    named = list(_keys(tomllib.loads(_with_everything_on())))
    assert named == list(_fields(EdgeSettings))


def test_what_edge_toml_has_switched_off_can_be_switched_on(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(_with_everything_on())
    settings = EdgeSettings.load(path)
    assert settings.influx is not None
    defaults = type(settings.influx)(url="http://127.0.0.1:8086")
    given = settings.influx.model_dump(exclude={"token", "username", "password"})
    assert given == defaults.model_dump(exclude={"token", "username", "password"})


def test_edge_toml_sets_nothing_that_is_off_by_default() -> None:
    """What is commented out is off or secret, and nothing that is on is commented out."""
    set_ = set(_keys(tomllib.loads(EDGE.read_text())))
    off = {name for name in _fields(EdgeSettings) if name not in set_}
    defaults = EdgeSettings.load(None).model_dump()
    assert {name for name in off if not name.startswith("influx.")} == {
        ".".join([table, name] if name else [table])
        for table, value in defaults.items()
        for name in (value if isinstance(value, dict) else [""])
        if (value[name] if name else value) is None and table != "influx"
    }


def test_the_example_of_assignments_is_one() -> None:
    assignments = Assignments.parse((DEPLOY / "assignments.toml").read_text())
    assert set(assignments.by_device) == {"belt-3", "headband-1"}
    own = assignments.limits_of("p-018")
    assert own
    assert all(own[name] != DEFAULT_LIMITS[name] for name in own)
