"""What is said of a path that the service does not have, or not with the method of the request."""

from collections.abc import Sequence
from urllib.parse import quote

from fastapi import Request
from starlette.routing import Match, Route

from app.nearest_path import nearest_path


def unknown_path(request: Request) -> str:
    """Return the sentence for a path that does not exist, with the nearest one that does."""
    # Not that of the URL, in which two slashes at the start begin the name of a host.
    path: str = request.scope["path"]
    routes = _routes(request)
    templates = [route.path for route in routes if request.method in (route.methods or ())]
    nearest = nearest_path(path, templates) or nearest_path(path, [route.path for route in routes])
    hint = f"the nearest path is {nearest}, and /docs lists all" if nearest else "/docs lists all paths"
    return f"{request.method} {path} is not part of this service; {hint}."


def path_without_slash(request: Request) -> str | None:
    """Return the path and query of a request without slashes at its end; None if there is no such path."""
    path: str = request.scope["path"]
    shorter = path.rstrip("/")
    # A path that begins with two slashes would be read as the name of another host.
    if shorter in ("", path) or path.startswith("//"):
        return None
    scope = {**request.scope, "path": shorter}
    if all(route.matches(scope)[0] is Match.NONE for route in _routes(request)):
        return None
    return quote(shorter) + (f"?{request.url.query}" if request.url.query else "")


def allowed_methods(request: Request) -> str:
    """Return all methods of a path; Starlette's own header has only those of the first route that matches."""
    methods: set[str] = set()
    for route in _routes(request):
        if route.matches(request.scope)[0] is not Match.NONE:
            methods |= route.methods or set()
    return ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))


def _routes(request: Request) -> Sequence[Route]:
    routes: Sequence[Route] = request.app.state.routes
    return routes
