"""Which models give no answers: told by the rounds at every call, asked by the shell."""

import logging

log = logging.getLogger(__name__)


class ModelHealth:
    """Keeps what is wrong with each model, until it answers again and somebody was told."""

    def __init__(self) -> None:
        self._failing: dict[str, str] = {}  # as of its last call
        self._untold: dict[str, str] = {}  # failed since the last look, though it answers now

    def told_of(self, model: str, problem: str) -> None:
        """Take what came of a call: `problem` is "" where all was answered."""
        if problem and model not in self._failing:
            log.error("a model gives no answers", extra={"model": model, "problem": problem})
        elif not problem and self._failing.pop(model, ""):
            log.info("a model answers again", extra={"model": model})
        if problem:
            self._failing[model] = self._untold[model] = problem

    def problems(self) -> dict[str, str]:
        """What was wrong with which model since the last look, or still is."""
        found = {**self._untold, **self._failing}
        self._untold = {}
        return found
