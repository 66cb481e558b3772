"""Train, compare and draw the networks of the articles: ``python -m models``."""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from models import NETWORKS, TRAININGS, digits, text
from models.experiment import Experiment, Run
from models.mistakes import MISTAKES
from models.training import Report

if TYPE_CHECKING:
    from rich.console import Console


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m models",
        description="Rebuild the networks of five beginner articles: train them by autodiff and "
        "by the article's hand-derived formulas, compare every gradient and every number, and "
        "draw the graphs.",
        epilog="Exit status: 0 if everything agrees, 1 if something does not, 2 for wrong usage.",
    )
    parser.add_argument(
        "networks",
        nargs="*",
        metavar="NETWORK",
        help="which ones (see --list); default: those of the articles",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("out"), metavar="DIR", help="where files go; default: out"
    )
    parser.add_argument(
        "--seed",
        type=int,
        help="start from other random weights than the article; numbers that depend on its start "
        "are then shown, but not judged",
    )
    parser.add_argument(
        "--compiled",
        action="store_true",
        help="train by al.compile: in machine code, in a fraction of the time, which needs numba; "
        "digits and text as NumPy calls",
    )
    parser.add_argument(
        "--break",
        dest="mistake",
        metavar="NAME",
        help="put a mistake into a formula by hand and show what the comparison calls it, without "
        f"training; one of: {', '.join(MISTAKES)}",
    )
    parser.add_argument(
        "--list", action="store_true", help="list the networks and the mistakes, and stop"
    )
    options = parser.parse_args(arguments)
    if options.mistake is not None and options.mistake not in MISTAKES:
        parser.error(f"no mistake {options.mistake}; there are {', '.join(MISTAKES)}")
    if options.mistake is not None and options.networks not in (
        [],
        [MISTAKES[options.mistake].network],
    ):
        parser.error(f"--break {options.mistake} is for {MISTAKES[options.mistake].network}")
    known = [*NETWORKS, *TRAININGS]
    unknown = [name for name in options.networks if name not in known]
    if unknown:
        parser.error(f"no network {', '.join(unknown)}; there are {', '.join(known)}")
    if options.seed is not None and not 0 <= options.seed < 2**32:
        parser.error(f"--seed must be from 0 to 4294967295, got {options.seed}")
    if not options.list and options.mistake is None:
        try:  # Now, so that nothing is trained in vain.
            options.out.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=options.out).close()
        except OSError as error:
            parser.error(f"--out must be a folder that can be written to: {error}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = parse(arguments)
    if options.list:
        for name, experiment in NETWORKS.items():
            print(f"{name:18} {experiment.title} (after “{experiment.article}”)")
        print("\ntrainings on real data, a minute each")
        for name, module in (("digits", digits), ("text", text)):
            print(f"{name:18} {(module.__doc__ or '').partition(':')[0]}")
        print("\nmistakes for --break")
        for mistake in MISTAKES.values():
            print(f"{mistake.name:24} {mistake.network:18} {mistake.called}")
        return 0
    try:
        import latex2mathml  # noqa: F401  (asked for here, so that nothing is trained in vain)
        import matplotlib  # noqa: F401  (likewise)
        from rich.console import Console

        if "digits" in options.networks:
            import sklearn  # noqa: F401  (likewise)
    except ModuleNotFoundError as error:
        print(
            f"python -m models needs {error.name}, which is not installed. Run: pip install "
            f"'autograd_lite[{'digits' if error.name == 'sklearn' else 'models'}]'",
            file=sys.stderr,
        )
        return 2
    from models import files, index, report, training

    console = Console(highlight=False)
    if options.mistake is not None:
        return broken(options.mistake, options.seed, console)
    runs, reports = [], []
    for name in options.networks or NETWORKS:
        if name in TRAININGS:
            for came in train_on_data(
                name, options.out, options.seed, console, compiled=options.compiled
            ):
                training.write_figures(came, options.out)
                report.show_training(came, console)
                reports.append(came)
            continue
        run = train(NETWORKS[name](), options.seed, console, compiled=options.compiled)
        report.show(run, files.write_files(run, options.out), console)
        runs.append(run)
    if runs:
        console.print(report.summary(runs))
    page = index.write_index(runs, options.out, reports)
    console.print(f"All of it on one page: {page}", soft_wrap=True)
    failed = [(run.experiment.title, run.problems) for run in runs]
    failed += [(came.title, came.problems) for came in reports]
    for title, problems in failed:
        for problem in problems:
            console.print(f"[red]✗[/] {title}: {problem}")
    return 1 if any(problems for _, problems in failed) else 0


def broken(name: str, seed: int | None, console: Console) -> int:
    """Compare a formula that has a mistake in it with autodiff; return the exit status."""
    from models import report

    mistake = MISTAKES[name]
    right = NETWORKS[mistake.network]
    comparison = mistake.put_into(right)().compare_first(seed)
    report.show_broken(mistake, right, comparison, console)
    return 0 if comparison else 1


def train(
    experiment: Experiment, seed: int | None, console: Console, *, compiled: bool = False
) -> Run:
    """Run an experiment."""
    with watched(experiment.title, console) as progress:
        return experiment.run(seed, progress, compiled=compiled)


def train_on_data(
    name: str, folder: Path, seed: int | None, console: Console, *, compiled: bool = False
) -> Sequence[Report]:
    """Run a training on real data."""
    with watched(name, console) as progress:
        return TRAININGS[name](folder, seed, progress, compiled)


@contextlib.contextmanager
def watched(title: str, console: Console) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar while something runs that tells how far it is."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


if __name__ == "__main__":
    sys.exit(main())
