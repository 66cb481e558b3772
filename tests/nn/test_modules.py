"""Modules: what they hold, what they are called, what they compute."""

import collections
import copy
import pickle

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn


class Net(nn.Module):
    def __init__(self, rng=None):
        self.scale = al.Tensor(2.0, requires_grad=True)
        self.hidden = nn.Linear(3, 4, rng=rng)
        self.blocks = [nn.Linear(4, 4, bias=False, rng=rng), nn.Linear(4, 4, rng=rng)]
        self.heads = {"a": nn.Linear(4, 1, rng=rng)}
        self.offset = al.Tensor([1.0], name="my offset", requires_grad=True)
        self.frozen = al.Tensor([5.0])

    def forward(self, x):
        h = al.sigmoid(self.hidden(x)) * self.scale
        for block in self.blocks:
            h = al.sigmoid(block(h))
        return self.heads["a"](h) + self.offset


PATHS = [
    "scale",
    "hidden.weight",
    "hidden.bias",
    "blocks.0.weight",
    "blocks.1.weight",
    "blocks.1.bias",
    "heads.a.weight",
    "heads.a.bias",
    "offset",
]


def test_parameters_come_in_the_order_of_definition_also_from_lists_and_dicts():
    assert [path for path, _ in Net().named_parameters()] == PATHS


def test_a_parameter_is_called_by_its_path_unless_the_user_named_it():
    names = [p.name for p in Net().parameters()]
    assert names == [*PATHS[:-1], "my offset"]
    wrapped = nn.Sequential(Net())
    assert wrapped.parameters()[1].name == "0.hidden.weight"
    assert wrapped.parameters()[-1].name == "my offset"


def test_a_shared_module_is_listed_once_and_collects_both_gradients():
    class Tied(nn.Module):
        def __init__(self):
            self.first = nn.Linear(2, 2)
            self.second = self.first

        def forward(self, x):
            return self.second(self.first(x))

    net = Tied()
    assert [path for path, _ in net.named_parameters()] == ["first.weight", "first.bias"]
    assert al.gradcheck(lambda w: np.ones(2) @ w @ w, [net.first.weight.data])


def test_a_module_that_holds_its_owner_does_not_recurse_forever():
    net = Net()
    net.hidden.owner = net
    assert len(net.parameters()) == len(PATHS)
    assert "hidden: Linear(3, 4)" in repr(net)


def test_a_module_with_a_dict_that_holds_itself_is_copied():
    net = Net()
    net.loop = {}
    net.loop["loop"] = net.loop
    twin = copy.deepcopy(net)
    assert twin.loop["loop"] is twin.loop


def test_parameters_are_found_in_a_deque_and_refused_where_they_would_be_lost():
    net = Net()
    net.recent = collections.deque([al.Tensor(1.0, requires_grad=True)])
    assert net.named_parameters()[-1][0] == "recent.0"
    net.heads["set"] = {nn.Linear(1, 1)}
    with pytest.raises(TypeError, match=r"heads\.set is a set.* Hold them in a list or a dict"):
        net.parameters()
    with pytest.raises(TypeError, match=r"Slotted has __slots__, and .* Leave them out"):

        class Slotted(nn.Module):
            __slots__ = ("weight",)


def test_a_property_that_fails_has_its_own_error():
    class Broken(nn.Module):
        @property
        def width(self):
            return self.size

    with pytest.raises(AttributeError, match="'Broken' object has no attribute 'size'"):
        _ = Broken().width


def test_a_computed_tensor_kept_as_an_attribute_is_no_parameter():
    net = Net()
    net.last = net(np.ones((2, 3)))
    assert [path for path, _ in net.named_parameters()] == PATHS


def test_freezing_takes_a_tensor_out_of_parameters_but_not_out_of_the_state():
    net = Net()
    net.hidden.bias.requires_grad = False
    assert "hidden.bias" not in dict(net.named_parameters())
    assert {"hidden.bias", "frozen"} <= set(net.state_dict())


def test_state_travels_to_another_network_and_is_a_copy():
    one, two = Net(np.random.default_rng(0)), Net(np.random.default_rng(1))
    state = one.state_dict()
    two.load_state_dict(state)
    x = np.ones((2, 3))
    np.testing.assert_array_equal(one(x).numpy(), two(x).numpy())
    state["scale"][...] = 99.0
    assert one.scale.item() == 2.0


