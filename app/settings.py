"""Settings of the HTTP service, from environment variables."""

from pydantic import Field

from store.settings import StoreSettings


class AppSettings(StoreSettings):
    """Limits, and what stands in for parameters that a request leaves out."""

    default_encoder: str = Field(
        "open_clip/ViT-L-14/openai",
        description="The encoder of similarity orderings that name none. The default is the paper's.",
    )
    max_body_bytes: int = Field(64 * 1024 * 1024, ge=1, description="The largest request body; a larger one is a 413.")
    max_active_jobs: int = Field(
        1000, ge=1, description="Jobs queued or running at once; one more is a 429 with Retry-After."
    )
    max_wait_seconds: int = Field(300, ge=0, description="The longest that Prefer: wait may hold a request.")
    log_level: str = Field("info", description="debug, info, warning or error.")
