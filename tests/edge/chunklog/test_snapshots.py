"""Snapshots: what is saved comes back, whatever happened to the newest."""

import errno
import os
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np

from edge.chunklog import snapshots
from edge.chunklog.snapshots import SnapshotStore, pack, unpack
from vitalwire.errors import ContractError, InputError, UnavailableError

_ARRAYS = st_np.arrays(
    st.one_of(
        st_np.boolean_dtypes(),
        st_np.integer_dtypes(endianness="?"),
        st_np.floating_dtypes(endianness="?"),
        st_np.complex_number_dtypes(endianness="?"),
        st_np.datetime64_dtypes(endianness="?"),
    ),
    st_np.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),  # beyond 64 bits too
        st.floats(),
        st.text(),
        st.binary(),
        _ARRAYS,
        st_np.arrays(np.float32, ()).map(lambda array: array[()]),
    ),
    lambda values: st.one_of(
        st.lists(values, max_size=4),
        st.dictionaries(st.text() | st.integers(), values, max_size=4),
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    """Equal in type, dtype and shape, with NaN equal to NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b or (a != a and b != b))


@given(st.dictionaries(st.text() | st.integers(-(2**63), 2**64 - 1), _VALUES, max_size=5))
def test_a_state_comes_back(state: dict[Any, Any]) -> None:
    assert same(unpack(pack(state)), state)


def test_arrays_come_back_writable_and_views_as_what_they_show() -> None:
    base = np.arange(24, dtype=np.float32).reshape(4, 6)
    back = unpack(pack({"t": base.T, "part": base[:, 1::2], "f": np.asfortranarray(base)}))
    np.testing.assert_array_equal(back["t"], base.T)
    np.testing.assert_array_equal(back["part"], base[:, 1::2])
    np.testing.assert_array_equal(back["f"], base)
    back["t"][0, 0] = 7


class _Colour(StrEnum):
    RED = "red"


class _Step(IntEnum):
    ONE = 1


def test_tuples_become_lists_and_enums_their_values() -> None:
    state = {"pair": (1, (2, 3)), "colour": _Colour.RED, "step": _Step.ONE, _Colour.RED: 1}
    back = unpack(pack(state))
    assert back == {"pair": [1, [2, 3]], "colour": "red", "step": 1, "red": 1}
    assert type(back["colour"]) is str
    assert type(back["step"]) is int


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        object(),
        np.array([object()]),
        np.zeros(2, [("a", "f4")]),
        {(1, 2): 3},
        {None: 3},
        [[{"deep": {1.5: 0}}]],
    ],
)
def test_what_cannot_come_back_is_refused_when_saved(tmp_path: Path, value: object) -> None:
    store = SnapshotStore(tmp_path)
    with pytest.raises(ContractError, match="cannot be saved"):
        store.save(1, {"x": value})
    assert store.load() is None
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_holds_itself_is_refused() -> None:
    state: dict[str, Any] = {}
    state["self"] = state
    with pytest.raises(ContractError):
        pack(state)


class TestStore:
    def test_empty(self, tmp_path: Path) -> None:
        assert SnapshotStore(tmp_path / "new").load() is None

    def test_the_newest_is_loaded_and_two_are_kept(self, tmp_path: Path) -> None:
        for i in range(12):
            SnapshotStore(tmp_path).save(i * 10, {"i": i})
        assert SnapshotStore(tmp_path).load() == (110, {"i": 11})
        assert len(list(tmp_path.iterdir())) == 2

    @pytest.mark.parametrize("at", [0, 3, 8, 13, 25, -1])
    def test_a_corrupt_newest_falls_back(self, tmp_path: Path, at: int) -> None:
        store = SnapshotStore(tmp_path)
        store.save(10, {"i": 1, "pad": "x" * 40})
        store.save(20, {"i": 2, "pad": "x" * 40})
        path = max(tmp_path.iterdir())
        data = bytearray(path.read_bytes())
        data[at] ^= 0x40
        path.write_bytes(data)
        loaded = store.load()
        assert loaded is not None
        assert loaded[0] == 10
        store.save(30, {"i": 3})
        assert store.load() == (30, {"i": 3})

    @pytest.mark.parametrize("size", [0, 5, 11, 19, 20, 30])
    def test_a_truncated_newest_falls_back(self, tmp_path: Path, size: int) -> None:
        store = SnapshotStore(tmp_path)
        store.save(10, {"i": 1})
        store.save(20, {"pad": "x" * 40})
        path = max(tmp_path.iterdir())
        path.write_bytes(path.read_bytes()[:size])
        assert store.load() == (10, {"i": 1})

    def test_all_corrupt(self, tmp_path: Path) -> None:
        store = SnapshotStore(tmp_path)
        store.save(10, {"i": 1})
        store.save(20, {"i": 1})
        for path in tmp_path.iterdir():
            path.write_bytes(b"")
        assert store.load() is None

    def test_a_full_disk_leaves_the_one_before(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = SnapshotStore(tmp_path)
        store.save(10, {"i": 1})

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(UnavailableError, match="No space left"):
                store.save(20, {"i": 2})
        assert len(list(tmp_path.iterdir())) == 1
        assert store.load() == (10, {"i": 1})
        store.save(20, {"i": 2})
        assert store.load() == (20, {"i": 2})

    def test_file_and_folder_are_fsynced_around_the_rename(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = SnapshotStore(tmp_path)
        steps: list[str] = []
        replace = Path.replace

        def rename(self: Path, target: Path) -> Path:
            steps.append("rename")
            return replace(self, target)

        monkeypatch.setattr(os, "fsync", lambda _: steps.append("file"))
        monkeypatch.setattr(Path, "replace", rename)
        monkeypatch.setattr(snapshots, "sync_folder", lambda _: steps.append("folder"))
        store.save(1, {})
        assert steps == ["file", "rename", "folder"]

    def test_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "snapshots").write_text("")
        with pytest.raises(InputError, match="cannot use"):
            SnapshotStore(tmp_path / "snapshots")