def test_load_state_dict_names_everything_that_does_not_fit_and_changes_nothing():
    net = Net()
    before = net.state_dict()
    state = dict(before, extra=np.ones(2), scale=np.ones((1, 1)))
    del state["offset"]
    state["hidden.weight"] = before["hidden.weight"] + 1
    with pytest.raises(ValueError, match="does not fit this Net, which is unchanged") as caught:
        net.load_state_dict(state)
    message = str(caught.value)
    assert "missing: offset (1,)" in message
    assert "unexpected: extra (2,)" in message
    assert "wrong shape: scale is (), got (1, 1)" in message
    for path, value in net.state_dict().items():
        np.testing.assert_array_equal(value, before[path])


def test_zero_grad_forgets_and_train_and_eval_reach_every_module():
    net = Net()
    net(np.ones((2, 3))).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    assert net.training
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_network_survives_copying_and_pickling_after_a_forward_pass(clone):
    net = nn.Sequential(nn.Linear(3, 4), nn.Sigmoid(), nn.Linear(4, 1))
    net(np.ones((2, 3))).sum().backward()
    twin = clone(net)
    assert [p for p, _ in twin.named_parameters()] == [p for p, _ in net.named_parameters()]
    x = np.ones((2, 3))
    np.testing.assert_array_equal(twin(x).numpy(), net(x).numpy())
    twin[0].weight.data = np.zeros((3, 4))
    assert net[0].weight.data.any()


@pytest.mark.parametrize(
    "clone", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_results_that_a_module_keeps_are_no_parameters_of_a_copy(clone):
    net = Keeper()
    net(np.ones((2, 3))).sum().backward()
    names = [p for p, _ in net.named_parameters()]
    assert names == ["layer.weight", "layer.bias", "scale"]
    twin = clone(net)
    assert [p for p, _ in twin.named_parameters()] == names
    assert twin.kept[0].tolist() == net.kept[0].tolist()
    assert not net.kept[0].is_leaf
    out = twin(np.ones((2, 3)))
    assert [call.kind for call in al.Graph(out, names={}).find(out).calls] == ["Keeper"]
    assert (twin.layer is net.layer) == (clone is copy.copy)


class Keeper(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(3, 2)
        self.scale = al.Tensor(2.0, requires_grad=True)

    def forward(self, x):
        self.last = self.layer(x)
        self.kept = [self.last * 2.0, {"sum": self.last.sum()}]
        return self.last * self.scale


def test_linear_computes_x_at_weight_plus_bias_for_any_leading_axes():
    layer = nn.Linear(3, 2, rng=np.random.default_rng(0))
    for shape in [(3,), (5, 3), (4, 5, 3)]:
        x = np.random.default_rng(1).normal(size=shape)
        np.testing.assert_array_equal(layer(x).numpy(), x @ layer.weight.data + layer.bias.data)
    assert nn.Linear(3, 2, bias=False).bias is None
    assert nn.Linear(3, 2, dtype=np.float32)(np.ones(3, np.float32)).dtype == np.float32


def test_linear_starts_from_the_generator_that_is_passed():
    a, b = (nn.Linear(3, 2, rng=np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(a.weight.data, b.weight.data)
    assert np.abs(a.weight.data).max() <= 1 / np.sqrt(3)
    assert not np.array_equal(nn.Linear(3, 2).weight.data, nn.Linear(3, 2).weight.data)


def test_layers_compute_their_functions():
    x = np.array([-2.0, 0.0, 3.0])
    np.testing.assert_allclose(nn.Sigmoid()(al.Tensor(x)), 1 / (1 + np.exp(-x)), rtol=1e-15)
    np.testing.assert_array_equal(nn.Tanh()(al.Tensor(x)), np.tanh(x))
    np.testing.assert_array_equal(nn.ReLU()(al.Tensor(x)), [0.0, 0.0, 3.0])


def test_sequential_is_indexed_and_iterated_like_a_list():
    parts = [nn.Linear(2, 2), nn.Sigmoid()]
    net = nn.Sequential(*parts)
    assert list(net) == parts
    assert len(net) == 2
    assert net[-1] is parts[1]
    with pytest.raises(IndexError):
        net[2]
    with pytest.raises(TypeError, match="Sequential needs modules, got int at position 1"):
        nn.Sequential(nn.Sigmoid(), 3)


def test_parts_of_a_sequential_are_replaced_and_shared():
    net = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1))
    net[-2] = nn.Tanh()
    np.testing.assert_array_equal(net[:2](np.eye(2)).numpy(), np.tanh(net[0](np.eye(2)).numpy()))
    assert net[2:][0] is net[2]
    with pytest.raises(TypeError, match="Sequential needs modules, got str at position 0"):
        net[0] = "linear"
    with pytest.raises(IndexError):
        net[3] = nn.Tanh()


@pytest.mark.parametrize(
    ("reduction", "value", "slope"),
    [("mean", 2.5, 1.0), ("sum", 5.0, 2.0), ("half_sum", 2.5, 1.0), ("none", [1.0, 4.0], 2.0)],
)
def test_mse_reductions_have_the_gradients_that_the_docstring_states(reduction, value, slope):
    prediction = al.Tensor([1.0, 2.0], requires_grad=True)
    loss = nn.MSE(reduction)(prediction, np.zeros(2))
    np.testing.assert_array_equal(loss.numpy(), value)
    loss.backward(np.ones(loss.shape))
    np.testing.assert_array_equal(prediction.grad, slope * prediction.data)


def test_mse_refuses_what_would_broadcast_and_what_it_does_not_know():
    with pytest.raises(ValueError, match=r"prediction: \(4,\) and target: \(4, 1\)"):
        nn.MSE()(al.Tensor(np.ones(4)), np.ones((4, 1)))
    with pytest.raises(ValueError, match="half_sum, none, got 'average'"):
        nn.MSE("average")


def test_modules_are_listed_alone_and_with_their_paths():
    net = nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.Linear(3, 1)))
    assert net.modules() == [net, net[0], net[1], net[1][0]]
    assert net.named_modules() == [("", net), ("0", net[0]), ("1", net[1]), ("1.0", net[1][0])]


