"""NumPy's linear algebra on Tensors: kinks, ties, singular points, and what is refused."""

import itertools

import numpy as np
import pytest
from linalg_calls import SPD, TALL, A, U, X, gradient_agrees, leaf, source

import autograd_lite as al


def gradient(f, x):
    return np.asarray(al.grad(lambda x: np.sum(f(x)))(np.array(x, float)))


def hessian(f, x):
    return np.asarray(al.hessian(lambda x: np.sum(f(x)))(np.array(x, float)))


@pytest.mark.parametrize("order", [None, 1, 2, 3, 1.5, 0.5, np.inf, -np.inf, 0])
def test_norm_of_zeros_has_the_gradient_zero(order):
    assert not gradient(lambda x: np.linalg.norm(x, order), [0.0, 0.0]).any()


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_norm_of_a_matrix_of_zeros_has_the_gradient_zero(order):
    assert not gradient(lambda x: np.linalg.norm(x, order), np.zeros((2, 3))).any()


def test_an_entry_of_zero_gets_nothing_where_it_makes_a_kink():
    for order in (1, 0.5, 1.5, -1):
        with np.errstate(divide="ignore"):
            g = gradient(lambda x, order=order: np.linalg.norm(x, order), [3.0, 0.0, -4.0])
        assert g[1] == 0
        assert np.isfinite(g).all()
    assert gradient(lambda x: np.linalg.norm(x, -1), [3.0, 4.0]).all()


def test_complex_tensors_keep_their_imaginary_parts():
    z = A + 1j
    for call in (np.linalg.inv, np.linalg.det, np.linalg.norm, np.linalg.trace, np.linalg.solve):
        arguments = (z, z[0]) if call is np.linalg.solve else (z,)
        np.testing.assert_allclose(call(*map(al.Tensor, arguments)), call(*arguments))
    for order in (1, -np.inf, "fro"):
        np.testing.assert_allclose(np.linalg.norm(al.Tensor(z), order), np.linalg.norm(z, order))


def test_ties_share_the_gradient_of_a_norm():
    g = gradient(lambda x: np.linalg.norm(x, np.inf), [2.0, -2.0, 1.0])
    assert g.tolist() == [0.5, -0.5, 0.0]
    g = gradient(lambda x: np.linalg.norm(x, -np.inf), [2.0, -1.0, 1.0])
    assert g.tolist() == [0.0, -0.5, 0.5]
    # Two equal singular values: half of each u v'.
    np.testing.assert_allclose(gradient(lambda x: np.linalg.norm(x, 2), np.eye(2)), np.eye(2) / 2)


