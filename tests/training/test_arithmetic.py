"""The count of a model's arithmetic against counts by hand."""

import pytest
import torch
from torch import nn

from training.arithmetic import flop_a_call, mflop_per_s
from training.export.graphs import graph_of
from training.models import build_model
from vitalwire.bundle import Task


def test_a_convolution_and_a_linear_layer() -> None:
    conv = nn.Conv2d(3, 8, (1, 5), stride=(1, 2), padding=(0, 2), bias=False)
    assert flop_a_call(conv, (torch.zeros(1, 3, 1, 100),)) == 2 * 3 * 8 * 5 * 50
    assert flop_a_call(nn.Linear(20, 4), (torch.zeros(1, 20),)) == 2 * 20 * 4


def test_a_recurrent_layer_is_counted_too() -> None:
    lstm = nn.LSTM(6, 10, batch_first=True)
    assert flop_a_call(lstm, (torch.zeros(1, 7, 6),)) == 2 * 7 * 4 * 10 * (6 + 10)
    gru = nn.GRU(6, 10, batch_first=True, bidirectional=True)
    assert flop_a_call(gru, (torch.zeros(1, 7, 6),)) == 2 * 2 * 7 * 3 * 10 * (6 + 10)


def test_a_second_of_beats_and_of_hops() -> None:
    beat = graph_of(Task.ECG_BEAT, build_model(Task.ECG_BEAT, "cnn1d"), 1.0, 4)
    convs = 112 * 3 * 24 * 7 + 56 * 24 * 24 * 5 + 28 * 24 * 32 * 5 + 28 * 32 * 32 * 3
    maps = 28 * 32 * 4
    context = 24 * 32 + 32 * 32 + 32 * 4 + 32 * 4
    assert mflop_per_s(beat) == pytest.approx(1.2 * 2e-6 * (convs + maps + context))

    rhythm = graph_of(Task.ECG_RHYTHM, build_model(Task.ECG_RHYTHM, "tcn"), 1.0, 5)
    hop = 25 * 16 * 9 + 5 * 16 * 48 * 10 + 4 * 5 * 48 * 48 * 5 + 48 * 64 * 5 + 6 * 64 * 64 * 3
    assert mflop_per_s(rhythm) == pytest.approx(5 * 2e-6 * (hop + 64 * 5))


def test_a_window_is_asked_about_once_a_second() -> None:
    graph = graph_of(Task.ECG_RHYTHM, build_model(Task.ECG_RHYTHM, "cnn1d"), 1.0, 5)
    one = flop_a_call(graph.module, graph.example(1))
    assert mflop_per_s(graph) == pytest.approx(one * 1e-6)
