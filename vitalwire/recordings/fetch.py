"""Downloads a set from PhysioNet, or a mirror of its layout.

Every file is checked against `SHA256SUMS.txt` before it takes its name: until then it is
`NAME.part`, and an interrupted transfer goes on where it stopped (HTTP Range).
"""

import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

from vitalwire.errors import InputError, UnavailableError
from vitalwire.recordings.atomic import staged
from vitalwire.recordings.catalog import DataSet

PHYSIONET: Final = "https://physionet.org/files"
SUMS: Final = "SHA256SUMS.txt"
_ATTEMPTS: Final = 5
_FIRST_WAIT_S: Final = 1.0
_TIMEOUT_S: Final = 60.0
_BLOCK: Final = 1 << 18
_AT_ONCE: Final = 4  # PhysioNet is slow for each connection
_RECORD_SUFFIXES: Final = (".dat", ".hea", ".mat", ".edf", ".atr", ".event", ".seizures")

OnFile = Callable[[str, int], None]
"""Told of each finished file: its name, and the bytes that were transferred for it."""


@dataclass(frozen=True, slots=True)
class FetchReport:
    """What a fetch did."""

    name: str
    folder: str
    files: int
    already_there: int
    bytes: int  # transferred now


@dataclass(frozen=True, slots=True)
class _Item:
    name: str
    sha256: str


def fetch(
    found: DataSet,
    folder: Path,
    *,
    base_url: str = PHYSIONET,
    patients: Sequence[int] = (),
    records: Sequence[str] = (),
    on_file: OnFile | None = None,
    on_count: Callable[[int], None] | None = None,
    wait_s: float = _FIRST_WAIT_S,
) -> FetchReport:
    """Download a set, or the named patients or records of it; what is there already stays.

    Raises
    ------
    InputError
        A set that is not at PhysioNet, no such patient or record, a server that has no such
        set, a disk that is full.
    UnavailableError
        The server does not answer, or sends what does not match its checksum.
    """
    if found.elsewhere is not None:
        raise InputError(
            f"{found.name} is not at PhysioNet: ask its authors ({found.elsewhere}), and copy "
            f"it to {folder}"
        )
    url = f"{base_url.rstrip('/')}/{found.name}/{found.version}"
    if not url.startswith(("http://", "https://")):
        raise InputError(f"--base-url: expected http:// or https://, got {base_url!r}")
    listing = _read(f"{url}/{SUMS}", wait_s)
    items = _chosen(found, _parse_sums(url, listing), patients, records)
    missing = [item for item in items if not (folder / item.name).is_file()]
    if on_count is not None:
        on_count(len(missing))

    def one(item: _Item) -> int:
        n = _fetch_file(f"{url}/{quote(item.name)}", folder / item.name, item.sha256, wait_s)
        if on_file is not None:
            on_file(item.name, n)
        return n

    with staged(folder, [SUMS]) as work:  # for `verify`, later
        (work / SUMS).write_bytes(listing)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [pool.submit(one, item) for item in missing]
        try:
            transferred = sum(future.result() for future in futures)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return FetchReport(
        found.name, str(folder), len(items), len(items) - len(missing), transferred
    )


def _parse_sums(url: str, listing: bytes) -> list[_Item]:
    items: list[_Item] = []
    for line in listing.decode("utf-8", "replace").splitlines():
        digest, _, name = line.strip().partition(" ")
        name = name.strip().removeprefix("*")
        path = PurePosixPath(name)
        if len(digest) != 64 or not name or path.is_absolute() or ".." in path.parts:
            raise InputError(f"{url}/{SUMS}: not a list of checksums: {line[:80]!r}")
        items.append(_Item(str(path), digest.lower()))
    return items


