"""Every public function of NumPy: differentiated, computed, or refused with a reason."""

import inspect
import re
import warnings
from pathlib import Path

import linalg_calls
import numpy as np
import pytest
from numpy_calls import INPUTS, SCOPE, calls
from oracles import locked, real_of

from autograd_lite import Tensor
from autograd_lite.numpy_api import coverage, values_of
from autograd_lite.numpy_api.table import CARRIED, NEW, REFUSED, WITHOUT_DERIVATIVE

CALLS = calls()
TABLE = coverage.table()
FUNCTIONS = coverage.public()


def used(call):
    """The names of the inputs in a call."""
    return [name for name in INPUTS if re.search(rf"(?<![\w.]){name}(?![\w=])", call)]


def evaluate(call, inputs):
    return eval(call, SCOPE | INPUTS | inputs)


def parts(result):
    """The arrays in what a function returns, whatever holds them."""
    if isinstance(result, list | tuple):
        return [part for item in result for part in parts(item)]
    return [result]


def weights(part, i):
    return np.random.default_rng(i).normal(size=np.shape(part))


# ------------------------------------------------------------ differentiable


@pytest.mark.parametrize("call", CALLS)
def test_value_type_and_structure_are_those_of_numpy(call):
    arrays = {name: locked(INPUTS[name]) for name in used(call)}
    expected = evaluate(call, arrays)
    result = evaluate(call, {name: Tensor(x, requires_grad=True) for name, x in arrays.items()})
    if isinstance(expected, list | tuple):
        assert isinstance(result, tuple if isinstance(expected, tuple) else list)
    for got, want in zip(parts(result), parts(expected), strict=True):
        assert got.shape == np.shape(want)
        assert got.dtype == np.asarray(want).dtype
        np.testing.assert_allclose(values_of(got), want, rtol=1e-12, atol=1e-13)
    assert any(isinstance(part, Tensor) and part.requires_grad for part in parts(result))


@pytest.mark.parametrize("call", CALLS)
def test_what_numpy_makes_anew_may_be_written_to(call):
    """And only that: a view that NumPy makes is none here."""
    arrays = {name: INPUTS[name].copy() for name in used(call)}
    made = parts(evaluate(call, arrays))
    result = parts(
        evaluate(call, {name: Tensor(x, requires_grad=True) for name, x in arrays.items()})
    )
    for i, (got, want) in enumerate(zip(result, made, strict=True)):
        others = [*arrays.values(), *(x for j, x in enumerate(made) if j != i)]
        if isinstance(got, Tensor) and not any(np.may_share_memory(want, x) for x in others):
            got[...] = 0.0


@pytest.mark.parametrize(
    "decompose",
    [np.linalg.eigh, np.linalg.eig, np.linalg.qr, lambda a: np.linalg.svd(a, full_matrices=False)],
)
@pytest.mark.parametrize("requires_grad", [True, False])
def test_parts_of_a_decomposition_may_be_written_to(decompose, requires_grad):
    """As in ``w, v = np.linalg.eigh(a); w[w < 0] = 0``."""
    a = Tensor([[2.0, 1.0], [1.0, -3.0]], requires_grad=requires_grad)
    for part, before in zip(decompose(a), decompose(a.numpy()), strict=True):
        part[part < 0] = 0.0
        np.testing.assert_allclose(part.numpy(), np.maximum(linalg_calls.as_real(before), 0.0))


def contraction(result):
    """A number that all parts of a result go into, those that can have a derivative."""
    total = 0.0
    for i, part in enumerate(parts(result)):
        kind = np.asarray(part if not isinstance(part, Tensor) else part.data).dtype.kind
        if kind in "fc":
            real = real_of(part) if kind == "c" else part
            clean = np.where(np.isfinite(real), real, 0.0)
            total = total + np.sum(clean * weights(part, i))
    return total


@pytest.mark.parametrize("call", [call for call in CALLS if "float32" not in call])
def test_gradient_is_what_differences_of_numpy_say(call):
    names = used(call)
    tensors = {name: Tensor(INPUTS[name], requires_grad=True) for name in names}
    total = contraction(evaluate(call, tensors))
    total.backward(create_graph=True)
    rng = np.random.default_rng(7)
    directions = {name: rng.normal(size=INPUTS[name].shape) for name in names}

    def at(h):
        moved = {name: INPUTS[name] + h * directions[name] for name in names}
        return contraction(evaluate(call, moved))

    h = 1e-4
    slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
    found = sum(
        np.nansum(tensors[name].grad.numpy() * directions[name])
        for name in names
        if tensors[name].grad is not None
    )
    np.testing.assert_allclose(found, slope, rtol=1e-7, atol=1e-7)
    check_second_derivative(call, tensors, directions)


