"""Which bundle a gateway runs: the one it was shipped with, or what its site installed.

Below `data_dir/bundles`: `keys/*.pem`, whom the site trusts; a folder for each task; and
`audit.jsonl`, who changed what. What is current is changed last and as a whole, so a full
disk or a kill leaves what ran before; it is audited before it is changed.
"""

import errno
import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge import bundle_audit, bundle_folders
from edge.bundle_folders import KEPT, SHIPPED
from vitalwire.bundle import Bundle, Task, Trust, load_bundle
from vitalwire.bundle.files import is_there, read_regular, write_whole
from vitalwire.bundle.trust import PINS, read_pins
from vitalwire.errors import BundleError, InputError, UnavailableError

SHIPPED_FOLDER: Final = Path(__file__).parent / "bundles"
AUDIT: Final = "audit.jsonl"
_MAX_KEY_BYTES: Final = 16 * 1024
_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


@dataclass(frozen=True, slots=True)
class Change:
    """What an install or a rollback did; names are `VERSION-DIGEST`, or `shipped`."""

    bundle: Bundle  # the one that runs from the gateway's next start
    before: str | None  # None: none ran
    now: str
    changed: bool = True
    skipped: tuple[str, ...] = ()  # by a rollback: missing, altered or no longer trusted


class BundleStore:
    """The bundles of one gateway.

    Parameters
    ----------
    data_dir : Path
        The gateway's data folder.
    shipped : Path, optional
        Where a release has its bundles and their pins; by default this one.
    """

    def __init__(self, data_dir: Path, shipped: Path | None = None) -> None:
        self._data_dir = data_dir
        self._folder = data_dir / "bundles"
        self._shipped = shipped or SHIPPED_FOLDER

    @property
    def keys(self) -> Path:
        """The folder of the public keys that the site trusts."""
        return self._folder / "keys"

    def trust(self, more: Sequence[Path] = ()) -> Trust:
        """The release's pins, the site's keys, and more keys.

        Raises
        ------
        BundleError
            The pins of the release are damaged.
        """
        return Trust.of_site(self._shipped / PINS, self.keys, tuple(more))

    def shipped(self, task: Task) -> Bundle | None:
        """The bundle of the release; None where it has none for this task.

        Raises
        ------
        BundleError
            It is not the one that was pinned.
        """
        if not self._is_shipped(task):
            return None
        pins = read_pins(self._shipped / PINS)
        pinned = Trust({task: pins[task]} if task in pins else {})
        return load_bundle(self._shipped / task, trust=pinned, task=task)

    def path(self, task: Task) -> Path | None:
        """Where the bundle to run lies, unchecked; None where there is none.

        Raises
        ------
        BundleError
            What says which one is current is damaged.
        """
        history = self._history(task)
        if not history:
            return None
        if history[0] == SHIPPED:
            return self._shipped / task
        return self._folder / task / history[0]

    def load(self, task: Task) -> Bundle | None:
        """The bundle to run: what the site installed last, else the shipped one, else None.

        Raises
        ------
        BundleError
            It is missing, altered or not trusted. Another one is not taken in its place.
        """
        history = self._history(task)
        return self._named(task, history[0]) if history else None

    def install(self, path: Path, keys: Sequence[Path] = ()) -> Change:
        """Install a bundle that the site trusts; one that runs already changes nothing.

        A key of `keys` that has signed it is kept among those that the site trusts: the
        gateway checks again whenever it starts.

        Raises
        ------
        BundleError
            Not trusted, altered, older than what runs, or another one of the same version.
        InputError, UnavailableError
            The data folder is missing or cannot be written to; the disk is full.
        """
        bundle = load_bundle(path, trust=self.trust(keys))
        task = bundle.manifest.task
        with self._changing():
            history = self._history(task)
            before = history[0] if history else None
            if before and self._runs(bundle, before):
                bundle_folders.prune(self._folder / task, history)
                return Change(bundle, before, before, changed=False)
            if bundle.trusted_by == "pinned":  # it is here, and stays with the release
                name, bundle = SHIPPED, self._named(task, SHIPPED)
            else:
                bundle = bundle_folders.place(bundle, self._folder / task, self.trust(keys))
                name = bundle.path.name
                self._keep_key(bundle, keys)
            names = [name, *(old for old in history if old != name)]
            change = Change(bundle, before, name)
            self._switch("install", change, names)
            bundle_folders.prune(self._folder / task, names[:KEPT])
        return change

    def rollback(self, task: Task) -> Change:
        """Go back to what ran before the last install; in the end to the shipped bundle.

        Raises
        ------
        BundleError
            There is nothing to go back to that can be run.
        InputError, UnavailableError
            The data folder is missing or cannot be written to; the disk is full.
        """
        with self._changing():
            history = self._history(task)
            earlier = history[1:]
            if self._is_shipped(task) and SHIPPED not in history:
                earlier.append(SHIPPED)
            if not earlier:
                told = f"nothing ran before {history[0]}" if history else "no bundle runs"
                raise BundleError(f"{task}: {told}: there is nothing to go back to")
            faults = []
            for n, name in enumerate(earlier):
                try:
                    bundle = self._named(task, name)
                except BundleError as error:
                    faults.append(str(error))
                    continue
                change = Change(bundle, history[0], name, skipped=tuple(earlier[:n]))
                self._switch("rollback", change, earlier[n:])
                return change
        raise BundleError(f"{task}: nothing to go back to can be run: {'; '.join(faults)}")

    def _history(self, task: Task) -> list[str]:
        """What runs, then what ran before it; empty where there is nothing."""
        names = bundle_folders.read_history(self._folder / task)
        if names is None:
            return [SHIPPED] if self._is_shipped(task) else []
        return names

    def _is_shipped(self, task: Task) -> bool:
        return task in read_pins(self._shipped / PINS) or is_there(self._shipped / task)

    def _named(self, task: Task, name: str) -> Bundle:
        if name != SHIPPED:
            return bundle_folders.load_named(self._folder / task, name, self.trust())
        bundle = self.shipped(task)
        if bundle is None:
            raise BundleError(f"{task}: this release ships no bundle, and none is installed")
        return bundle

    def _runs(self, bundle: Bundle, running: str) -> bool:
        """Whether this very bundle runs, and is whole.

        Raises
        ------
        BundleError
            What runs is newer, or another one of the same version.
        """
        told = running
        if running == SHIPPED:
            told = bundle_folders.folder_name(self._named(bundle.manifest.task, SHIPPED))
        version = int(told.split("-")[0])
        offered = bundle_folders.folder_name(bundle)
        if bundle.manifest.version < version:
            raise BundleError(
                f"{bundle.path} is {offered}, older than {told}, which runs: nothing older is "
                "installed (vitalwire bundle rollback goes back to what ran before)"
            )
        if bundle.manifest.version > version:
            return False
        if offered != told:
            raise BundleError(
                f"{bundle.path} is {offered}, another one of the version that runs, {told}: "
                "export it with a higher version"
            )
        try:
            self._named(bundle.manifest.task, running)
        except BundleError:
            return False  # it is damaged: install it again
        return True

    def _keep_key(self, bundle: Bundle, keys: Sequence[Path]) -> None:
        """Keep the key that has signed it, unless the site has it."""
        from vitalwire.bundle.keys import fingerprint, read_public_key

        try:
            load_bundle(bundle.path, trust=self.trust())
        except BundleError:
            for path in keys:
                signer = fingerprint(read_public_key(path))
                if bundle.trusted_by == f"key {signer}":
                    self.keys.mkdir(mode=0o755, exist_ok=True)
                    pem = read_regular(path.resolve(), _MAX_KEY_BYTES)
                    self._audit({"action": "trust", "key": signer})
                    write_whole(self.keys / f"{signer}.pem", pem)

    def _switch(self, action: str, change: Change, names: list[str]) -> None:
        task = change.bundle.manifest.task
        fields = {
            "task": task.value,
            "from": change.before,
            "to": change.now,
            "digest": change.bundle.digest,
            "trusted_by": change.bundle.trusted_by,
            "skipped": list(change.skipped),
        }
        self._audit({"action": action, **fields})
        try:
            bundle_folders.write_history(self._folder / task, names)
        except OSError:
            with suppress(OSError):  # a full disk may well take neither
                self._audit({"action": f"{action} failed", **fields})
            raise

    def _audit(self, fields: dict[str, object]) -> None:
        bundle_audit.append(self._folder / AUDIT, fields)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """One change at a time; says what the disk refuses."""
        try:
            if not self._data_dir.is_dir():
                told = f"there is no folder {self._data_dir}: give the gateway's data_dir"
                raise InputError(told)
            self._folder.mkdir(mode=0o755, exist_ok=True)
            descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o640)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield
            finally:
                os.close(descriptor)
        except BlockingIOError:
            raise InputError(
                f"another command changes the bundles in {self._folder}: wait for it"
            ) from None
        except OSError as error:
            told = f"cannot write into {self._folder}: {error.strerror or error}"
            if error.errno in _DISK:
                raise UnavailableError(f"{told}: what ran before stays current") from error
            raise InputError(f"{told}: run it as the gateway's user") from error
