"""Figures of the running programs, for `/metrics`: declared in one list, counted in each process, added up in Redis."""

from store.figures.counted import Counted, count, observe
from store.figures.declared import COUNTERS, HISTOGRAMS, Counter, Histogram
from store.figures.figures import Figures, Totals

__all__ = ["COUNTERS", "HISTOGRAMS", "Counted", "Counter", "Figures", "Histogram", "Totals", "count", "observe"]
