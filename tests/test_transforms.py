"""Transforms of functions: values, structures, nesting, mistakes."""

import numpy as np
import pytest

import autograd_lite as al


def f(x):
    return np.tanh(x) * np.sin(x) + x**3


def f1(x):
    return np.sin(x) / np.cosh(x) ** 2 + np.tanh(x) * np.cos(x) + 3 * x**2


def test_grad_of_a_numpy_function_gives_a_plain_number_or_array():
    assert al.grad(f)(0.7) == pytest.approx(f1(0.7), rel=1e-14)
    assert type(al.grad(f)(0.7)) is np.float64
    g = al.grad(lambda x: np.sum(f(x)))(np.array([0.7, -1.2]))
    assert type(g) is np.ndarray
    g[0] = 0.0  # The result is the caller's own.


def test_grad_nests_without_limit():
    nested = np.exp
    for _ in range(5):
        nested = al.grad(nested)
    assert nested(0.5) == pytest.approx(np.exp(0.5), rel=1e-14)


def test_levels_are_not_confused():
    assert al.grad(lambda x: x * al.grad(lambda y: x + y)(1.0))(5.0) == 1.0
    assert al.grad(lambda x: x * al.grad(lambda y: x * y)(1.0))(5.0) == 10.0
    assert al.grad(lambda x: al.grad(lambda y: x * y**2)(x))(3.0) == 12.0  # d/dx of 2 x * x


def test_a_gradient_through_a_parameter_outside_is_not_lost():
    w = al.Tensor(2.0, requires_grad=True)
    slope = al.grad(lambda x: w * x**2)(3.0)
    assert slope.item() == 12.0
    slope.backward()
    assert w.grad.item() == 6.0


def test_argnums_choose_and_a_sequence_gives_a_tuple():
    def g(a, b, c):
        return a * b**2 + c

    assert al.grad(g, 1)(2.0, 3.0, 1.0) == 12.0
    assert al.grad(g, (2, 0))(2.0, 3.0, 1.0) == (1.0, 9.0)
    assert al.grad(g, -1)(2.0, 3.0, 1.0) == 1.0


def test_nested_arguments_give_results_of_the_same_structure():
    params = {"layers": [(np.ones((2, 3)), np.zeros(3)), (np.ones((3, 1)), np.zeros(1))], "s": 2.0}

    def net(p, x):
        for w, b in p["layers"]:
            x = np.tanh(x @ w + b)
        return np.sum(x) * p["s"]

    g = al.grad(net)(params, np.ones((4, 2)))
    assert list(g) == ["layers", "s"]
    assert [type(layer) for layer in g["layers"]] == [tuple, tuple]
    assert g["layers"][0][0].shape == (2, 3)
    assert g["s"] == pytest.approx(net(params, np.ones((4, 2))) / 2)


def test_value_and_grad_with_aux_passes_the_rest_on():
    (value, aux), g = al.value_and_grad(lambda x: (x**2, "kept"), has_aux=True)(3.0)
    assert (value, aux, g) == (9.0, "kept", 6.0)
    assert al.grad(lambda x: (x**2, "kept"), has_aux=True)(3.0) == (6.0, "kept")


def test_a_result_that_does_not_depend_on_the_input_gives_zeros():
    assert al.grad(lambda x: 3.0)(1.0) == 0.0
    a, b = al.grad(lambda a, b: np.sum(a), (0, 1))(np.ones(2), np.ones(3))
    np.testing.assert_array_equal(a, np.ones(2))
    np.testing.assert_array_equal(b, np.zeros(3))
    y, y_dot = al.jvp(lambda x: 3.0, (1.0,), (1.0,))
    assert (y, y_dot) == (3.0, 0.0)


