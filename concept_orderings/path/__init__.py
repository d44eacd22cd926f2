"""The greedy nearest-neighbour path from every start, exact and bit for bit the same on every machine."""

from concept_orderings.path.distances import Quantised, distance_as_cosine, quantise, quantise_with_margins
from concept_orderings.path.refine import RefinedPath, refine_path
from concept_orderings.path.search import GreedyPath, shortest_greedy_path
from concept_orderings.path.tuning import memory_needed, tuned

__all__ = [
    "GreedyPath",
    "Quantised",
    "RefinedPath",
    "distance_as_cosine",
    "memory_needed",
    "quantise",
    "quantise_with_margins",
    "refine_path",
    "shortest_greedy_path",
    "tuned",
]
