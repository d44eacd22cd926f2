"""Gathering evidence from outside the request: counts from sources, embeddings from text encoders."""
