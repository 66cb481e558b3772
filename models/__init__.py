"""The networks of five beginner articles, rebuilt from modules and compared with the articles.

``python -m models`` trains, compares and draws all of them. Every network has a file of its own,
with the article's data, its hand-derived gradients in bare NumPy, and the numbers it prints.
"""

from collections.abc import Callable
from pathlib import Path

from models import digits, text
from models.experiment import Experiment
from models.one_weight import FiveToFortyTwo
from models.repeat_input import Converges, Diverges, RightAtOnce
from models.sigmoid_neuron import FourExamples, LeftmostColumn
from models.training import Progress, Report
from models.two_layers import ElevenLines
from models.two_two_one import Groups

NETWORKS: dict[str, type[Experiment]] = {
    experiment.name: experiment
    for experiment in (
        FiveToFortyTwo,
        RightAtOnce,
        Diverges,
        Converges,
        FourExamples,
        LeftmostColumn,
        ElevenLines,
        Groups,
    )
}
"""Every network by the name that the command line knows, from the simplest on."""

TRAININGS: dict[str, Callable[[Path, int | None, Progress, bool], list[Report]]] = {
    "digits": digits.run,
    "text": text.run,
}
"""The trainings on real data, which take longer, and are run when they are asked for."""
