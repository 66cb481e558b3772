"""Hypotheses about what went wrong in a gradient that was derived by hand."""