def _chosen(
    found: DataSet, items: Sequence[_Item], patients: Sequence[int], records: Sequence[str]
) -> list[_Item]:
    """The files to have: all but archives of themselves, or those of the named ones."""
    unpacked = [item for item in items if not item.name.endswith(".zip")]
    if not patients and not records:
        return unpacked
    if patients and found.patient is None:
        raise InputError(f"{found.name} is not sorted by patient: name --records instead")
    folders = [(found.patient or "").format(number) for number in patients]
    wanted: list[_Item] = []
    seen: set[str] = set()
    for item in unpacked:
        path = PurePosixPath(item.name)
        mine = {path.parts[0]} & set(folders) | {_stem(path)} & set(records)
        seen |= mine
        common = len(path.parts) == 1 and path.suffix not in _RECORD_SUFFIXES
        if mine or common:
            wanted.append(item)
    absent = [name for name in (*folders, *records) if name not in seen]
    if absent:
        raise InputError(f"{found.name}: the server has no {', '.join(absent)}")
    return wanted


def _stem(path: PurePosixPath) -> str:
    return path.name.split(".")[0]


def _fetch_file(url: str, path: Path, sha256: str, wait_s: float) -> int:
    """Download one file to its place; returns the bytes transferred."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        resumed = part.exists() and part.stat().st_size > 0
        transferred = _transfer(url, part, wait_s)
        if resumed and _sha256(part) != sha256:
            part.unlink()  # the part was of something else: once more, from the start
            transferred += _transfer(url, part, wait_s)
        if _sha256(part) != sha256:
            part.unlink()
            raise UnavailableError(
                f"{url}: its checksum is not that of {SUMS}: removed; try again later"
            )
        part.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    return transferred


def _transfer(url: str, part: Path, wait_s: float) -> int:
    """Append to `part` until it is whole, over as many connections as it takes."""
    total = 0
    for attempt in range(_ATTEMPTS):
        have = part.stat().st_size if part.exists() else 0
        try:
            n, whole = _one_connection(url, part, have)
        except urllib.error.HTTPError as error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                return total  # nothing is left to send: the checksum will tell
            if error.code < 500 and error.code != http.client.TOO_MANY_REQUESTS:
                raise InputError(
                    f"{url}: the server says {error.code} {error.reason}"
                ) from error
            n, whole = 0, False
        except (
            urllib.error.URLError,
            http.client.HTTPException,
            ConnectionError,
            TimeoutError,
        ):
            n, whole = 0, False
        total += n
        if whole:
            return total
        if attempt + 1 < _ATTEMPTS:
            time.sleep(wait_s * 2**attempt)
    raise UnavailableError(
        f"{url}: the transfer broke off; run it again, it goes on from there"
    )


def _one_connection(url: str, part: Path, have: int) -> tuple[int, bool]:
    """Bytes that came, and whether the file is whole now."""
    request = urllib.request.Request(url, headers={"User-Agent": "vitalwire"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
        continues = answer.status == http.client.PARTIAL_CONTENT
        length = answer.headers.get("Content-Length")
        before = have if continues else 0
        with part.open("ab" if continues else "wb") as file:
            try:
                shutil.copyfileobj(answer, file, _BLOCK)
            except (http.client.HTTPException, ConnectionError, TimeoutError):
                return file.tell() - before, False
            n = file.tell() - before
    return n, length is None or n >= int(length)


def _read(url: str, wait_s: float) -> bytes:
    for attempt in range(_ATTEMPTS):
        try:
            with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise InputError(
                    f"{url}: the server says {error.code} {error.reason}"
                ) from error
            reason = str(error)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = str(error)
            if isinstance(getattr(error, "reason", None), OSError) and attempt:
                break  # nobody is there: no use in waiting long
        if attempt + 1 < _ATTEMPTS:
            time.sleep(wait_s * 2**attempt)
    raise UnavailableError(f"{url}: cannot be read ({reason}): is there a network?")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(found: DataSet, folder: Path, names: Iterable[str] = ()) -> list[str]:
    """Names of files in `folder` that do not match its own `SHA256SUMS.txt`."""
    sums = folder / SUMS
    if not sums.is_file():
        raise InputError(f"{folder}: has no {SUMS}: fetch {found.name} first")
    wanted = set(names)
    return [
        item.name
        for item in _parse_sums(str(folder), sums.read_bytes())
        if (folder / item.name).is_file()
        and (not wanted or item.name in wanted)
        and _sha256(folder / item.name) != item.sha256
    ]
