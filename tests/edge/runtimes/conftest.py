"""The small models are exported once a session: it takes some seconds."""

import pytest

from edge.stages import beat_windows
from tests.edge.runtimes.small import Small, step_model, window_model

pytest.importorskip("torch")


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Small:
    folder = tmp_path_factory.mktemp("window") / "files"
    return window_model(folder, beat_windows.N_WINDOW, getattr(beat_windows, "N_CONTEXT", 12))


@pytest.fixture(scope="session")
def step(tmp_path_factory: pytest.TempPathFactory) -> Small:
    return step_model(tmp_path_factory.mktemp("step") / "files")
