"""Programs of writes, parts and reads, drawn at random, do what they do with arrays."""

import numpy as np
import pytest

import autograd_lite as al

X = np.linspace(0.3, 1.4, 6)
C = np.array([0.3, 0.7, 1.1, -0.4, 0.9, 0.2])
ENTRY = ["0", "1", "-1"]
PART = [*ENTRY, "2:", "1:", "::2", ":3", "1:4", "[0, 2]", "::-1", "..."]


def program(rng):
    """Return a few statements about the arrays `a` and `b`, of six entries each."""
    names, lines = ["a", "b"], []
    for _ in range(rng.integers(2, 8)):
        x, y = rng.choice(names, 2)
        part, to, of = rng.choice(PART), *rng.choice(ENTRY, 2)
        kinds = [
            f"{x}[{part}] = 1.5",
            f"{x}[{to}] = {y}[{of}] * 1.1",
            f"{x}[{part}] {rng.choice(['*=', '+=', '-='])} {y}[{of}]",
            f"{x} *= 1.1",
            f"{x}[1:] -= {y}[:-1]",
            f"{x}[:3] = {y}[::-1][:3] * {y}[0]",
            f"u = a[{rng.choice(['1:', ':4', '::2', '::-1'])}]",
            f"kept.append({x}[{part}])",
        ]
        lines.append(rng.choice(kinds))
        if lines[-1].startswith("u"):
            names.append("u")
    return "\n".join(lines)


def after(lines, x):
    """Run the statements; return all that can be read afterwards, in one."""
    names = {"a": x * 1.0, "b": x * 0.5, "kept": []}
    exec(lines, names)
    rest = sum(np.sum(part * part) for part in names["kept"])
    return names["a"], names["b"], np.sum(names["a"] * C) + np.sum(names["b"] ** 2) + rest


def runs(lines):
    try:
        after(lines, X.copy())
    except ValueError:  # Shapes do not fit.
        return False
    return True


RNG = np.random.default_rng(11)
PROGRAMS = [lines for lines in (program(RNG) for _ in range(260)) if runs(lines)]


@pytest.mark.parametrize("lines", PROGRAMS, ids=range(len(PROGRAMS)))
def test_values_and_gradients_are_those_of_arrays(lines):
    x = al.Tensor(X, requires_grad=True)
    expected, found = after(lines, X.copy()), after(lines, x)
    for e, f in zip(expected, found, strict=True):
        np.testing.assert_allclose(f.numpy(), e, rtol=1e-12)
    found[-1].backward()
    steps = [after(lines, X + 1e-20j * d)[-1].imag / 1e-20 for d in np.eye(6)]
    np.testing.assert_allclose(x.grad, steps, rtol=1e-10, atol=1e-10)


def test_a_part_and_then_an_entry_are_read_between_writes():
    a = al.Tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True) * 1.0
    a[0] = 1.0
    a[1] = 1.0
    part, entry = a[2:], a[1]
    a[3] = 2.0
    assert a.tolist() == [1.0, 1.0, 3.0, 2.0]
    assert (part.tolist(), entry.item()) == ([3.0, 2.0], 1.0)
