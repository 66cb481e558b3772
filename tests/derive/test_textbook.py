"""Kinds of network: what is printed reads as in a textbook, and is right elsewhere.

Run with ``GOLDEN=write`` to write the files anew, and read what has changed.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from textbook import DATA, NETWORKS, arrays

import autograd_lite as al

FIXED = {
    "softmax_regression_by_labels", "mlp_relu", "conv_1d", "matrix_factorisation", "embedding",
    "multi_head", "hinge_of_classes", "gaussian_process",
}  # fmt: skip
"""Networks that are written for so many samples."""

GOLDEN = Path(__file__).parent / "golden"


def derived(name):
    f, at = NETWORKS[name]
    values = arrays(at, seed=0)
    return al.derive(f, *values.values(), wrt=[x for x in values if x not in DATA])


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_reads_as_it_did(name):
    derivation = derived(name)
    printed = f"{derivation.code}\n\n{derivation.text}\n"
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(printed, encoding="utf-8")
    assert printed == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_right_at_other_values(name):
    f, at = NETWORKS[name]
    derivation, values = derived(name), arrays(at, seed=1)
    loss, gradients = derivation.function(**values)
    parameters = {k: al.Tensor(values[k], requires_grad=True) for k in derivation.gradients}
    expected = f(**(values | parameters))
    expected.backward()
    np.testing.assert_allclose(loss, expected.data, rtol=1e-12)
    for key, parameter in parameters.items():
        np.testing.assert_allclose(gradients[key], parameter.grad.data, rtol=1e-9, atol=1e-12)


def other_batch(values):
    """Return the data with two samples more: whatever has as many rows as what comes first."""
    n = len(next(x for k, x in values.items() if k in DATA))
    return {k: x[np.arange(n + 2) % n] if k in DATA and np.ndim(x) and len(x) == n else x
            for k, x in values.items()}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_the_code_of_a_network_is_right_for_another_batch(name):
    f, at = NETWORKS[name]
    derivation, values = derived(name), other_batch(arrays(at, seed=1))
    by = [list(values).index(x) for x in derivation.gradients]
    try:
        expected, gradients = al.value_and_grad(f, tuple(by))(*values.values())
    except (ValueError, IndexError):
        assert name in FIXED
        return
    assert name not in FIXED
    space = {"np": np}
    exec(derivation.code, space)
    loss, found = space["loss_and_gradients"](**values)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    for got, true in zip(found.values(), gradients, strict=True):
        np.testing.assert_allclose(got, true, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NETWORKS)
def test_no_line_is_clumsy(name):
    code = derived(name).code
    assert code.startswith("def loss_and_gradients(")  # No helper is needed.
    for line in code.splitlines():
        assert len(line) <= 100
        for clumsy in ("--", "+ -", "- -", "0 + ", "[(", "scatter", "computed outside", "== 0"):
            assert clumsy not in line, line
