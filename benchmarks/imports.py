"""What importing costs: CPU time of whole processes, beside one that imports NumPy alone.

Wall time says little on a machine that has anything else to do. The processes take turns, and
their bytecode is cached, in a folder of its own, wherever the environment keeps it from being so.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

TARGET = 1.15
STATEMENTS = ("import numpy", "import autograd_lite")


def cpu_seconds(statement: str, cache: str) -> float:
    """Return the user and system time of a process that does nothing but this."""
    from resource import RUSAGE_CHILDREN, getrusage  # Not on Windows, where the rest runs.

    environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache, "PYTHONDONTWRITEBYTECODE": ""}
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], env=environment, check=True)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure(rounds: int) -> str:
    """Time both statements in turn, and write down what they took."""
    seconds: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    with tempfile.TemporaryDirectory() as cache:
        for i in range(rounds + 1):
            for statement in STATEMENTS:
                spent = cpu_seconds(statement, cache)
                if i:  # The first round fills the cache.
                    seconds[statement].append(spent)
    lines = [
        f"{statement:22} {1e3 * statistics.median(taken):6.0f} ms, at least "
        f"{1e3 * min(taken):4.0f} ms (CPU time, {rounds} processes)"
        for statement, taken in seconds.items()
    ]
    numpy, ours = seconds.values()
    ratio, least = statistics.median(ours) / statistics.median(numpy), min(ours) / min(numpy)
    lines.append(f"ratio {ratio:.2f} of medians, {least:.2f} of minima; target {TARGET}")
    return "\n".join(lines)
