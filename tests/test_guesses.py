"""What users of other libraries try first is answered with the line to write."""

import pydoc

import numpy as np
import pytest

import autograd_lite as al
from autograd_lite import nn, optim

W = al.Tensor([1.0, 2.0], requires_grad=True)
LOSS = (W * W).sum()
NET = nn.Linear(2, 1)
OUTSIDE = al.Tensor([1.0, 2.0])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: al.tanh, AttributeError, r"Write np\.tanh: NumPy's functions take Tensors\."),
        (lambda: al.exp, AttributeError, r"Write np\.exp: "),
        (lambda: al.tensor([1.0]), TypeError, r"Write al\.Tensor\(data, requires_grad=True\)\."),
        (lambda: al.zeros, AttributeError, r"Write al\.Tensor\(np\.zeros\(\.\.\.\)\)\."),
        (lambda: al.randn, AttributeError, r"al\.Tensor\(rng\.normal\(size=\(2, 3\)\)\)\."),
        (lambda: al.cross_entropy, AttributeError, r"Write al\.nn\.functional\.cross_entropy"),
        (lambda: al.gradchek, AttributeError, r"Did you mean al\.gradcheck\?"),
        (lambda: nn.tanh, AttributeError, r"Write np\.tanh\(x\), or nn\.Tanh\(\) for a module\."),
        (lambda: nn.linear, AttributeError, r"Write nn\.Linear\."),
        (lambda: nn.Parameter, AttributeError, r"self\.w = al\.Tensor\(values, requires_grad=True"),
        (lambda: optim.adam([W]), TypeError, r"Write al\.optim\.Adam\(net\.parameters\(\), lr="),
        (lambda: optim.sgd([W]), TypeError, r"Write al\.optim\.SGD\("),
        (lambda: optim.adamw, AttributeError, r"Write optim\.AdamW\."),
        (lambda: nn.Conv3d, AttributeError, r"Did you mean nn\.Conv2d\?$"),
        (lambda: optim.NAdam, AttributeError, r"Did you mean optim\.Adam\?$"),
        (lambda: W.strides, AttributeError, r"write np\.lib\.stride_tricks\.sliding_window_view"),
        (lambda: W.mul_(2), AttributeError, r"Write t \*= u inside al\.no_grad\(\)"),
        (lambda: al.draw(LOSS).show(), AttributeError, r"Write drawing\.save\('graph\.svg'\)"),
        (lambda: al.draw(LOSS, swep="both"), TypeError, r"'swep'\. Did you mean sweep=\?"),
        (lambda: nn.Linear(in_feature=1), TypeError, r"'in_feature'\. Did you mean in_features=\?"),
        (lambda: optim.Adam([W], beta=1), TypeError, r"'beta'\. Did you mean betas=\?"),
        (lambda: optim.SGD([W], step=1), TypeError, r"There are params, lr, momentum"),
        (
            lambda: W.to("cuda"),
            AttributeError,
            r"leave it out; another dtype is t\.as",
        ),
        (lambda: W.scatter(0, [0]), AttributeError, r"np\.put_along_axis\(u, indices, values"),
        (lambda: al.clip_grad_norm_([W], 1), AttributeError, r"al\.optim\.clip_grad_norm_\("),
        (lambda: al.compile(np.sum).run(3, W), AttributeError, r"al\.compile\(loss, optimiser\)"),
        (lambda: al.compile(np.sum).bind(W), AttributeError, r"al\.compile\(loss, optimiser\)"),
        (lambda: al.compile(np.sum).sauce, AttributeError, r"'sauce'\Z"),
        (lambda: al.compile(np.sum, static_argnums=1), TypeError, r"Leave it out: a number that"),
        (lambda: al.compile(np.sum, fullgraph=True), TypeError, r"There are f, optimiser, backend"),
        (lambda: W.float(), AttributeError, r"Write t\.astype\(np\.float32\)\."),
        (lambda: W.view(-1), AttributeError, r"Write t\.reshape\(\.\.\.\); for a frame"),
        (lambda: W.clone(), AttributeError, r"Write t\.copy\(\)\."),
        (lambda: al.set_grad_enabled, AttributeError, r"Write with al\.no_grad\(\): or"),
        (lambda: al.Graph(3), TypeError, r"Graph needs Tensors, got int"),
        (lambda: al.draw(nn.Tanh()), TypeError, r"got Tanh\. Draw what it returns: draw\(net\(x"),
        (lambda: nn.Sequential(nn.Tanh), TypeError, r"got the class Tanh at position 0\. Pass"),
        (lambda: optim.SGD(nn.Tanh().parameters), TypeError, r"Pass net\.parameters\(\)"),
        (lambda: nn.Tanh().load_state_dict("net.npz"), TypeError, r"al\.load\(path, into=net\)"),
        (lambda: nn.CrossEntropyLoss(np.eye(3), [0]), ValueError, r"Make the loss first"),
        (
            lambda: nn.CrossEntropyLoss()(np.eye(3), np.eye(4)[:3]),
            ValueError,
            r"for each of the 3 classes, of shape \(3, 3\), or integers as labels",
        ),
        (lambda: W.sum(dim=0), TypeError, r"sum\(\) got .*'dim'\. Write axis=\."),
        (lambda: W.std(dim=0), TypeError, r"^std\(\) got .*'dim'\. Write axis=\."),
        (lambda: al.softmax(W, dim=0), TypeError, r"softmax\(\) got .*'dim'\. Write axis=\."),
        (lambda: al.softmax(W.numpy(), dim=0), TypeError, r"softmax\(\) got .*'dim'\. Write axis="),
        (lambda: W.zero_grad(set_to_none=True), TypeError, r"Leave it out: the gradient is None"),
        (lambda: pow(W, 2, 3), TypeError, r"^power\(\) takes 2"),
        (lambda: nn.to_pytorch({}), TypeError, r"a dict\. Write nn\.to_pytorch\(net\)"),
        (lambda: nn.from_pytorch({}, NET), TypeError, r"Write nn\.from_pytorch\(net, state\)"),
        (lambda: W.argmax(dim=0), TypeError, r"'dim'\. Write axis=\."),
        (lambda: al.cat, AttributeError, r"Write np\.concatenate\(\[t, u\], axis=0\)\."),
        (lambda: al.grad(abs)(1j), TypeError, r"is 1j, and only .* two arguments of a function"),
        (lambda: al.grad(abs)(np.arange(2)), TypeError, r"with x\.astype\(float\), or leave it"),
        (lambda: al.scipy.fft, AttributeError, r"Write np\.fft, which takes Tensors\.$"),
        (lambda: al.scipy.stats.Norm, AttributeError, r"Write stats\.norm\.$"),
        (
            lambda: np.array([W, W]),
            al.GradientError,
            r"namesake in np\.linalg, np\.fft or al\.scipy",
        ),
        (
            lambda: al.softmax(W, 0),
            TypeError,
            r"^softmax\(\) takes 1 .* were given\. Write axis=\.$",
        ),
        (lambda: al.mse(1.0, 0.0, "sum"), TypeError, r"were given\. Write reduction=\.$"),
        (
            lambda: nn.from_pytorch(NET, NET),
            TypeError,
            r"needs a state, got Linear\. Write nn\.from",
        ),
        (
            lambda: al.export(NET, to="numpy"),
            TypeError,
            r"Pass an example of each: al\.export\(f, x",
        ),
        (lambda: al.compile(optim.SGD([W]), NET), TypeError, r"al\.compile\(loss, optimiser\) for"),
        (
            lambda: al.derive(np.ones(2)),
            TypeError,
            r"got ndarray\. Make the parameters Tensors, al",
        ),
        (lambda: al.exercise(np.sum), ValueError, r"Compute it, and pass the Tensor\.$"),
        (lambda: al.draw(np.ones(2)), TypeError, r"got ndarray\. Make it a Tensor, and compute"),
        (
            lambda: al.draw([np.ones(2)]),
            TypeError,
            r"got list with ndarray in it\. Make it a Tensor",
        ),
        (lambda: al.compare({"W": 1}, LOSS), TypeError, r"got dict\. Write compare\(loss, by_hand"),
        (lambda: al.compare(LOSS, "W", 1), TypeError, r"Of a loss, write compare\(loss, \{'w': dw"),
        (lambda: al.assert_gradients(np.sum, [W]), TypeError, r"gradcheck\(f, \[x\]\) checks the"),
        (
            lambda: W.item(),
            ValueError,
            r"item needs a tensor of size 1, got shape \(2,\)\. Wri",
        ),
        (lambda: al.gradcheck(np.sin, [1.0], ordr=2), TypeError, r"Did you mean order=\?$"),
        (lambda: al.export(np.sin, 1.0, too="jax"), TypeError, r"Did you mean to=\?$"),
        (lambda: al.Recorder(max_frame=3), TypeError, r"^Recorder.* Did you mean max_frames=\?$"),
        (lambda: al.save(W, "w.npz", pth=""), TypeError, r"Did you mean path=\?$"),
        (lambda: al.jit, AttributeError, r"Write al\.compile\(f\)\."),
        (lambda: al.data.DataLoader, AttributeError, r"Write al\.data\.batches\(X, y, 32, rng\)\."),
        (lambda: al.data.batches([1.0], shuffle=True), TypeError, r"'shuffle'\. Write rng=\."),
        (lambda: nn.functional.gelu, AttributeError, r"Write al\.nn\.GELU\(\)\(x\)\."),
        (lambda: al.load("net.npz", into=nn.Linear), TypeError, r"the class Linear\. Build it fir"),
        (lambda: setattr(NET, "weight", NET.weight - 1), TypeError, r"write net\.weight\.data = "),
        (lambda: W.gather(0, [1]), AttributeError, r"Write np\.take_along_axis\(t, ind"),
        (lambda: W.exp(), AttributeError, r"Write np\.exp\(t\)\."),
        (lambda: nn.Tanh().cuda(), AttributeError, r"'cuda'\. Leave it out: arrays are on the CPU"),
        (lambda: nn.Tanh().register_buffer, AttributeError, r"Write self\.mean = al\.Tensor\(v"),
        (lambda: nn.Tanh().apply(print), AttributeError, r"for module in net\.modules\(\): "),
        (lambda: nn.Linear(2, 2).widht, AttributeError, r"has no attribute 'widht'$"),
        (lambda: nn.utils, AttributeError, r"Write al\.optim\.clip_grad_norm_\(net\.param"),
        (lambda: optim.lr_scheduler, AttributeError, r"Write al\.optim\.StepLR\(optimiser, 10"),
        (
            lambda: LOSS.backward(retain_graph=True),
            TypeError,
            r"'retain_graph'\. Leave it out: a g",
        ),
        (lambda: nn.ReLU(inplace=True), TypeError, r"^ReLU\(\) got .*Leave it out: a result is"),
        (lambda: nn.ReLU(slope=1), TypeError, r"'slope'\. There are none\.$"),
        (lambda: nn.Linear(2, 1, device="cpu"), TypeError, r"Leave it out: arrays are on the CPU"),
        (lambda: NET.zero_grad(set_to_none=True), TypeError, r"Leave it out: the gradient is None"),
        (lambda: optim.SGD([W]).zero_grad(set_to_none=True), TypeError, r"Leave it out: the gra"),
        (lambda: optim.SGD(NET.named_parameters()), TypeError, r"Pass net\.parameters\(\)\."),
        (lambda: al.load("net.npz", map_location="cpu"), TypeError, r"Leave it out: arrays are"),
        (lambda: al.load("."), ValueError, r"ends in \.npz or \.safetensors, got '\.'\."),
        (lambda: al.data.batches(np.eye(4), 2), TypeError, r"got y=2\. Write batch_size=2\."),
        (lambda: nn.Embedding(3, 2, padding_idx=0), TypeError, r"Write layer\(x\) \* \(x != i\)"),
        (lambda: nn.Conv2d(1, 2, 3, padding_mode="reflect"), TypeError, r"Pad first: np\.pad"),
        (lambda: nn.L1Loss(size_average=True), TypeError, r"Write reduction='mean' or 'sum'"),
        (lambda: al.grad(np.sum, argnum=1), TypeError, r"'argnum'\. Write argnums=\."),
        (lambda: W.flatten(1), TypeError, r"For the axes from 1 on, write nn\.Flatten\(1\)\(t\)"),
        (lambda: W.flatten(start_dim=1), TypeError, r"Write nn\.Flatten\(1\)\(t\)"),
        (lambda: al.flatten, AttributeError, r"Write x\.reshape\(len\(x\), -1\), or nn\.Flatten"),
        (lambda: al.float32, AttributeError, r"Write np\.float32\.$"),
        (lambda: al.inv, AttributeError, r"Write np\.linalg\.inv: NumPy's functions take"),
        (lambda: al.from_numpy, AttributeError, r"Write al\.Tensor\(array\)\."),
        (lambda: al.autograd.grad, AttributeError, r"Write loss\.backward\(\) and w\.grad, or"),
        (lambda: al.MSELoss, AttributeError, r"Write al\.nn\.MSELoss\."),
        (lambda: nn.init.xavier_uniform, AttributeError, r"Did you mean init\.xavier_uniform_\?"),
        (lambda: W.square(), AttributeError, r"Write np\.square\(t\)\."),
        (lambda: W.hypot(W), AttributeError, r"Write np\.hypot\(t, u\)\."),
        (lambda: W.det(), AttributeError, r"Write np\.linalg\.det\(t, \.\.\.\)\."),
        (lambda: W.normal_(), AttributeError, r"Write t\.data = rng\.normal\(size=t\.shape\)"),
        (lambda: W.null_grad(), AttributeError, r"Write t\.zero_grad\(\)\."),
        (lambda: nn.Tanh().predict, AttributeError, r"Write net\.eval\(\), and net\(X\)"),
        (
            lambda: NET.load_state_dict({"net": NET.state_dict(), "epoch": 3}),
            ValueError,
            r"states in it: 'net'\. Pass state\['net'\], or for a file write al\.load\(path, into",
        ),
        (lambda: W.data.__isub__(OUTSIDE), ValueError, r"write t\.data = t\.data - lr"),
        (lambda: al.Tensor([1.0], device="cpu"), TypeError, r"^Tensor\(\) got .*Leave it out: arr"),
        (
            lambda: al.draw(LOSS, "x.svg"),
            TypeError,
            r"Write draw\(t\)\.save\('graph\.svg'\) for a f",
        ),
        (lambda: al.draw(LOSS, filename="x.svg"), TypeError, r"There are t, names, show"),
        (lambda: al.draw(LOSS, collapse=3), TypeError, r"collapse takes paths .* got int\."),
        (lambda: al.draw_surface(LOSS, directions=3), ValueError, r"is a pair, of two mappings"),
        (lambda: al.compare(LOSS, t=W), TypeError, r"Write compare\(loss, \{'t': \.\.\.\}\)\."),
        (lambda: al.compare(LOSS, W=W, knks="any"), TypeError, r"Write compare\(loss, \{'W': "),
        (
            lambda: al.compare(LOSS, [(W, [2.0, 4.0])]),
            TypeError,
            r"Tensor in it\. .*write \{w: dw\}",
        ),
        (lambda: al.compare(LOSS), TypeError, r"Write compare\(loss, \{'w': dw\}\)\."),
        (lambda: al.grade(al.exercise(LOSS), [1]), TypeError, r"Write grade\(task, \{'first': \{"),
        (lambda: optim.SGD([W]).step(print), TypeError, r"Write loss\.backward\(\), and then opt"),
        (lambda: optim.SGD(0.1, [W]), TypeError, r"got a float\. Pass net\.parameters\(\)\."),
        (lambda: nn.MSELoss(W, [0.0]), TypeError, r"Make the loss first, .* nn\.MSELoss\(\)\(x, t"),
        (lambda: nn.LSTM(4, 3, proj_size=2), TypeError, r"^LSTM\.__init__\(\) got .*There are inp"),
        (lambda: W.cumsum(dim=0), TypeError, r"^cumsum\(\) got .*'dim'\. Write axis=\."),
        (
            lambda: al.vjp(np.sin, np.ones(2))[1]([1, 1]),
            ValueError,
            r"write np\.array\(\[\.\.\.\]\)",
        ),
        (lambda: al.jvp(np.add, (1.0, 3), (1.0, 0)), TypeError, r"or bind it: lambda x: f\(x, \."),
        (lambda: W.unbind(), AttributeError, r"Write tuple\(t\), or np\.unstack\(t, axis=axis\)"),
        (lambda: W.ge(0), AttributeError, r"Write t >= u\.$"),
        (lambda: W.stride(), AttributeError, r"write np\.lib\.stride_tricks\.sliding_window_view"),
        (lambda: W.ptp(), AttributeError, r"Write np\.ptp\(t, \.\.\.\)\.$"),
        (lambda: W.qr(), AttributeError, r"Write np\.linalg\.qr\(t, \.\.\.\)\.$"),
        (lambda: W.clamp_(0), AttributeError, r"Write t\[\.\.\.\] = np\.clip\(t, low, high\), for"),
        (lambda: W.sum(0, True), TypeError, r"got dtype=True, by position\. Write keepdims=True\."),
        (lambda: W.max(0, True), TypeError, r"got out=True, by position\. Write keepdims=True\."),
        (lambda: al.Value(2.0), AttributeError, r"al\.Tensor\(2\.0, requires_grad=True\)"),
        (lambda: nn.Dense, AttributeError, r"Write nn\.Linear\(in_features, out_features\)\."),
        (lambda: nn.TransformerEncoderLayer, AttributeError, r"nn\.MultiheadAttention, two nn\.La"),
        (lambda: W.nonsense, AttributeError, r"has no attribute 'nonsense'$"),
        (lambda: al.nonsense, AttributeError, r"has no attribute 'nonsense'$"),
        (lambda: al.draw(LOSS).nonsense, AttributeError, r"has no attribute 'nonsense'$"),
    ],
)
def test_a_first_guess_is_answered(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_a_parameter_is_moved_as_the_error_says():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        (w * w).sum().backward()
        with pytest.raises(al.GradientError, match=r"write t\.data = t\.data - lr \* "):
            w -= 0.1 * w.grad
        w.data = w.data - 0.1 * w.grad.data
        w.zero_grad()
    np.testing.assert_allclose(w.numpy(), [0.64, 1.28])


def test_a_missing_name_is_missing():
    assert not hasattr(W, "float")
    assert not hasattr(nn, "tanh")
    assert "float" not in dir(W)
    assert "float" not in dir(al.Tensor)
    with pytest.raises(TypeError, match=r"^Linear\.__init__\(\) missing 2 required"):
        nn.Linear()


def test_python_adds_no_guess_of_its_own():
    with pytest.raises(AttributeError) as raised:
        nn.functional.gelu  # noqa: B018  (to look it up is the test)
    assert raised.value.name == "gelu"
    assert raised.value.obj is None  # Among whose attributes it would look.


def test_dir_and_help_show_what_is_public_and_a_tour():
    # `from autograd_lite import *` would import SciPy with it.
    assert {*al.__all__, "scipy"} == {name for name in dir(al) if not name.startswith("_")}
    said = pydoc.plain(pydoc.render_doc(al))
    assert said.index("transforms") < said.index("PACKAGE CONTENTS")
    assert all(name in al.__doc__ for name in ("`draw`", "`derive`", "`compare`", "`nn`", "`save`"))


@pytest.mark.parametrize("loss", [al.mse, nn.MSELoss(), nn.L1Loss(), nn.BCEWithLogitsLoss()])
def test_a_column_against_a_row_is_refused_by_losses(loss):
    with pytest.raises(ValueError, match=r"\(4,\) and target: \(4, 1\)\. Reshape one"):
        loss(al.Tensor(np.full(4, 0.5)), np.ones((4, 1)))


def test_data_takes_the_values_of_a_tensor_that_has_no_gradient():
    w = al.Tensor([1.0, 2.0], requires_grad=True)
    (w * w).sum().backward()
    w.data = w.data - 0.5 * w.grad
    assert type(w.data) is np.ndarray
    assert w.sum().item() == 0
    with pytest.raises(al.GradientError, match=r"t\.data = u, which takes values"):
        w.data = w * 2


X = np.array([[-7.0, -0.5, 0.25, 6.5]])


@pytest.mark.parametrize(
    ("package", "name", "value"),
    [
        (nn, "LogSigmoid", np.log(1 / (1 + np.exp(-X)))),
        (nn, "Softmin", np.exp(-X) / np.exp(-X).sum()),
        (nn, "ReLU6", [[0.0, 0.0, 0.25, 6.0]]),
        (nn, "Hardtanh", [[-1.0, -0.5, 0.25, 1.0]]),
        (nn, "Mish", X * np.tanh(np.log1p(np.exp(X)))),
        (nn, "MaxPool1d", [[-0.5, 6.5]]),
        (nn, "AvgPool1d", [[-3.75, 3.375]]),
        (nn, "Hardsigmoid", np.clip(X / 6 + 0.5, 0, 1)),
        (nn, "Hardswish", X * np.clip(X / 6 + 0.5, 0, 1)),
        (nn, "Softsign", X / (1 + abs(X))),
        (nn, "SELU", 1.0507009873554805 * np.where(X > 0, X, 1.6732632423543772 * np.expm1(X))),
        (nn.functional, "logsigmoid", np.log(1 / (1 + np.exp(-X)))),
        (nn.functional, "softmin", np.exp(-X) / np.exp(-X).sum()),
    ],
)
def test_what_to_write_in_place_of_a_function_computes_that_function(package, name, value):
    with pytest.raises(AttributeError) as caught:
        getattr(package, name)
    line = str(caught.value).partition("Write ")[2].removesuffix(".")
    assert "Did you mean" not in str(caught.value)
    x = X[None] if "Pool" in name else X
    got = np.squeeze(eval(line, {"np": np, "al": al, "nn": nn, "x": x}))
    np.testing.assert_allclose(got, np.squeeze(value), rtol=1e-12)


def test_what_to_write_in_place_of_a_transposed_convolution_computes_it():
    with pytest.raises(AttributeError) as caught:
        nn.ConvTranspose1d()
    line = str(caught.value).partition("Write ")[2].partition(" and the shape")[0]
    computed, made = line.split(", with ")
    known = {"al": al, "np": np, "nn": nn, "m": 1, "n": 1, "size": 2, "shape": (1, 1, 3)}
    exec(made, known)
    known["x"] = al.Tensor([[[2.0, 3.0]]], requires_grad=True)
    known["conv"].weight.data = [[[5.0, 7.0]]]
    y = eval(computed, known)
    assert y.tolist() == [[[10.0, 14.0 + 15.0, 21.0]]]
    (y * y).sum().backward()
    assert known["x"].grad.tolist() == [[[2 * (10 * 5 + 29 * 7.0), 2 * (29 * 5 + 21 * 7.0)]]]
    assert known["conv"].weight.grad.tolist() == [[[2 * (20 + 29 * 3.0), 2 * (29 * 2 + 63.0)]]]


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_what_to_write_in_place_of_a_normalization_of_groups_computes_it(groups):
    x = np.random.default_rng(0).normal(size=(3, 4, 2, 5))
    lines = []
    for name in ("GroupNorm", "InstanceNorm2d"):
        with pytest.raises(AttributeError) as caught:
            getattr(nn, name)
        lines.append(str(caught.value).partition("Write ")[2].rstrip("."))
    computed, _, made = lines[0].partition(", with ")
    known = {"np": np, "x": x, "groups": groups, "eps": 1e-5}
    exec(made.partition(", and")[0], known)
    got = eval(computed, known).reshape(x.shape)
    parts = np.stack([p for row in x for p in np.split(row, groups)])
    wanted = [(p - p.mean()) / np.sqrt(p.var() + 1e-5) for p in parts]
    np.testing.assert_allclose(got, np.reshape(wanted, x.shape), rtol=1e-12)
    if groups == 4:
        np.testing.assert_allclose(eval(lines[1], known), got, rtol=1e-12)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_a_step_of_a_cell_is_that_of_the_layer(kind):
    with pytest.raises(AttributeError) as caught:
        getattr(nn, f"{kind}Cell")
    line = str(caught.value).partition("Write ")[2].partition(": a step")[0]
    made, called = line.split(", and ")
    sequence = np.random.default_rng(0).normal(size=(3, 2, 4))
    known = {"nn": nn, "n": 4, "m": 5, "state": None}
    exec(made, known)
    whole, _ = known["cell"](sequence)
    for x, wanted in zip(sequence, whole, strict=True):
        known["x"] = x
        exec(called, known)
        np.testing.assert_allclose(known["y"][0].numpy(), wanted.numpy(), rtol=1e-12)


def test_names_that_a_tensor_has_stay_listed():
    t = al.Tensor(np.eye(2))
    assert {name for name in dir(np.ndarray) if hasattr(t, name)} <= set(dir(t))
