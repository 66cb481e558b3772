"""``python -m autograd_lite.coverage`` lists what becomes of every function of NumPy.

With ``--runs`` it says which of them `autograd_lite.compile` and `autograd_lite.export` take.
"""

from collections.abc import Sequence

from autograd_lite.numpy_api.coverage import main


def _runs(names: Sequence[str]) -> None:
    from autograd_lite.compile import coverage

    coverage.main(names)


if __name__ == "__main__":
    main(runs=_runs)
