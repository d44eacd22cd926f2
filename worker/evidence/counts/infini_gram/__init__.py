"""infini-gram: how often a phrase occurs in a corpus of many billion tokens, asked over HTTP."""

from worker.evidence.counts.infini_gram.source import InfiniGramSettings, InfiniGramSource

__all__ = ["InfiniGramSettings", "InfiniGramSource"]
