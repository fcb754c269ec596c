"""A chunk as plain values, for the state of the stages that hold chunks."""

from typing import Final

from edge.stages.items import State
from vitalwire.contracts import Chunk, Epoch, Signal

_PLAIN: Final = (
    "device", "stream_id", "seq", "first_sample", "t0_ns", "fs",
    "data", "lead_off", "lead_state_known", "injected",
)  # fmt: skip


def chunk_state(chunk: Chunk) -> State:
    """Give a chunk as plain values and its array."""
    state: State = {name: getattr(chunk, name) for name in _PLAIN}
    return state | {"signal": chunk.signal.value, "epoch": chunk.epoch.value}


def chunk_from_state(state: State) -> Chunk:
    """Give the chunk back that `chunk_state` took apart."""
    plain = {name: state[name] for name in _PLAIN}
    return Chunk(signal=Signal(state["signal"]), epoch=Epoch(state["epoch"]), **plain)
