"""The state of a module: parameters and buffers, whatever they are held in; PyTorch's layout."""

from typing import NamedTuple

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn


class Pair(NamedTuple):
    a: object
    b: object


class Holder(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(2, 1)
        self.norm = nn.BatchNorm1d(1)
        self.bare = np.zeros(2)
        self.nest = {"a.b": [np.ones(1), al.Tensor(2.0)], 3: (np.arange(2), np.arange(2.0))}
        self.pair = Pair(np.ones(1), 5)
        self.words = np.array(["not", "numbers"])
        self.again = self.bare


def test_buffers_are_in_the_state_whatever_they_are_held_in():
    held = Holder()
    buffers = [
        "norm.running_mean", "norm.running_var", "norm.num_batches_tracked", "bare",
        "nest.a.b.0", "nest.a.b.1", "nest.3.0", "nest.3.1", "pair.0",
    ]  # fmt: skip
    assert [path for path, _ in held.named_buffers()] == buffers
    assert list(held.state_dict()) == [
        "layer.weight", "layer.bias", "norm.weight", "norm.bias", *buffers
    ]  # fmt: skip
    assert len(held.buffers()) == len(buffers)
    assert not {id(p) for p in held.parameters()} & {id(b) for b in held.buffers()}


def test_loading_puts_arrays_where_they_were_and_leaves_those_of_others_alone():
    held = Holder()
    mine = held.bare
    state = {path: array + 1 for path, array in held.state_dict().items()}
    held.load_state_dict(state)
    for path, array in held.state_dict().items():
        np.testing.assert_array_equal(array, state[path])
        assert array.dtype == state[path].dtype
    assert mine.tolist() == [0, 0]
    assert held.again is held.bare
    assert isinstance(held.pair, Pair)
    assert held.pair.b == 5
    assert isinstance(held.nest[3], tuple)


def test_a_frozen_parameter_is_a_buffer():
    layer = nn.Linear(2, 1)
    layer.weight.requires_grad = False
    assert [path for path, _ in layer.named_buffers()] == ["weight"]


def test_a_state_of_another_kind_of_numbers_is_refused_and_nothing_changes():
    norm = nn.BatchNorm1d(2)
    before = norm.state_dict()
    wrong = before | {"num_batches_tracked": np.array(1.5), "weight": np.array([1j, 0])}
    with pytest.raises(ValueError, match=r"wrong dtype: weight is float64, got complex128"):
        norm.load_state_dict(wrong)
    assert all(np.array_equal(before[path], a) for path, a in norm.state_dict().items())


def test_with_strict_false_what_fits_is_loaded_and_wrong_shapes_are_refused_still():
    norm = nn.BatchNorm1d(2)
    before = norm.state_dict()
    norm.load_state_dict({"weight": [3.0, 4.0], "other": [1.0]}, strict=False)
    assert norm.state_dict()["weight"].tolist() == [3.0, 4.0]
    assert norm.state_dict()["bias"].tolist() == before["bias"].tolist()
    with pytest.raises(ValueError, match=r"wrong shape: weight is \(2,\), got \(3,\)"):
        norm.load_state_dict({"weight": [1.0, 2.0, 3.0]}, strict=False)


# ------------------------------------------------------------ PyTorch's layout

LAYERS = {
    "Linear": (lambda lib: lib.Linear(3, 2), (4, 3)),
    "Conv1d": (lambda lib: lib.Conv1d(3, 2, 2), (4, 3, 5)),
    "Conv2d": (lambda lib: lib.Conv2d(2, 4, 3, 2, 1, groups=2), (3, 2, 6, 5)),
    "BatchNorm2d": (lambda lib: lib.BatchNorm2d(2), (3, 2, 6, 5)),
    "LayerNorm": (lambda lib: lib.LayerNorm(3), (4, 3)),
    "RNN": (lambda lib: lib.RNN(3, 2), (5, 4, 3)),
    "GRU": (lambda lib: lib.GRU(3, 2, 2, bidirectional=True), (5, 4, 3)),
    "LSTM": (lambda lib: lib.LSTM(3, 2), (5, 4, 3)),
    "MultiheadAttention": (lambda lib: lib.MultiheadAttention(4, 2), (5, 2, 4)),
    "Sequential": (
        lambda lib: lib.Sequential(lib.Linear(3, 4), lib.Tanh(), lib.Linear(4, 1)),
        (2, 3),
    ),
}


def result(layer, x, name):
    y = layer(x, x, x) if name == "MultiheadAttention" else layer(x)
    return y[0] if isinstance(y, tuple) else y


@pytest.mark.parametrize("name", LAYERS)
def test_pytorch_and_we_compute_the_same_from_one_state(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    make, shape = LAYERS[name]
    theirs, ours = make(torch.nn).double(), make(nn)
    ours.load_state_dict(nn.from_pytorch(ours, theirs.state_dict()))
    x = np.random.default_rng(1).normal(size=shape)
    expected = result(theirs, torch.from_numpy(x), name).detach().numpy()
    np.testing.assert_allclose(result(ours, al.Tensor(x), name).numpy(), expected, atol=1e-13)
    for p in ours.parameters():
        p.data = p.numpy() + 0.1
    state = {path: torch.from_numpy(a) for path, a in nn.to_pytorch(ours).items()}
    theirs.load_state_dict(state)
    expected = result(theirs, torch.from_numpy(x), name).detach().numpy()
    np.testing.assert_allclose(result(ours, al.Tensor(x), name).numpy(), expected, atol=1e-13)


def test_there_and_back_is_the_same():
    rng = np.random.default_rng(0)
    net = nn.Sequential(
        nn.Linear(3, 2, rng=rng), nn.GRU(2, 4, rng=rng), nn.Conv1d(1, 1, 2, rng=rng)
    )
    there = nn.to_pytorch(net)
    assert there["0.weight"].shape == (2, 3)
    assert there["1.weight_ih_l0"].shape == (12, 2)
    back = nn.from_pytorch(net, there)
    assert all(np.array_equal(back[path], a) for path, a in net.state_dict().items())
    with pytest.raises(TypeError, match=r"got str as 0\.weight\. Pass net\.state_dict\(\)"):
        nn.from_pytorch(net, {"0.weight": "no"})


def test_what_numpy_cannot_read_of_pytorch_is_answered_with_what_it_can():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    theirs, ours = torch.nn.Linear(2, 1).bfloat16(), nn.Linear(2, 1, dtype=np.float32)
    for state in (theirs.state_dict(), dict(theirs.float().named_parameters())):
        with pytest.raises(TypeError, match=r"cannot read weight: .* Write \{k: v\.detach\(\)\.fl"):
            nn.from_pytorch(ours, state)
    ours.load_state_dict(nn.from_pytorch(ours, {k: v.detach().float() for k, v in state.items()}))
    np.testing.assert_array_equal(ours.weight.numpy(), theirs.weight.detach().numpy().T)


def test_a_state_of_pytorch_as_it_is_would_be_transposed_and_is_refused():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with pytest.raises(TypeError, match=r"nn\.from_pytorch\(net, state\)"):
        nn.Linear(2, 2).load_state_dict(torch.nn.Linear(2, 2).state_dict())


def test_an_array_in_the_place_of_a_parameter_is_refused():
    layer = nn.Linear(2, 1)
    with pytest.raises(
        TypeError, match=r"Linear\.weight is a parameter; assigning anything but a leaf"
    ):
        layer.weight = np.zeros((2, 1))
    layer.weight = al.Tensor(np.zeros((2, 1)), requires_grad=True)
    assert len(layer.parameters()) == 2
