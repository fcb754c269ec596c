"""A run that somebody has altered is told in one line, and no bundle is made of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.made_data import beat_run
from training.export.from_run import Options, export_folder, read_trained
from training.loop import BEST
from training.models import build_model
from training.run_folder import RunFolder
from training.runs import fields_of
from vitalwire.bundle import Task
from vitalwire.errors import InputError

FACTS = {
    "labels": ["N", "S", "V", "F"], "temperature": 1.2, "thresholds": {"S": 0.3},
    "episodes": {}, "record_label": {}, "figures": {"score": 50.0, "ap_S": None},
}  # fmt: skip


def finished(path: Path) -> RunFolder:
    """A run as far as an export reads it before it looks at the recordings."""
    run, config = RunFolder(path), beat_run()
    run.create(
        fields_of(Task.ECG_BEAT, config, ()),
        {"data": [{"name": "made", "sha256": "0"}], "command": "x", "git_revision": "0"},
    )
    model = build_model(Task.ECG_BEAT, config.task.model, config.task.sizes)
    run.save(BEST, model.state_dict())
    run.write_facts(FACTS)
    return run


def alter(path: Path, field: str, value: Any) -> None:
    fields = json.loads(path.read_text())
    if value is ...:
        del fields[field]
    else:
        fields[field] = value
    path.write_text(json.dumps(fields))


def test_one_that_is_whole(tmp_path: Path) -> None:
    trained = read_trained(finished(tmp_path / "run"))
    assert trained.facts == FACTS
    assert (trained.architecture, trained.command) == ("cnn1d", "x")


def test_one_that_diverged(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    weights = run.load(BEST)
    weights[next(iter(weights))].fill_(float("nan"))
    run.save(BEST, weights)
    with pytest.raises(InputError, match=r"best\.pt: holds weights that are not finite"):
        export_folder(run.path, tmp_path, tmp_path / "bundle", Options(), print)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("facts.json", "labels", None),
        ("facts.json", "labels", []),
        ("facts.json", "labels", ...),
        ("facts.json", "temperature", "x"),
        ("facts.json", "temperature", 0),
        ("facts.json", "temperature", float("nan")),
        ("facts.json", "thresholds", [0.3]),
        ("facts.json", "episodes", {"af": 3}),
        ("facts.json", "record_label", "x"),
        ("facts.json", "figures", {"score": "good"}),
        ("provenance.json", "data", None),
        ("provenance.json", "command", ...),
    ],
)
def test_one_that_was_altered(tmp_path: Path, name: str, field: str, value: Any) -> None:
    run = finished(tmp_path / "run")
    alter(run.path / name, field, value)
    with pytest.raises(InputError, match=rf"run/{name}: {field}.*altered") as caught:
        export_folder(run.path, tmp_path, tmp_path / "bundle", Options(), print)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "bundle").exists()
