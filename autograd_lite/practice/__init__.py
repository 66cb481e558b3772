"""Exercises in backpropagation by hand: what is right, where to look, and marks for many."""

from autograd_lite.practice.exercises import Exercise, Progress, exercise
from autograd_lite.practice.grading import Grades, grade

__all__ = ["Exercise", "Grades", "Progress", "exercise", "grade"]