def test_mistakes_in_using_modules_are_named():
    with pytest.raises(NotImplementedError, match="Empty has no forward method"):
        type("Empty", (nn.Module,), {})()(1)
    with pytest.raises(ValueError, match="Linear needs in_features of 1 or more, got 0"):
        nn.Linear(0, 2)
    with pytest.raises(TypeError, match=r"an integer as in_features, got 3\.0"):
        nn.Linear(3.0, 2)
    with pytest.raises(TypeError, match="an integer as out_features, got '2'"):
        nn.Linear(np.int64(3), "2")
    with pytest.raises(TypeError, match=r"got rng=0\. Write rng=np\.random\.default_rng\(0\)"):
        nn.Linear(3, 2, rng=0)
    with pytest.raises(ValueError, match=r"matmul needs .* k is 2 in a but 3 in b"):
        nn.Linear(3, 1)(al.Tensor(np.ones((4, 2))))


def test_repr_shows_the_architecture_with_shapes_and_counts():
    assert repr(nn.Linear(2, 1)) == "Linear(2, 1)   3 parameters  weight (2, 1), bias (1,)"
    held = nn.Module()
    held.scales, held.inner = (
        [al.Tensor([1.0], requires_grad=True), al.Tensor(0.0)],
        nn.Linear(1, 1),
    )
    assert "scales.0 (1,), scales.1 ()\n  inner: Linear" in repr(held)
    assert repr(nn.Sequential(Net())).splitlines() == [
        "Sequential                   59 parameters",
        "  0: Net                     scale (), offset (1,), frozen (1,)",
        "    hidden: Linear(3, 4)     weight (3, 4), bias (4,)",
        "    blocks.0: Linear(4, 4)   weight (4, 4)",
        "    blocks.1: Linear(4, 4)   weight (4, 4), bias (4,)",
        "    heads.a: Linear(4, 1)    weight (4, 1), bias (1,)",
    ]


def test_an_error_names_the_innermost_module_that_it_was_raised_in():
    inner = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    with pytest.raises(ValueError, match="k is 9 in a but 4 in b") as caught:
        nn.Sequential(nn.Sigmoid(), inner)(np.ones((2, 3, 3)))
    assert caught.value.__notes__ == ["This was in the module 1.1: Linear(4, 2)."]
