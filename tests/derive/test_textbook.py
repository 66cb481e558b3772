"""Kinds of network: what is printed reads as in a textbook, and is right elsewhere.

Run with ``GOLDEN=write`` to write the files anew, and read what has changed.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from textbook import DATA, NETWORKS, arrays

import autograd_lite as al

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


@pytest.mark.parametrize("name", NETWORKS)
def test_no_line_is_clumsy(name):
    code = derived(name).code
    assert code.startswith("def loss_and_gradients(")  # No helper is needed.
    for line in code.splitlines():
        assert len(line) <= 100
        for clumsy in ("--", "+ -", "- -", "0 + ", "[(", "scatter", "computed outside", "== 0"):
            assert clumsy not in line, line
