"""What is installed, and what to try first: ``python -m autograd_lite``."""

from __future__ import annotations

import argparse
import platform
import re
import sys
from importlib import metadata

import numpy as np

import autograd_lite as al

WHAT = {
    "symbolic": "proofs of formulas by hand",
    "mathml": "formulas in notebooks and pages",
    "io": "files of safetensors",
    "compile": "compiled steps",
    "jax": "export to JAX",
    "scipy": "SciPy's functions on Tensors",
    "notebook": "notebooks",
    "models": "the networks of the articles, from a checkout: python -m models",
    "digits": "images of digits: python -m models digits",
}
"""What each extra is for."""

FIRST = """\
import numpy as np
import autograd_lite as al

w = al.Tensor([1.0, 2.0], requires_grad=True, name="w")
loss = np.sum(np.tanh(w) ** 2)
loss.backward()
print(w.grad)
print(al.derive(loss).text)              # The backward pass, as a person writes it
print(al.draw(loss, sweep="both"))       # Its picture, as text; .save("loss.svg") for a file
print(al.compare(loss, {"w": 2 * np.tanh(w.numpy())}))  # Is this right? If not, where and why?
"""


def extras() -> dict[str, dict[str, str | None]]:
    """Return for each extra the packages that it needs, each with the version installed."""
    found: dict[str, dict[str, str | None]] = {name: {} for name in WHAT}
    for requirement in metadata.requires("autograd_lite") or ():
        package, _, marker = requirement.partition(";")
        (extra,) = re.findall(r"extra == ['\"](\w+)['\"]", marker) or [""]
        name = re.split(r"[^\w.-]", package.strip())[0]
        if extra in found and name != "autograd_lite":
            found[extra][name] = _version(name)
    return found


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def main() -> int:
    """Print it all; return the exit status."""
    print(f"autograd_lite {al.__version__}, NumPy {np.__version__}, Python", end=" ")
    print(platform.python_version())
    print(f"in {next(iter(al.__path__))}\n")
    try:
        known = extras()
    except metadata.PackageNotFoundError:
        print("It is not installed, and runs from its folder: extras are not known.\n")
        known = {}
    for extra, packages in known.items():
        if not packages:  # Installed from an older version, of which the extra was not a part.
            continue
        there = ", ".join(f"{name} {version}" for name, version in packages.items() if version)
        missing = [name for name, version in packages.items() if version is None]
        said = there if not missing else f"pip install 'autograd_lite[{extra}]'"
        print(f"  {'no ' if missing else 'yes'} {extra:9} {WHAT[extra]} ({said})")
    print(f"\nTry this first:\n\n{FIRST}")
    print("help(al) has a tour; python -m autograd_lite.coverage lists NumPy's functions.")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser("python -m autograd_lite", description=__doc__)
    parser.add_argument("--version", action="version", version=al.__version__)
    parser.parse_args()
    sys.exit(main())
