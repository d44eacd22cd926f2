"""Make the application; nothing but wiring."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app.access.browsers import FromOwnPages
from app.access.guard import Guard
from app.access.keys_file import KeysFile
from app.access.private_answers import PrivateAnswers
from app.document import ABOUT, complete_document, operation_id
from app.errors import install_handlers
from app.head import HeadAsGet
from app.kept_answers import KeptAnswers
from app.observed import Observed
from app.routes import (
    catalogue,
    compare,
    counts_files,
    evidence,
    exports,
    health,
    index,
    jobs,
    labels,
    metrics,
    published,
    reads,
    scores_files,
    sources,
    streams,
)
from app.service import Service
from app.settings import AppSettings
from app.stopping import AnswersWhenStopped


def create_app(settings: AppSettings) -> FastAPI:
    """Make the application.

    It reads nothing from the environment, and connects to nothing before it starts.
    """
    app = FastAPIOffline(
        **ABOUT,
        generate_unique_id_function=operation_id,
        lifespan=_lifespan,
        docs_url="/docs" if settings.docs == "on" else None,
        redoc_url=None,
        # `app.unknown_paths` redirects: Starlette does so to an absolute URL, whose scheme is wrong behind a proxy.
        redirect_slashes=False,
        swagger_ui_parameters={"displayRequestDuration": True, "tryItOutEnabled": True},
    )
    app.state.service = Service(settings)
    of_versions = (streams, reads, exports, evidence, compare, labels)
    uploads = (counts_files, scores_files)
    known = (sources, *uploads, catalogue, published)
    routers = [each.router for each in (*of_versions, jobs, *known, health, metrics, index)]
    for router in routers:
        app.include_router(router)
    documentation = [route for route in app.routes if getattr(route, "path", None) in ("/docs", app.openapi_url)]
    app.state.routes = [*(route for router in routers for route in router.routes), *documentation]
    install_handlers(app)
    app.add_middleware(HeadAsGet)
    complete_document(app)
    return app


def for_servers(app: FastAPI, settings: AppSettings) -> ASGIApp:
    """Return the application as servers run it, with its layers in front of it.

    From the outside: requests are counted; pages of other sites are refused; requests need a key, if the settings name
    a file of keys; answers that never change are kept; requests that are cancelled at the end are answered. As
    middleware inside the application, each layer would take four times as long: FastAPI does much for each request
    before the first middleware.

    Raises
    ------
    SettingError
        ``bad_keys_file``: the file of keys that the settings name cannot be read.
    """
    guarded = _guarded(AnswersWhenStopped(app), settings)
    return Observed(_for_browsers(guarded, settings))


def _for_browsers(app: ASGIApp, settings: AppSettings) -> ASGIApp:
    origins = settings.allowed_origins
    public = urlsplit(settings.public_url)
    if origins:
        app = CORSMiddleware(
            app,
            allow_origins=origins,
            allow_methods=["GET", "HEAD", "POST", "PUT", "DELETE"],
            allow_headers=["*"],
            expose_headers=["*"],
            max_age=600,
        )
    return FromOwnPages(
        app,
        # Of the address without its path; without an address it is no origin that a browser sends.
        origins=[*origins, f"{public.scheme}://{public.netloc}"],
        hosts=[*settings.host_names, public.hostname or ""],
        only_hosts=bool(settings.host_names),
    )


def _guarded(app: ASGIApp, settings: AppSettings) -> ASGIApp:
    if settings.access_keys is None:
        return KeptAnswers(app)
    keys = KeysFile(settings.access_keys)
    keys.by_hash()
    return Guard(KeptAnswers(PrivateAnswers(app)), keys)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with app.state.service:
        yield
