"""Find heartbeats in one ECG lead as they happen.

How: the lead's power in the band of the QRS, smoothed over 140 ms, peaks once a beat. A
peak that nothing within 200 ms exceeds is a candidate; it is a beat when it stands out of
the levels of recent beats and recent noise, unless it looks like the T wave of the beat
before. A beat that is overdue is searched among the candidates refused since. The decision
rules follow Hamilton and Tompkins 1986 (IEEE Trans. Biomed. Eng. 33(12)) and Hamilton's
open-source detector (Computers in Cardiology 2002); the levels are medians of eight, which
one artefact does not move.

Law of the module: all decisions fall on sample counts and all filters run sample by
sample, so what comes out does not depend on how the signal was cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge.stages.qrs_candidates import CandidateFinder
from edge.stages.qrs_rules import BeatRules, Detection
from vitalwire.errors import ContractError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["FS_MAX_HZ", "FS_MIN_HZ", "Detection", "QrsDetector"]

FS_MIN_HZ: Final = 100.0
FS_MAX_HZ: Final = 1024.0


class QrsDetector:
    """Streaming QRS detector for one lead.

    A beat normally comes out 0.23 s to 0.37 s after its R peak: the filters' delay, which
    depends on the shape of the QRS, and `BLANKING_S`. A beat found by searching back comes
    1.5 typical intervals after the one before it; after a loss of level, within `LOST_S`
    and one more candidate. The first two seconds after something stirs are held back to
    learn the levels, then released.

    Parameters
    ----------
    fs : sampling rate, `FS_MIN_HZ` to `FS_MAX_HZ`

    Raises
    ------
    ContractError : a sampling rate out of range
    """

    def __init__(self, fs: float) -> None:
        if not FS_MIN_HZ <= fs <= FS_MAX_HZ:
            raise ContractError(
                f"QrsDetector needs fs of {FS_MIN_HZ:g} to {FS_MAX_HZ:g} Hz, got {fs}: "
                "resample upstream"
            )
        self._fs = fs
        self._finder = CandidateFinder(fs)
        self._rules = BeatRules(fs)
        self._flushed = False

    def push(self, x: NDArray[np.float32]) -> list[Detection]:
        """Take the next samples, give the beats decided by them.

        Parameters
        ----------
        x : (n_samples,) mV, finite, one sample or more

        Raises
        ------
        ContractError : another shape, or samples after `flush`
        """
        if x.ndim != 1 or not len(x):
            raise ContractError(
                f"QrsDetector.push needs the (n_samples,) of one lead, got {x.shape}: "
                "check the caller's lead selection"
            )
        if self._flushed:
            raise ContractError("QrsDetector.push after flush: start a new detector")
        candidates = self._finder.push(x.astype(np.float64))
        return self._rules.push(candidates, self._finder.n_seen)

    def flush(self) -> list[Detection]:
        """Beats that were waiting for samples which will not come: the recording ended."""
        if self._flushed:
            return []
        self._flushed = True
        return self._rules.flush(self._finder.flush(), self._finder.n_seen)

    def state(self) -> dict[str, Any]:
        """All that the future depends on, as plain values and arrays."""
        return {
            "fs": self._fs,
            "flushed": self._flushed,
            "finder": self._finder.state(),
            "rules": self._rules.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on exactly where `state` was taken.

        Raises
        ------
        ContractError : the state of a detector at another rate
        """
        if state["fs"] != self._fs:
            raise ContractError(
                f"QrsDetector at {self._fs} Hz cannot go on from a state at {state['fs']} Hz"
            )
        self._flushed = bool(state["flushed"])
        self._finder.restore(state["finder"])
        self._rules.restore(state["rules"])
