"""What is played as one stream: a piece of a seizure right behind what was before it."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.training.made_eeg import events
from tests.training.scoring.made_brains import FS, LEADS, brain, write, write_pieces
from training.datasets.eeg_recording import EegRecording
from training.datasets.eeg_sets import find_sets
from training.scoring.eeg_streams import Stream, streams_of
from vitalwire import wire
from vitalwire.contracts import Signal
from vitalwire.errors import InputError


def recordings(folder: Path) -> list[EegRecording]:
    said: list[str] = []
    return [one for found in find_sets(folder, said.append) for one in found.recordings]


def primed(folder: Path) -> Stream:
    streams = streams_of(recordings(write_pieces(folder, ["chb01"])))
    return next(one for one in streams if one.name.endswith("ictal"))


def test_each_recording_is_played_once(tmp_path: Path) -> None:
    streams = streams_of(recordings(write_pieces(tmp_path)))
    played = [part.name for stream in streams for part in stream.parts]
    assert sorted(played) == sorted(
        f"{person}_{piece}"
        for person in ("chb01", "chb03")
        for piece in ("01_onset", "02_before", "02_ictal")
    )


def test_a_piece_of_a_seizure_is_played_behind_what_was_before_it(tmp_path: Path) -> None:
    stream = primed(tmp_path)
    assert [part.name for part in stream.parts] == ["chb01_02_before", "chb01_02_ictal"]
    assert stream.starts_s == (0.0, 10.0)
    assert stream.seizures == ((10.0, 20.0),)


def test_its_samples_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    stream = primed(tmp_path)
    chunks = list(stream.chunks())
    for one, following in pairwise(chunks):
        assert following.first_sample == one.first_sample + one.n_samples
        assert following.seq == one.seq + 1
        assert following.t0_ns - one.t0_ns == pytest.approx(one.n_samples / FS * 1e9, abs=1)
    told = np.concatenate([chunk.data for chunk in chunks], axis=1)
    parts = [recording.read() for recording in stream.open()]
    np.testing.assert_array_equal(told, np.concatenate(parts, axis=1))


def test_its_records_carry_the_same_samples(tmp_path: Path) -> None:
    stream = primed(tmp_path)
    sent = [
        wire.decode(record.payload, "x", Signal.EEG).data
        for record in stream.records()
        if record.payload
    ]
    told = np.concatenate([chunk.data for chunk in stream.chunks()], axis=1)
    np.testing.assert_array_equal(np.concatenate(sent, axis=1), told)


def test_only_the_leads_that_are_asked_for(tmp_path: Path) -> None:
    stream = streams_of(recordings(write_pieces(tmp_path, ["chb01"])), 2)[0]
    assert {chunk.n_channels for chunk in stream.chunks()} == {2}
    assert stream.open()[0].leads == ("T7-P7", "T8-P8")


def test_other_leads_before_the_seizure_are_said(tmp_path: Path) -> None:
    write_pieces(tmp_path, ["chb01"])
    write(tmp_path / "chb01_02_before.edf", brain(10, n_leads=3), LEADS[:3])
    stream = streams_of(recordings(tmp_path))[-1]
    with pytest.raises(InputError, match="chb01_02_ictal: expected the leads and the rate of"):
        stream.open()


def test_a_rate_that_cannot_be_analysed_is_said(tmp_path: Path) -> None:
    write(tmp_path / "a1.edf", brain(10), fs=64.0)
    (tmp_path / "a1_events.tsv").write_text(events((0, 20, "bckg")))
    with pytest.raises(InputError, match="a1: 64 Hz cannot be analysed"):
        streams_of(recordings(tmp_path))[0].open()
