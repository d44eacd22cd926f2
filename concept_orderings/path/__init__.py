"""The all-starts greedy nearest-neighbour path, exact and the same bit for bit everywhere."""

from concept_orderings.path.distances import distance_as_cosine, quantise
from concept_orderings.path.search import GreedyPath, shortest_greedy_path

__all__ = ["GreedyPath", "distance_as_cosine", "quantise", "shortest_greedy_path"]
