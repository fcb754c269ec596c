"""What the gateway must not lose: chunk log, snapshots and outbox, in their one safe order.

A record's entries wait here until the log is fsynced up to that record; then they are
committed to the outbox in one transaction with that offset. So each record's entries are in
the outbox once, whatever was killed in between.
"""

import asyncio
import shutil
from collections.abc import Callable, Collection
from dataclasses import replace

from edge.chunklog.log import ChunkLog
from edge.chunklog.reader import FOLDER, LogReader
from edge.chunklog.records import Record
from edge.chunklog.snapshots import SnapshotStore, pack
from edge.config import EdgeSettings
from edge.delivery.entries import Entry, Lane
from edge.delivery.outbox import Outbox
from edge.disk import DiskBudget, DiskUse
from edge.stages.items import State

SNAPSHOTS = "snapshots"
OUTBOX = "outbox.sqlite"


class Ledger:
    """The gateway's files.

    Parameters
    ----------
    settings : EdgeSettings
    lanes : mapping of sink name to the outbox lanes it takes

    Raises
    ------
    InputError
        The data folder cannot be used, or another daemon uses it.
    UnavailableError
        The disk is full or does not answer.
    """

    def __init__(self, settings: EdgeSettings, lanes: dict[str, Collection[Lane]]) -> None:
        folder = self._folder = settings.data_dir
        self.snapshots = SnapshotStore(folder / SNAPSHOTS)
        self._saved = self.snapshots.load()
        self.log = ChunkLog(
            folder / FOLDER,
            max_bytes=settings.log.max_bytes,
            segment_bytes=settings.log.segment_bytes,
            at_least=self._saved[0] if self._saved else 0,
        )
        try:
            self.outbox = Outbox(
                folder / OUTBOX, sinks=lanes, max_bytes=settings.outbox.max_bytes
            )
            self.outbox.rewind(self.log.end_offset)
        except BaseException:
            self.log.close()
            raise
        self._budget = DiskBudget(settings.disk_reserve_bytes, settings.log.segment_bytes)
        self._committed = self.outbox.committed_offset
        self._processed = self.log.end_offset
        self._waiting: list[Entry] = []
        self._on_safe: list[Callable[[], None]] = []
        self._flushing = asyncio.Lock()

    def recover(self) -> tuple[State | None, LogReader]:
        """The last snapshot's state, and the records behind it."""
        offset, state = self._saved or (0, None)
        self._saved = None
        self.log.keep_from = offset
        return state, self.log.read(offset)

    def append(self, record: Record) -> int:
        """Put a record into the log; its offset. Its entries follow by `processed`."""
        return self.log.append(record)

    def processed(self, offset: int, entries: list[Entry]) -> None:
        """What came of the record at `offset`. No await may lie between this and `append`."""
        self._processed = offset
        if offset > self._committed:
            self._waiting += entries

    def when_safe(self, call: Callable[[], None]) -> None:
        """Call, in order, when everything that was processed until now is safe."""
        self._on_safe.append(call)

    async def put_alarms(self, entries: list[Entry]) -> None:
        """On return alarms and receipts are fsynced; putting them again changes nothing.

        What they came from is fsynced first: else a crash could leave an alarm that the log
        does not give again, and that nobody could ever end.
        """

        def put() -> None:
            self.log.sync()
            self.outbox.put_alarm(entries)

        await asyncio.to_thread(put)

    async def put_figures(self, entries: list[Entry]) -> None:
        """The gateway's own figures, which no record of the log gives."""
        await asyncio.to_thread(self.outbox.commit, entries, None)

    async def flush(self) -> bool:
        """Make everything processed so far safe; whether there was anything.

        Raises
        ------
        UnavailableError
            The disk refused; everything is kept for the next flush.
        """
        async with self._flushing:
            return await self._flush()

    async def _flush(self) -> bool:
        if self._processed <= self._committed and not self._on_safe:
            return False
        offset = self._processed
        entries, self._waiting = self._waiting, []
        calls, self._on_safe = self._on_safe, []
        try:
            await asyncio.to_thread(self._make_safe, entries, offset)
        except BaseException:
            self._waiting[:0] = entries
            self._on_safe[:0] = calls
            raise
        self._committed = max(self._committed, offset)
        for call in calls:
            call()
        return True

    def _make_safe(self, entries: list[Entry], offset: int) -> None:
        self.log.sync()  # first: an offset that the log may lose must not be committed
        if offset > self._committed or entries:
            self.outbox.commit(entries, max(offset, self._committed))

    async def snapshot(self, capture: Callable[[], State]) -> None:
        """Save the pipeline's state; a restart replays the log from here."""
        async with self._flushing:
            offset = self._processed
            packed = pack(capture())  # before anything is awaited: then it would change
            await self._flush()
            await asyncio.to_thread(self.snapshots.write, offset, packed)
            self.log.keep_from = offset

    async def make_room(self) -> str:
        """Others fill the disk too: waveforms go first, then vitals, never an alarm.

        Returns
        -------
        str
            What is wrong, where nothing is left to evict; else "".
        """
        plan = self._budget.plan(await asyncio.to_thread(self._disk_use))
        if plan.log_max_bytes is not None:
            await asyncio.to_thread(self.log.evict, plan.log_max_bytes)
        if plan.vitals_bytes:
            await asyncio.to_thread(self.outbox.evict, plan.vitals_bytes)
        left = replace(await asyncio.to_thread(self._disk_use), vitals_bytes=0)
        full = self._budget.plan(left).full
        return "the disk is full, and nothing is left to evict" if full else ""

    def _disk_use(self) -> DiskUse:
        """What is free on the disk, and what could be evicted from it.

        Room inside the outbox's file is free too: it is there for the alarms to come.
        """
        path = self._folder / OUTBOX
        used_bytes = self.outbox.used_bytes
        room_bytes = max(path.stat().st_size - used_bytes, 0)
        return DiskUse(
            free_bytes=shutil.disk_usage(self._folder).free + room_bytes,
            log_bytes=self.log.stats().file_bytes,
            vitals_bytes=used_bytes,  # alarms among them stay, whatever is asked for
        )

    def close(self) -> None:
        self.outbox.close()
        self.log.close()
