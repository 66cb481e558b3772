"""Time training steps against hand-written NumPy and against peers."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import imports
from benchmarks import report as reports
from benchmarks.contestants import CONTESTANTS, CONTROL, HAND, Contestant
from benchmarks.timing import disagreements, measure
from benchmarks.worker import environment, workers
from benchmarks.workloads import WORKLOADS, Workload

EPILOG = """\
Before anything is timed, every contestant does two steps, and the change of every parameter is
compared with that of the hand-written step: the exit status is 1 if one differs. Slowness is no
error. A column that says "control" is the hand-written step once more: how far it is from 1.00
is how far to trust the others.

Every contestant runs in a process of its own, with one thread. Libraries choose one thread per
core when left alone (--threads 0), and on a machine that has anything else to do the threads then
wait for each other: on two busy cores, the hand-written MLP took 25 to 90 ms in place of 0.7.

examples:
  python -m benchmarks
  python -m benchmarks neuron two_layers -c torch micrograd --seconds 20
  python -m benchmarks --markdown results.md --json results.json
  python -m benchmarks --imports
  python -m benchmarks --layers
  python -m benchmarks --growth
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "workloads",
        nargs="*",
        metavar="WORKLOAD",
        help="which training steps to time; all, unless said (see --list)",
    )
    made.add_argument(
        "-c",
        "--contestants",
        nargs="+",
        metavar="NAME",
        help="who is timed beside hand-written NumPy; all who are installed, unless said",
    )
    made.add_argument(
        "--seconds",
        type=_seconds,
        default=50.0,
        help="how long to measure, for all workloads together; imports, the check of agreement "
        "and the slowest contestants' three rounds come on top (default: %(default)g)",
    )
    made.add_argument(
        "--rounds",
        type=_count(1),
        default=500,
        help="stop a workload after so many rounds, if that is sooner (default: %(default)d)",
    )
    made.add_argument(
        "--threads",
        type=_count(0),
        default=1,
        help="how many threads each library may use; 0: as many as it chooses "
        "(default: %(default)d)",
    )
    made.add_argument("--markdown", type=Path, metavar="FILE", help="also write Markdown there")
    made.add_argument("--json", type=Path, metavar="FILE", help="also write JSON there")
    made.add_argument(
        "--list", action="store_true", help="name the workloads and contestants, and stop"
    )
    made.add_argument(
        "--imports",
        nargs="?",
        type=_count(1),
        const=25,
        metavar="PROCESSES",
        help="time `import autograd_lite` beside `import numpy`, and stop (default: %(const)d of "
        "each)",
    )
    made.add_argument(
        "--layers",
        nargs="?",
        type=_count(1),
        const=21,
        metavar="ROUNDS",
        help="time layers beside PyTorch's, and stop (default: %(const)d rounds)",
    )
    made.add_argument(
        "--growth",
        nargs="?",
        type=_count(1),
        const=5,
        metavar="ROUNDS",
        help="time programs with many writes, operands, views and derivatives beside PyTorch's, "
        "and stop (default: %(const)d rounds)",
    )
    return made


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"needs a positive number of seconds, got {text}")
    return seconds


def _count(least: int) -> Callable[[str], int]:
    def count(text: str) -> int:
        if int(text) < least:
            raise argparse.ArgumentTypeError(f"needs a whole number from {least}, got {text}")
        return int(text)

    return count


def listing() -> str:
    """Return the names that the command line takes, with what they mean."""
    lines = ["workloads:"]
    lines += [f"  {w.name:14} {w.title}: {w.about}" for w in WORKLOADS]
    lines += ["", "contestants:"]
    lines += [f"  {c.key:14} {c.title}" for c in CONTESTANTS]
    return "\n".join(lines)


def _chosen(
    command: argparse.ArgumentParser, known: Sequence[str], wanted: Sequence[str] | None, what: str
) -> list[str]:
    """Return the names that were asked for in our own order; all of them if none were."""
    unknown = [name for name in wanted or () if name not in known]
    if unknown:
        command.error(f"unknown {what} {', '.join(unknown)}: choose from {', '.join(known)}")
    return [name for name in known if not wanted or name in wanted]


def run(
    workloads: Sequence[Workload],
    contestants: Sequence[Contestant],
    *,
    seconds: float,
    rounds: int,
    threads: int | None,
) -> tuple[reports.Report | None, list[str]]:
    """Verify, and then time if all agree; return the report and who does not agree."""
    with workers(contestants, threads) as players:
        wrong = [text for w in workloads for text in disagreements(players, w.name)]
    if wrong:
        return None, wrong
    # In new processes: where a million numbers have been checked, the allocator keeps memory that
    # it gives back to the system elsewhere, and the MLP takes a fifth less.
    with workers(contestants, threads) as players:
        times = {}
        for w in workloads:
            print(f"timing {w.title}", file=sys.stderr)
            times[w.name] = measure(
                players, w.name, seconds=seconds / len(workloads), rounds=rounds
            )
        sizes = {key: player.bytes_per_node() for key, player in players.items()}
    present = [c for c in contestants if c.key in players]
    absent = [c for c in contestants if c.key not in players]
    header = reports.header(present, absent, threads)
    memory = {key: size for key, size in sizes.items() if size is not None}
    return reports.Report(header, present, times, memory), []


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    command = parser()
    options = command.parse_args(arguments)
    if options.list:
        print(listing())
        return 0
    if options.imports:
        print(imports.measure(options.imports))
        return 0
    for name in ("layers", "growth"):
        if rounds := getattr(options, name):
            beside = [sys.executable, "-m", f"benchmarks.{name}", str(rounds)]
            environ = {**os.environ, **environment(1)}
            return subprocess.run(beside, env=environ, check=False).returncode
    names = _chosen(command, [w.name for w in WORKLOADS], options.workloads, "workload")
    keys = _chosen(command, [c.key for c in CONTESTANTS], options.contestants, "contestant")
    report, wrong = run(
        [w for w in WORKLOADS if w.name in names],
        [c for c in CONTESTANTS if c.key in keys or c.key in (HAND, CONTROL)],
        seconds=options.seconds,
        rounds=options.rounds,
        threads=options.threads or None,
    )
    if report is None:
        print("These do not do what the hand-written step does:", *wrong, sep="\n  ")
        return 1
    reports.show(report)
    if options.markdown:
        options.markdown.write_text(reports.markdown(report), encoding="utf-8")
    if options.json:
        options.json.write_text(reports.to_json(report), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
