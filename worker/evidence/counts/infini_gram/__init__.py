"""Occurrences of a phrase in a corpus of many billion tokens, counted by infini-gram over HTTP."""

from worker.evidence.counts.infini_gram.source import InfiniGramSettings, InfiniGramSource

__all__ = ["InfiniGramSettings", "InfiniGramSource"]
