"""The greedy nearest-neighbour path from every start, exact and bit for bit the same on every machine."""

from concept_orderings.path.distances import distance_as_cosine, quantise
from concept_orderings.path.refine import RefinedPath, refine_path
from concept_orderings.path.search import GreedyPath, shortest_greedy_path
from concept_orderings.path.tuning import memory_needed, tuned

__all__ = [
    "GreedyPath",
    "RefinedPath",
    "distance_as_cosine",
    "memory_needed",
    "quantise",
    "refine_path",
    "shortest_greedy_path",
    "tuned",
]
