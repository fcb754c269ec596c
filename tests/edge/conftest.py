"""Small models, exported once a session: it takes some seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.edge.runtimes.small import Small  # torch: only for who asks for a model


@pytest.fixture(scope="session")
def window(tmp_path_factory: pytest.TempPathFactory) -> Small:
    from tests.edge.runtimes.small import window_model

    return window_model(tmp_path_factory.mktemp("window") / "files")


@pytest.fixture(scope="session")
def step(tmp_path_factory: pytest.TempPathFactory) -> Small:
    from tests.edge.runtimes.small import step_model

    return step_model(tmp_path_factory.mktemp("step") / "files")


@pytest.fixture(scope="session")
def seizure(tmp_path_factory: pytest.TempPathFactory) -> Small:
    from tests.edge.runtimes.small import seizure_model

    return seizure_model(tmp_path_factory.mktemp("seizure") / "files")
