"""What every model of the zoo must do, whatever its family."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from edge.stages.beat_context import N_CONTEXT
from edge.stages.beat_windows import N_CHANNELS, N_WINDOW
from training.models import MODELS, build_model, n_parameters
from training.models.heads import N_CLASSES_BEAT, N_CLASSES_RHYTHM
from training.models.lstm import Lstm
from training.models.tcn import Tcn
from vitalwire.bundle import Task
from vitalwire.errors import InputError

CAUSAL = ("tcn", "lstm")
N_HOP = 25
N_HOPS = 24


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        yield


def stirred(task: Task, name: str) -> nn.Module:
    """A model whose normalisation is not the identity: a fresh one would hide its place."""
    torch.manual_seed(3)
    model = build_model(task, name).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)  # type: ignore[arg-type]
            nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
            nn.init.uniform_(module.bias, -0.3, 0.3)
    return model


@pytest.mark.parametrize("name", MODELS)
def test_a_beat_gets_logits_and_a_map_for_each_class(name: str) -> None:
    model = stirred(Task.ECG_BEAT, name)
    beat, context = torch.randn(3, N_CHANNELS, N_WINDOW), torch.randn(3, N_CONTEXT)
    logits, maps = model(beat, context)
    assert logits.shape == (3, N_CLASSES_BEAT)
    assert maps.shape[:2] == (3, N_CLASSES_BEAT)
    assert maps.shape[2] >= 10  # fine enough to point at a wave
    assert (maps >= 0).all()
    other, _ = model(beat, context + 1)
    assert not torch.allclose(logits, other)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("n_hops", [1, 7, 150])
def test_a_rhythm_gets_logits_for_each_hop(name: str, n_hops: int) -> None:
    logits = stirred(Task.ECG_RHYTHM, name)(torch.randn(2, 1, n_hops * N_HOP))
    assert logits.shape == (2, N_CLASSES_RHYTHM, n_hops)


@pytest.mark.parametrize("name", MODELS)
def test_a_row_does_not_depend_on_the_others(name: str) -> None:
    model = stirred(Task.ECG_RHYTHM, name)
    x = torch.randn(3, 1, 10 * N_HOP)
    torch.testing.assert_close(model(x)[1:2], model(x[1:2]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", MODELS)
def test_models_are_small_enough(name: str) -> None:
    assert n_parameters(build_model(Task.ECG_RHYTHM, name)) <= 150_000
    assert n_parameters(build_model(Task.ECG_BEAT, name)) <= 60_000


@pytest.mark.parametrize("task", [Task.ECG_BEAT, Task.ECG_RHYTHM])
@pytest.mark.parametrize("name", MODELS)
def test_every_parameter_learns(task: Task, name: str) -> None:
    model = build_model(task, name).train()
    if task is Task.ECG_BEAT:
        logits, _ = model(torch.randn(4, N_CHANNELS, N_WINDOW), torch.randn(4, N_CONTEXT))
    else:
        logits = model(torch.randn(2, 1, 40 * N_HOP))
    logits.square().sum().backward()
    still = [
        key
        for key, one in model.named_parameters()
        if one.grad is None or not one.grad.abs().max() > 0
    ]
    assert still == []


@pytest.mark.parametrize("name", CAUSAL)
def test_the_past_does_not_know_the_future(name: str) -> None:
    model = stirred(Task.ECG_RHYTHM, name)
    x = torch.randn(1, 1, N_HOPS * N_HOP)
    changed = x.clone()
    changed[..., 10 * N_HOP :] += 1.0
    before, after = model(x), model(changed)
    torch.testing.assert_close(before[..., :10], after[..., :10], atol=1e-6, rtol=0)
    assert not torch.allclose(before[..., 10], after[..., 10])


def test_what_does_not_step_looks_ahead_and_says_how_long_its_window_is() -> None:
    for name in set(MODELS) - set(CAUSAL):
        model = build_model(Task.ECG_RHYTHM, name)
        assert model.n_window == 3750
        assert not hasattr(model, "step")


STREAM = np.random.default_rng(5).standard_normal((1, 1, N_HOPS * N_HOP)).astype(np.float32)


@pytest.mark.parametrize("name", CAUSAL)
@settings(max_examples=15, deadline=None)
@given(cut=st.integers(0, N_HOPS))
def test_hop_by_hop_equals_the_whole_whatever_row_it_shares_a_batch_with(
    name: str, cut: int
) -> None:
    """Two streams in one batch: the second one starts `cut` hops into the first."""
    model = stirred(Task.ECG_RHYTHM, name)
    assert isinstance(model, Tcn | Lstm)
    x = torch.from_numpy(STREAM)
    with torch.no_grad():
        whole = model(x)[0]
        late = model(x[..., cut * N_HOP :])[0] if cut < N_HOPS else whole[:, :0]
        state = torch.zeros(2, model.n_state)
        first, second = [], []
        for hop in range(N_HOPS):
            if hop == cut:
                state[1] = 0.0
            signal = x[0, :, hop * N_HOP : (hop + 1) * N_HOP].expand(2, -1)
            logits, state = model.step(signal, state)
            first.append(logits[0])
            second.append(logits[1])
    torch.testing.assert_close(torch.stack(first, 1), whole, atol=1e-5, rtol=0)
    if cut < N_HOPS:
        torch.testing.assert_close(torch.stack(second[cut:], 1), late, atol=1e-5, rtol=0)


def test_the_maps_of_a_beat_are_shares_of_its_logits() -> None:
    model = stirred(Task.ECG_BEAT, "cnn1d")
    beat = torch.randn(2, N_CHANNELS, N_WINDOW)
    head: nn.Module = model.head  # type: ignore[assignment]
    with torch.no_grad():
        for part in (head.skip, head.head.bias):  # type: ignore[union-attr]
            for one in part.parameters() if isinstance(part, nn.Module) else [part]:
                assert isinstance(one, Tensor)
                one.zero_()
        head.head.weight.abs_()  # type: ignore[union-attr, operator]
        logits, maps = model(beat, torch.randn(2, N_CONTEXT))
    torch.testing.assert_close(maps.mean(2), logits, atol=1e-5, rtol=1e-4)


def test_sizes_are_what_differs_from_the_default() -> None:
    small = build_model(Task.ECG_RHYTHM, "tcn", {"beat": 8, "rhythm_dilations": [1, 2]})
    assert isinstance(small, Tcn)
    assert (small.config.beat, small.config.rhythm_dilations) == (8, (1, 2))
    assert small.config.rhythm == 64


@pytest.mark.parametrize(
    ("name", "sizes", "told"),
    [
        ("resnet", {}, "expected one of cnn1d, tcn, lstm, crnn, transformer, got 'resnet'"),
        ("crnn", {"widht": 3}, "expected sizes among stem, middle, features"),
        ("crnn", {"stem": "24"}, "stem: expected such as 24, got '24'"),
        ("crnn", {"stem": 0}, "stem: expected such as 24"),
        ("crnn", {"dropout": 1.5}, "dropout: expected such as 0.1"),
        ("tcn", {"strides": [5, 4]}, "product is the hop of 25 samples"),
        ("lstm", {"strides": [5, 4]}, "product is the hop of 25 samples"),
        ("transformer", {"width": 30}, "a width that n_heads divides"),
        ("cnn1d", {"kernels": [7, 5]}, "as many kernels, strides and dilations as channels"),
    ],
)
def test_what_cannot_be_built_is_told(name: str, sizes: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told.replace("(", r"\(")):
        build_model(Task.ECG_RHYTHM, name, sizes)
