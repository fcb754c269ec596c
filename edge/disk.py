"""What goes first when the disk runs short: waveforms, then vitals, never an alarm. Pure.

Chunk log and outbox each have a bound of their own; this is for a disk that others fill, or
that is smaller than the bounds together. The daemon measures, asks, and does what it is told.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What was measured."""

    free_bytes: int  # 0 where a write was just refused
    log_bytes: int
    vitals_bytes: int  # in the outbox, not delivered everywhere


@dataclass(frozen=True, slots=True)
class DiskPlan:
    """What is to be done."""

    log_max_bytes: int | None = None  # for `ChunkLog.evict`; None: leave it
    vitals_bytes: int = 0  # to evict from the outbox
    full: bool = False  # all that may go is not enough: raise the technical alarm


@dataclass(frozen=True, slots=True)
class DiskBudget:
    """Keeps space free for the alarms that are still to come.

    Parameters
    ----------
    reserve_bytes : int
        Free space below which something has to go.
    log_floor_bytes : int
        What the chunk log cannot do without: the segment that is written to.
    """

    reserve_bytes: int
    log_floor_bytes: int

    def plan(self, use: DiskUse) -> DiskPlan:
        """What to evict. Measure again afterwards: segments and pages go as a whole."""
        short = self.reserve_bytes - use.free_bytes
        if short <= 0:
            return DiskPlan()
        from_log = min(short, max(0, use.log_bytes - self.log_floor_bytes))
        from_vitals = min(short - from_log, use.vitals_bytes)
        return DiskPlan(
            log_max_bytes=use.log_bytes - from_log if from_log else None,
            vitals_bytes=from_vitals,
            full=from_log + from_vitals < short,
        )
