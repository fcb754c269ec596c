"""Exports take some ten seconds each, so one of each task serves the whole session."""

from pathlib import Path

import pytest

from tests.training.export.trained import MadeUp, trained
from training.export.export_run import Exported, export_run
from vitalwire.bundle import Task


def export(task: Task, out: Path) -> Exported:
    return export_run(trained(task), MadeUp(task), out, say=lambda _: None)


@pytest.fixture(scope="session")
def beat(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(Task.ECG_BEAT, tmp_path_factory.mktemp("export") / "beat")


@pytest.fixture(scope="session")
def rhythm(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return export(Task.ECG_RHYTHM, tmp_path_factory.mktemp("export") / "rhythm")
