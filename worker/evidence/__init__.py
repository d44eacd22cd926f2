"""Evidence from outside the request: counts from a local index, embeddings from a text encoder."""