def check_second_derivative(call, tensors, directions):
    """Against differences of the first, which has been compared with NumPy."""
    inner = [
        np.sum(np.where(np.isnan(INPUTS[name]), 0.0, t.grad) * directions[name])
        for name, t in tensors.items()
        if t.grad is not None and t.grad.requires_grad
    ]
    if not inner:
        return  # It is linear.
    for t in tensors.values():
        t.zero_grad()
    sum(inner).backward()
    found = sum(
        np.nansum(t.grad.numpy() * directions[name])
        for name, t in tensors.items()
        if t.grad is not None
    )

    def first(h):
        moved = {
            name: Tensor(INPUTS[name] + h * directions[name], requires_grad=True)
            for name in tensors
        }
        contraction(evaluate(call, moved)).backward()
        return sum(
            np.nansum(t.grad.numpy() * directions[name])
            for name, t in moved.items()
            if t.grad is not None
        )

    h = 1e-4
    slope = (8 * (first(h) - first(-h)) - (first(2 * h) - first(-2 * h))) / (12 * h)
    np.testing.assert_allclose(found, slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("call", [call for call in CALLS if "float" not in call])
def test_single_precision_is_kept_as_numpy_keeps_it(call):
    arrays = {name: INPUTS[name].astype(np.float32) for name in used(call)}
    expected = evaluate(call, arrays)
    tensors = {name: Tensor(x, requires_grad=True) for name, x in arrays.items()}
    result = evaluate(call, tensors)
    for got, want in zip(parts(result), parts(expected), strict=True):
        assert got.dtype == np.asarray(want).dtype
        np.testing.assert_allclose(values_of(got), want, rtol=1e-5, atol=1e-5)
    contraction(result).backward()
    for tensor in tensors.values():
        assert tensor.grad is None or tensor.grad.dtype == np.float32


def awkward(x):
    """The same array, neither contiguous nor in row-major order."""
    wide = np.zeros((*x.shape[::-1], 2), x.dtype).T
    wide[1] = x
    return wide[1]


@pytest.mark.parametrize("call", [call for call in CALLS if "float32" not in call])
def test_where_things_lie_in_memory_makes_no_difference(call):
    plain = {name: Tensor(INPUTS[name], requires_grad=True) for name in used(call)}
    strided = {name: Tensor(awkward(INPUTS[name]), requires_grad=True) for name in used(call)}
    results = [contraction(evaluate(call, inputs)) for inputs in (plain, strided)]
    np.testing.assert_allclose(results[0].item(), results[1].item(), rtol=1e-13, atol=1e-14)
    for result in results:
        result.backward()
    for name, t in plain.items():
        if t.grad is not None:
            np.testing.assert_allclose(t.grad, strided[name].grad, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("order", ["K", "A"])
def test_entries_are_laid_out_as_they_lie_in_memory(order):
    for x in (INPUTS["t"], INPUTS["t"].T, INPUTS["t"].swapaxes(0, 1), awkward(INPUTS["t"])):
        t = Tensor(x, requires_grad=True) if x.flags.c_contiguous else Tensor(x)
        value = np.ravel(t.numpy(), order)
        np.testing.assert_array_equal(np.ravel(t, order).numpy(), value)
        np.testing.assert_array_equal(t.ravel(order).numpy(), value)
    t = Tensor(INPUTS["m"], requires_grad=True)
    np.sum(np.ravel(t.T, "K") * np.arange(6)).backward()
    assert t.grad.tolist() == [[0, 1, 2], [3, 4, 5]]


def called(function):
    """Whether some call above is of this function."""
    names = [name for name, other in FUNCTIONS.items() if other is function]
    return any(f"{name}(" in call for name in names for call in (*CALLS, *LINEAR_ALGEBRA))


LINEAR_ALGEBRA = [inspect.getsource(variant) for variant in linalg_calls.VARIANTS]


@pytest.mark.parametrize("name", [row.name for row in TABLE if row.status == "differentiable"])
def test_every_differentiable_function_is_called_above(name):
    assert called(FUNCTIONS[name])


# ------------------------------------------------------------ values

VALUES = np.array([2.0, 0.0, 1.5])
ARGUMENTS = {
    np.searchsorted: (np.sort(VALUES), 1.0),
    np.digitize: (VALUES, np.sort(VALUES)),
    np.can_cast: (np.float32, np.float64),
    np.argpartition: (VALUES, 1),
    np.floor_divide: (VALUES, 0.7),
    np.isin: (VALUES, [2.0]),
    np.isnat: (np.array(["NaT", "2020-01-01"], dtype="datetime64[D]"),),
    np.histogramdd: (np.stack([VALUES, VALUES]).T,),
    np.diag_indices_from: (np.eye(2),),
    np.tril_indices_from: (np.eye(2),),
    np.triu_indices_from: (np.eye(2),),
    np.ravel_multi_index: ((np.array([0, 1]), np.array([1, 1])), (2, 2)),
    np.unravel_index: (np.array([0, 3]), (2, 2)),
    np.packbits: (np.array([1, 0, 1], np.uint8),),
    np.unpackbits: (np.array([5], np.uint8),),
    np.einsum_path: ("ij,jk", np.eye(2), np.eye(2)),
}
WHOLE = {
    np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.left_shift, np.right_shift, np.gcd, np.lcm,
}  # fmt: skip
WRITES = {np.save, np.savez, np.savez_compressed, np.savetxt}


def lifted(x):
    if isinstance(x, tuple):
        return tuple(map(lifted, x))
    if not isinstance(x, np.ndarray) or x.dtype.kind == "M":
        return x
    return Tensor(x, requires_grad=x.dtype == float)


@pytest.mark.parametrize(
    "function", sorted(WITHOUT_DERIVATIVE - WRITES, key=lambda f: f.__name__),
    ids=lambda f: f.__name__,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")
def test_function_without_derivative_gives_what_numpy_gives(function):
    arguments = ARGUMENTS.get(function, (VALUES,))
    if function in WHOLE:
        arguments = (np.array([6, 4]), np.array([4, 1]))
    if function in (np.bitwise_count, np.invert):
        arguments = (np.array([6, 4]),)
    try:
        expected = function(*arguments)
    except (TypeError, ValueError, np.linalg.LinAlgError):
        arguments = (VALUES, VALUES[::-1].copy())
        try:
            expected = function(*arguments)
        except (TypeError, ValueError, np.linalg.LinAlgError):
            arguments = (np.array([[2.0, 1.0], [0.5, 3.0]]),)
            expected = function(*arguments)
    result = function(*map(lifted, arguments))
    if function in NEW:
        assert isinstance(result, Tensor)
        assert result.shape == expected.shape
    else:
        assert type(result) is type(expected)
    if function is not np.empty_like:
        np.testing.assert_equal(result, expected)


@pytest.mark.parametrize(
    "made", [np.zeros_like, np.ones_like, np.empty_like, lambda t: np.full_like(t, 2.0)]
)
def test_gradients_can_be_written_into_an_array_made_like_a_tensor(made):
    """As programs do that were written for arrays: ``lap = np.zeros_like(u)``."""
    x = Tensor([1.0, 2.0, 4.0], requires_grad=True)
    new = made(x)
    assert not new.requires_grad
    new[1:] = np.diff(x)
    new[0] = 0.0
    np.sum(new**2).backward()
    assert x.grad.tolist() == [-2.0, -2.0, 4.0]
    assert made(x[0]).shape == ()
    assert isinstance(np.zeros_like(x, dtype=int), np.ndarray)  # Of positions, say.
    assert isinstance(np.full_like(x, 1.0, dtype=bool), np.ndarray)
    assert np.ones_like(x, np.float32, shape=(2, 1)).dtype == np.float32
    assert isinstance(np.zeros_like(a=x), Tensor)
    assert isinstance(made(x * 1j), Tensor)


def test_two_results_are_written_into_two_tensors():
    x = Tensor([1.5, -2.25], requires_grad=True)
    part, whole = np.zeros_like(x), np.zeros_like(x)
    assert np.modf(x, out=(part, whole))[0] is part
    assert np.divmod(x, 2.0, out=(None, whole))[1] is whole
    np.sum(part * whole).backward()
    assert x.grad.tolist() == [2.0, 1.5]


@pytest.mark.parametrize("function", sorted(WRITES, key=str), ids=lambda f: f.__name__)
def test_values_are_written_to_files(function, tmp_path):
    path = tmp_path / ("values.txt" if function is np.savetxt else "values.npz")
    if function is np.save:
        path = tmp_path / "values.npy"
    function(path, lifted(VALUES))
    read = np.loadtxt(path) if function is np.savetxt else np.load(path)
    np.testing.assert_array_equal(
        read if function in (np.save, np.savetxt) else read["arr_0"], VALUES
    )


def test_weights_of_a_histogram_are_not_dropped():
    for function in CARRIED:
        with pytest.raises(TypeError, match=rf"np\.{function.__name__} has no derivative"):
            function(*[np.ones(3)] * (1 + (function is np.histogram2d)), weights=lifted(VALUES))
    for weights in (np.arange(3.0), np.arange(3.0, dtype=np.float32)):
        for options in ({"bins": 2}, {"bins": 3, "range": (1, 2), "density": True}):
            for given in (Tensor(weights), lifted(weights)):
                sums, _ = np.histogram([0, 2, 2], weights=given, **options)
                expected, _ = np.histogram([0, 2, 2], weights=weights, **options)
                assert sums.tolist() == expected.tolist()
                assert sums.dtype == expected.dtype


# ------------------------------------------------------------ refused, and the table


@pytest.mark.parametrize("name", [row.name for row in TABLE if row.status == "refused"])
def test_refused_function_says_its_name_and_the_reason(name):
    function = FUNCTIONS[name]
    t = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    fillers = {
        np.interp: (t, [0, 1], [0, 1]), np.polyfit: (t, t, 1), np.nextafter: (t, 1.0),
    }  # fmt: skip
    with pytest.raises(TypeError) as caught:
        function(*fillers.get(function, (t,)))
    message = str(caught.value)
    if "missing" in message and "required" in message:  # NumPy does not even hand it over.
        with pytest.raises(TypeError) as caught:
            function(t, t)
        message = str(caught.value)
    assert message.startswith((name, f"np.{function.__name__}"))
    assert REFUSED.get(function, "no derivative") in message


def test_every_public_function_is_in_one_table_only():
    tables = [set(REFUSED), set(WITHOUT_DERIVATIVE)]
    differentiable = {FUNCTIONS[row.name] for row in TABLE if row.status == "differentiable"}
    assert not tables[0] & tables[1]
    assert not differentiable & (tables[0] | tables[1])
    assert len(TABLE) == len(FUNCTIONS)


def test_nothing_that_takes_arrays_is_called_other():
    """What NumPy does not hand over must not take a Tensor and lose its gradient."""
    t = Tensor([1.0, 2.0], requires_grad=True)
    for row in TABLE:
        if row.status != "other" or row.name in ("np.test", "np.linalg.test", "np.info"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = FUNCTIONS[row.name](t)
            except (TypeError, ValueError, AttributeError, LookupError, OSError, RuntimeError):
                continue
        assert not isinstance(result, np.ndarray), row.name


def test_the_manual_says_how_many():
    readme = Path(coverage.__file__).with_name("README.md").read_text("utf-8")
    number = coverage.counts()
    counted_in = re.search(r"public functions\s+of\s+NumPy (\d\.\d)", readme)[1]
    same = np.__version__.startswith(f"{counted_in}.")  # Others have some more, or fewer.
    for status in ("differentiable", "value", "refused") if same else ("differentiable",):
        assert f"| {number[status]} |" in readme, (status, number)


def test_the_table_is_printed(capsys):
    coverage.main([])
    listing = capsys.readouterr().out
    assert listing.startswith(f"differentiable: {coverage.counts()['differentiable']} functions")
    assert "np.nextafter" in listing
    coverage.main(["cumsum", "nextafter"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        ["np.cumsum", "differentiable"],
        ["np.nancumsum", "differentiable"],
        ["np.nextafter", "refused"],
    ]
    with pytest.raises(SystemExit, match="Nothing here has nosuch in its name"):
        coverage.main(["nosuch"])
    coverage.main(["--markdown"])
    assert capsys.readouterr().out.count("\n") == len(TABLE) + 2
