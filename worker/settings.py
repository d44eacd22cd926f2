"""Settings of the worker, from environment variables."""

from pathlib import Path

from pydantic import Field

from store.embedding_cache import DEFAULT_BUDGET_MB
from store.settings import StoreSettings


class WorkerSettings(StoreSettings):
    """Sources, weights, and the parts of the machine that a job may use."""

    sources: Path | None = Field(
        None,
        description="A TOML file of the sources of counts that orderings can name, such as Elasticsearch indexes. "
        "Without it there is one: the public endpoint of infini-gram. Local indexes and counts files have no entry.",
    )
    checkpoints: Path | None = Field(
        None,
        description="Local open_clip weights: a file, or a directory of files named after the model and, if there is "
        "one, the tag (ViT-L-14.safetensors, ViT-L-14.openai.safetensors). Others are downloaded by tag.",
    )
    device: str = Field(
        "auto", description="Where encoders run: auto (CUDA, then MPS, then CPU), cpu, cuda, cuda:1, mps."
    )
    batch_size: int = Field(256, ge=1, description="Captions in a batch; on a CPU at most 32.")
    threads: int = Field(0, ge=0, description="Threads of the encoder and of the path search; 0 means one per core.")
    memory_mb: int = Field(
        0,
        ge=0,
        description="Megabytes that a job may use. A path search that needs more is refused before it begins. 0 means "
        "the memory that is free at that time, or less in a container with a limit.",
    )
    max_vectors_mb: int = Field(
        256,
        ge=0,
        le=4000,
        description="Megabytes of vectors that are kept with a version, so that others can make its order again. A "
        "version with more is made without them; 0 keeps none.",
    )
    embedding_cache_mb: int = Field(
        DEFAULT_BUDGET_MB,
        ge=0,
        description="Megabytes of embeddings that are kept in Redis for later jobs. Those that were used least "
        "recently are removed first, also if less than a fifth of the maxmemory of Redis is left. 0 keeps none.",
    )
    redelivery_seconds: float = Field(
        60.0,
        gt=0,
        description="Seconds without a sign of life of a worker, after which its job goes to another worker.",
    )