def test_nuclear_norm_of_a_singular_matrix_has_its_middle_subgradient():
    g = gradient(lambda x: np.linalg.norm(x, "nuc"), [[3.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(g, [[1, 0], [0, 0]], atol=1e-15)


def test_equal_eigenvalues_and_singular_values_stay_finite():
    for f in (np.linalg.eigh, np.linalg.svd, lambda a: tuple(map(np.real, np.linalg.eig(a)))):
        for x in (np.eye(3), np.zeros((3, 3)), np.diag([2.0, 2.0, 1.0])):
            for k in range(len(f(x))):
                g = gradient(lambda x, f=f, k=k: f(x)[k] * A[: f(x)[k].shape[0]], x)
                assert np.isfinite(g).all()
                assert np.isfinite(hessian(lambda x, f=f, k=k: f(x)[k], x)).all()


def test_eigenvalues_that_differ_by_rounding_are_equal():
    for seed in range(20):
        q = np.linalg.qr(np.random.default_rng(seed).normal(size=(4, 4)))[0]
        g = gradient(
            lambda x: np.linalg.eigh(x)[1] * np.arange(4.0), q @ np.diag([1, 2, 2, 3]) @ q.T
        )
        assert np.abs(g).max() < 100


def test_eigenvalues_alone_are_right_where_they_are_equal():
    """As far as they have a derivative: all that are equal, with the same weight."""
    np.testing.assert_allclose(gradient(np.linalg.eigvalsh, 2 * np.eye(3)), np.eye(3))
    np.testing.assert_allclose(gradient(np.linalg.svdvals, 2 * np.eye(3)), np.eye(3))
    with_rounding = A @ np.diag([2.0, 2.0, 1.0]) @ np.linalg.inv(A)  # Not equal to the last digit.
    g = gradient(lambda a: np.real(np.linalg.eigvals(a)), with_rounding)
    np.testing.assert_allclose(g, np.eye(3), atol=1e-9)


@pytest.mark.parametrize(
    "x",
    [
        np.zeros((2, 2)),
        np.ones((2, 2)),
        np.zeros((3, 3)),
        np.ones((3, 3)),
        np.arange(1.0, 10.0).reshape(3, 3),
        np.diag([1.0, 1e-12, 0.0]),
        np.diag([2.0, 3.0, 0.0, 0.0]),
        np.stack([np.eye(2), np.ones((2, 2))]),
        np.zeros((1, 1)),
    ],
    ids=lambda x: str(x.tolist()),
)
def test_determinant_of_a_singular_matrix_has_its_cofactors(x):
    def by_permutations(x):
        total = 0.0
        for order in itertools.permutations(range(x.shape[-1])):
            sign = np.linalg.det(np.eye(len(order))[list(order)])
            total = total + round(sign) * np.prod(
                np.stack([x[..., i, k] for i, k in enumerate(order)]), axis=0
            )
        return total

    np.testing.assert_allclose(gradient(np.linalg.det, x), gradient(by_permutations, x), atol=1e-12)
    np.testing.assert_allclose(hessian(np.linalg.det, x), hessian(by_permutations, x), atol=1e-12)


def test_gradient_of_a_triangle_that_is_read_lies_in_it():
    weights = np.arange(1.0, 4.0)
    for f, upper in (
        (np.linalg.cholesky, False),
        (lambda p: np.linalg.cholesky(p, upper=True), True),
        (np.linalg.eigvalsh, False),
        (lambda p: np.linalg.eigh(p, "U")[1], True),
        (lambda p: np.linalg.pinv(p, hermitian=True), False),
    ):
        g = gradient(lambda p, f=f: f(p) * weights, SPD)
        assert not np.triu(g if not upper else g.T, 1).any()
        # A function of a symmetric matrix made from parameters comes out as by either triangle.
        both = gradient(lambda r, f=f: f(r @ r.T) * weights, A)
        fitted = gradient(lambda r, f=f: f((r @ r.T).T) * weights, A)
        np.testing.assert_allclose(both, fitted, rtol=1e-9)


def test_pseudo_inverse_of_a_deficient_matrix_has_the_derivative_along_its_rank():
    def deficient(x):
        return np.outer(x[:3], x[1:])  # Of rank 1, whatever x is.

    gradient_agrees(lambda x: np.linalg.pinv(deficient(x), 1e-9), [np.array([1.0, -0.5, 2.0, 0.7])])


@pytest.mark.parametrize("hermitian", [False, True])
def test_pseudo_inverse_that_cuts_small_values_off_has_the_derivative_of_what_is_left(hermitian):
    stack = np.stack([SPD, SPD + np.eye(3)])  # The second keeps more of its values.
    cut = np.array([0.3, 0.05])
    values = np.linalg.svdvals(stack)
    kept = values > cut[:, None] * values[:, :1]
    assert not kept[0].all()
    assert kept[1].sum() != kept[0].sum()
    gradient_agrees(lambda a: np.linalg.pinv(a, cut, hermitian), [stack])
    gradient_agrees(lambda a: gradient_of_pinv(a, cut, hermitian), [stack])
    equal = np.diag([2.0, 2.0, 0.1])  # Equal values turn into each other, and nothing is lost.
    gradient_agrees(lambda a: np.linalg.pinv(a, 0.3, hermitian), [equal])


def gradient_of_pinv(a, cut, hermitian):
    return al.grad(lambda a: np.sum(np.linalg.pinv(a, cut, hermitian) ** 2))(a)


def test_least_squares_with_a_cut_has_the_derivative_of_what_is_left():
    assert np.linalg.lstsq(TALL, U, 0.9)[2] < TALL.shape[1]
    gradient_agrees(lambda a: np.linalg.lstsq(a, U, 0.9)[0], [TALL])
    with_rank = np.linalg.lstsq(TALL, U, 2.0)  # LAPACK takes a cut of 1 or more for none.
    t = al.Tensor(TALL, requires_grad=True)
    result = np.linalg.lstsq(t, U, 2.0)
    np.testing.assert_allclose(result[0].numpy(), with_rank[0])
    assert result[2] == with_rank[2]
    u = al.Tensor(U, requires_grad=True)
    fit = np.polyfit(TALL[:, 0], u, 1, rcond=1.0)
    np.testing.assert_allclose(fit.numpy(), np.polyfit(TALL[:, 0], u.numpy(), 1, rcond=1.0))


def test_a_norm_without_an_order_is_the_root_of_squares():
    gradient_agrees(lambda x: np.linalg.vector_norm(x, ord=None), [X])


def test_interpolation_has_the_middle_slope_on_a_point():
    xp, fp = [0.0, 1.0, 3.0], np.array([0.0, 2.0, -2.0])
    g = gradient(lambda x: np.interp(x, xp, fp), [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0])
    assert g.tolist() == [0.0, 1.0, 2.0, 0.0, -2.0, -1.0, 0.0]
    g = gradient(lambda fp: np.interp([-1.0, 0.0, 0.5, 1.0, 4.0], xp, fp), fp)
    assert g.tolist() == [2.5, 1.5, 1.0]


def test_derivation_of_an_interpolation_holds_at_other_places():
    def f(x, u):
        return np.sum(np.interp(x, np.array([-2.0, 0.1, 1.0, 4.0]), u) ** 2)

    derivation = al.derive(f, X, U)
    given = {**derivation.arguments, "x": X[::-1] + 0.37}
    _, gradients = derivation.function(**given)
    for i, name in enumerate(("x", "u")):
        expected = al.grad(f, i)(given["x"], given["u"])
        np.testing.assert_allclose(gradients[name], np.asarray(expected), rtol=1e-13)


# ------------------------------------------------------------ refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: np.linalg.svd(t), "np.linalg.svd on Tensors takes no full_matrices="),
        (lambda t: np.linalg.qr(t, "complete"), "np.linalg.qr on Tensors takes no mode= .*basis"),
        (lambda t: np.linalg.qr(t, "raw"), "np.linalg.qr on Tensors has modes .*'raw'"),
        (lambda t: np.linalg.inv(t), "inv got a: .*square"),
        (lambda t: np.linalg.eigh(t), r"np.linalg.eigh needs square matrices.*got .*\(4, 3\)"),
        (lambda t: np.linalg.svd(t * np.array(1j)), "np.linalg.svd on Tensors takes real numbers"),
        (lambda t: np.linalg.norm(t[0], t[0, 0]), "norm has no derivative for ord=, got a Tensor"),
        (lambda t: np.kron(t, [t[0], t[1]]), "A list of Tensors would lose their gradients"),
        (lambda t: np.einsum("ij,jk", t, (t[0],)), "A tuple of Tensors would lose"),
        (lambda t: np.linalg.solve(t.T @ t, t), "solve needs .* got a: .* b: "),
        (lambda t: np.linalg.inv(np.zeros((2, 2)) * t[0, 0]), "inv got .*Singular matrix"),
        (lambda t: np.linalg.cholesky(-t.T @ t), "cholesky got .*not positive definite"),
        (lambda t: np.linalg.eigh(t.T @ t, "X"), "eigh got .*UPLO"),
        (lambda t: np.linalg.norm(t, 3), "Invalid norm order for matrices"),
        (lambda t: np.linalg.norm(t[0], "fro"), "Invalid norm order 'fro' for vectors"),
        (lambda t: np.linalg.norm(t[None], 2), "Improper number of dimensions"),
        (lambda t: np.linalg.norm(t, axis=(0, -2)), "Duplicate axes"),
        (lambda t: np.linalg.norm(t, axis=[0, 1]), "'axis' must be None"),
        (lambda t: np.linalg.norm(t, axis=2), "axis 2 is out of bounds"),
        (lambda t: np.linalg.pinv(t, 1e-9, rtol=1e-9), "can't be both set"),
        (lambda t: np.linalg.lstsq(t, t[1:]), r"np.linalg.lstsq needs .*got \(4, 3\) and \(3, 3\)"),
        (lambda t: np.linalg.matrix_power(t, 2), "matrix_power needs square"),
        (lambda t: np.linalg.matrix_power(t.T @ t, 0.5), "exponent must be an integer, got 0.5"),
        (lambda t: np.linalg.tensorinv(t, 0), "Invalid ind"),
        (lambda t: np.linalg.tensorinv(t, 1), "tensorinv needs square"),
        (lambda t: np.linalg.tensorsolve(t, t[:, 0]), "tensorsolve needs prod"),
        (lambda t: np.linalg.cond(t[:0]), "not defined on empty"),
        (lambda t: np.linalg.multi_dot([t]), "at least two arrays, got 1"),
        (lambda t: np.linalg.multi_dot([t, t[0], t]), "1-dimensional array given as number 1"),
        (lambda t: np.linalg.outer(t, t), "must be one-dimensional"),
        (lambda t: np.linalg.cross(t, t[:, :2]), "3-dimensional vectors, but they are 3 and 2"),
        (lambda t: np.cross(t.T, t.T), "dimension must be (2 or )?3"),
        (lambda t: np.tensordot(t, t, 1), "shape-mismatch for sum"),
        (lambda t: np.tensordot(t, t, ([0, 0], [0, 0])), "an axis is given twice"),
        (lambda t: np.einsum("ij,jk", t, t), r"label j has length 3 in operand 0 of .*and 4 in"),
        (lambda t: np.einsum("i,ij", t, t), r"has 1 labels \(i\) for operand 0, of shape \(4, 3\)"),
        (lambda t: np.einsum("ij", t, t), "for 1 operands, got 2"),
        (lambda t: np.einsum("...j->j", t), "the result must have them too"),
        (lambda t: np.einsum("...ijk", t), "does not fit"),
        (lambda t: np.einsum("ij->ij", t, dtype=np.float32), "takes no dtype="),
        (lambda t: np.einsum("ij->ij", t, out=np.empty((4, 3))), "out="),
        (lambda t: np.einsum("ij->ij", t, casting="unsafe"), "takes no casting= .*'unsafe'"),
        (lambda t: np.einsum(t, [0, 99]), "lists of numbers below 52"),
        (lambda t: np.linalg.trace(t, dtype=np.float32), "takes no dtype="),
        (lambda t: np.dot(t, t.T, np.empty((4, 4))), "out="),
        (lambda t: np.convolve(t, [1.0]), r"np.convolve needs sequences.*\(4, 3\)"),
        (lambda t: np.convolve(t[0, :0], [1.0]), "not empty"),
        (lambda t: np.correlate(t[0], [1.0], "some"), "one of 'valid', 'same', or 'full'"),
        (lambda t: np.interp(0.5, [0.0, 1.0], t[0] * 1j), "np.interp on Tensors takes real n"),
        (lambda t: np.interp(t, [0.0, 1.0], [0.0, 1.0], period=0), "period must be"),
        (lambda t: np.polyval(np.poly1d([1, 2]), t), "np.polyval on Tensors .*poly1d"),
        (lambda t: np.polyval(t, 2.0), "np.polyval needs a sequence"),
        (lambda t: np.polyfit(t[:, 0], t, 1, full=True), "np.polyfit on Tensors takes no full="),
        (lambda t: np.polyfit(t[:, 0], t, 1, cov="unscaled"), "np.polyfit on .* takes no cov="),
        (lambda t: np.polyfit(t[:3, 0], t, 1), r"np.polyfit needs x of shape"),
        (lambda t: np.polyint(t[0], 3, [1.0, 2.0]), "k must be a scalar"),
        (lambda t: np.polyint(t[0], -1), "must be positive"),
        (lambda t: np.polyder(t[0], -1), "must be positive"),
        (lambda t: np.poly(t[0] * np.array(1j)), "np.poly on Tensors takes real numbers"),
        (lambda t: np.poly(t), r"must be 1d or non-empty square, got \(4, 3\)"),
        (lambda t: np.vander(t), "must be a one-dimensional array"),
    ],
    ids=lambda value: source(value) if callable(value) else "",
)  # fmt: skip
def test_what_is_not_possible_is_said_at_the_call(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(leaf(TALL))
