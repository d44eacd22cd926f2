"""Figures of the running programs, for `/metrics`: declared in one list, counted in each process, added up in Redis."""

from store.figures.declared import COUNTERS, HISTOGRAMS, Counter, Histogram
from store.figures.figures import Figures, Totals

__all__ = ["COUNTERS", "HISTOGRAMS", "Counter", "Figures", "Histogram", "Totals"]
