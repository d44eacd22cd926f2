"""Settings of the worker, from environment variables."""

from pathlib import Path

from pydantic import Field

from store.settings import StoreSettings


class WorkerSettings(StoreSettings):
    """Where encoders find their weights, and how much of the machine a job may use."""

    sources: Path | None = Field(
        None,
        description="A TOML file of the sources of counts that orderings can name, such as Elasticsearch indexes. "
        "Without it there is one: infini-gram, the public endpoint. Local indexes and counts files need no entry.",
    )
    checkpoints: Path | None = Field(
        None,
        description="Local open_clip weights: a file, or a directory of files named as the model and the tag, if one "
        "is asked for (ViT-L-14.safetensors, ViT-L-14.openai.safetensors). What is not there is downloaded by its tag.",
    )
    device: str = Field(
        "auto", description="Where encoders run: auto (CUDA, then MPS, then CPU), cpu, cuda, cuda:1, mps."
    )
    batch_size: int = Field(256, ge=1, description="Captions encoded at once; on a CPU at most 32.")
    threads: int = Field(0, ge=0, description="Threads of the encoder and of the path search; 0 means one per core.")
    memory_mb: int = Field(
        0,
        ge=0,
        description="Megabytes that a job may use. A path search for which that is too little is refused before it "
        "begins. 0 means what is free then, in the container if it has a limit.",
    )
    redelivery_seconds: float = Field(
        60.0, gt=0, description="A job whose worker has been silent for so long is given to another worker."
    )