def test_vjp_and_jvp_are_the_two_products_with_the_jacobian():
    rng = np.random.default_rng(0)
    x, v, u = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.normal(size=(3, 2))

    def g(x):
        return np.exp(x).T @ (x @ x.T)

    jac = al.jacobian(g)(x)
    assert jac.shape == (3, 2, 2, 3)
    y, pullback = al.vjp(g, x)
    np.testing.assert_allclose(y, g(x), rtol=1e-14)
    np.testing.assert_allclose(pullback(u)[0], np.tensordot(u, jac, 2), rtol=1e-12)
    _, y_dot = al.jvp(g, (x,), (v,))
    np.testing.assert_allclose(y_dot, np.tensordot(jac, v, 2), rtol=1e-12)
    h = 1e-6
    np.testing.assert_allclose(y_dot, (g(x + h * v) - g(x - h * v)) / (2 * h), rtol=1e-6)


def test_a_pullback_may_be_called_again():
    _, pullback = al.vjp(lambda x: x**2, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(pullback(np.ones(2))[0], pullback(np.ones(2))[0])


def test_jacobian_of_several_arguments_and_of_empty_results():
    a, b = np.arange(2.0), np.arange(3.0)
    by_a, by_b = al.jacobian(lambda a, b: np.sum(a) * b, (0, 1))(a, b)
    np.testing.assert_array_equal(by_a, np.outer(b, np.ones(2)))
    np.testing.assert_array_equal(by_b, np.eye(3))
    assert al.jacobian(lambda x: x[:0])(np.ones(2)).shape == (0, 2)


def test_hessian_is_symmetric_and_hvp_is_its_product():
    rng = np.random.default_rng(1)
    x, v = rng.normal(size=4), rng.normal(size=4)

    def g(x):
        return np.sum(np.sin(x) * np.exp(x[::-1])) + x[0] * x[1] * x[2]

    matrix = al.hessian(g)(x)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-12)
    (product,) = al.hvp(g, (x,), (v,))
    np.testing.assert_allclose(product, matrix @ v, rtol=1e-12)
    numerical = (al.grad(g)(x + 1e-6 * v) - al.grad(g)(x - 1e-6 * v)) / 2e-6
    np.testing.assert_allclose(product, numerical, rtol=1e-6)


def test_forward_over_reverse_over_forward():
    def forward(x):
        return al.jvp(f, (x,), (1.0,))[1]

    assert al.grad(forward)(0.7) == pytest.approx(al.grad(al.grad(f))(0.7), rel=1e-12)
    assert al.jvp(forward, (0.7,), (1.0,))[1] == pytest.approx(al.grad(al.grad(f))(0.7), rel=1e-12)


def test_float32_arguments_keep_their_type():
    assert al.grad(lambda x: np.sum(x**2))(np.ones(2, np.float32)).dtype == np.float32


def test_transforms_work_inside_no_grad_and_leave_recording_as_it_was():
    with al.no_grad():
        assert al.grad(f)(0.7) == pytest.approx(f1(0.7))
        assert not al.is_grad_enabled()


def test_what_cannot_be_differentiated_is_named():
    with pytest.raises(TypeError, match="sin: argument 0 is 1, and only floating-point"):
        al.grad(np.sin)(1)
    with pytest.raises(TypeError, match=r"argument 1\['w'\]\[0\] is 'x'"):
        al.grad(lambda a, p: a, 1)(1.0, {"w": ["x"]})
    with pytest.raises(ValueError, match=r"returned shape \(3,\)\. Sum it up"):
        al.grad(lambda x: x)(np.ones(3))
    with pytest.raises(TypeError, match="asks for argument 2, got 1 positional"):
        al.grad(np.sin, 2)(1.0)
    with pytest.raises(TypeError, match="must return one array, got a tuple"):
        al.grad(lambda x: (x, x))(1.0)
    with pytest.raises(ValueError, match=r"needs a cotangent of shape \(2,\), got \(3,\)"):
        al.vjp(np.sin, np.ones(2))[1](np.ones(3))
    with pytest.raises(ValueError, match="structure and shapes of the primals"):
        al.jvp(np.sin, (np.ones(2),), (np.ones(3),))
    with pytest.raises(TypeError, match="must be tuples"):
        al.hvp(np.sin, 1.0, 1.0)
