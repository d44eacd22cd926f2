"""Test the path that an error suggests for one that does not exist."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.main import create_app
from app.nearest_path import nearest_path
from app.settings import AppSettings

TEMPLATES = [route.path for route in create_app(AppSettings.model_construct()).state.routes]
VALUES = {
    "name": "pets",
    "version": "12",
    "task": "0",
    "id": "0f" * 16,
    "format": "fomo",
    "digest": "0f" * 32,
    "kind": "vectors",
}

SEGMENTS = st.sampled_from(["v1", "streams", "stream", "pets", "versions", "1", "tasks", "export", "fomo", "jobs", "x"])

NEAR = {
    "/streams": "/v1/streams",
    "/v1/stream": "/v1/streams",
    "/V1/Streams": "/v1/streams",
    "/v2/streams": "/v1/streams",
    "/api/v1/streams": "/v1/streams",
    "/v1/streams/NAME/tasks/0": "/v1/streams/NAME/versions/{version}/tasks/0",
    "/v1/streams/NAME/1": "/v1/streams/NAME/versions/1",
    "/v1/streams/NAME/latest": "/v1/streams/NAME/versions/latest",
    "/v1/streams/NAME/versions": "/v1/streams/NAME/versions/{version}",
    "/v1/streams/NAME/versions/1/export": "/v1/streams/NAME/versions/1/export/{format}",
    "/v1/streams/NAME/versions/1/export/fomo/x": "/v1/streams/NAME/versions/1/export/fomo",
    "/v1/streams/NAME/versions/1/vectors": "/v1/streams/NAME/versions/1/evidence/vectors",
    "/v1/streams/NAME/versions/1/manifest": "/v1/streams/NAME/versions/1",
    "/v1/streams/a b/version/1": "/v1/streams/a%20b/versions/1",
    "/v1/source/c4/count": "/v1/sources/c4/counts",
    "/v1/job": "/v1/jobs",
    "/v1/dataset/cifar100": "/v1/datasets/cifar100",
    "/v1/datasets/cifar100/classes": "/v1/datasets/cifar100",
    "/v1/order": "/v1/orderings",
    "/v1/publish": "/v1/published",
    "/healthz": "/health",
    "/readyz": "/health/ready",
    "/livez": "/health/live",
    "/redoc": "/docs",
    "/openapi.yaml": "/openapi.json",
}


@pytest.mark.parametrize(("path", "near"), NEAR.items())
def test_the_nearest_path(path: str, near: str) -> None:
    assert nearest_path(path, TEMPLATES) == near


@pytest.mark.parametrize(
    "path", ["/", "", "/x", "/v1/x", "/nothing/like/it", "/wp-login.php", "/.env", "/figures", "/v1/catalogue"]
)
def test_no_path_is_near(path: str) -> None:
    assert nearest_path(path, TEMPLATES) is None


def filled(template: str) -> str:
    return re.sub(r"{(\w+)}", lambda found: VALUES[found[1]], template)


@given(st.sampled_from([each for each in TEMPLATES if each != "/"]), st.data())
def test_a_path_with_a_letter_too_few_is_found(template: str, data: st.DataObject) -> None:
    right = filled(template)
    literals = [i for i, each in enumerate(template.split("/")) if len(each) > 3 and each[0] != "{"]
    assume(literals)
    segments = right.split("/")
    i = data.draw(st.sampled_from(literals))
    cut = data.draw(st.integers(0, len(segments[i]) - 1))
    segments[i] = segments[i][:cut] + segments[i][cut + 1 :]

    assert nearest_path("/".join(segments), TEMPLATES) == right


@given(st.lists(SEGMENTS | st.text(), max_size=9))
def test_a_suggestion_fits_a_path_of_the_service(segments: list[str]) -> None:
    near = nearest_path("/" + "/".join(segments), TEMPLATES)

    if near is not None:
        shapes = ["/".join("[^/]+" if each[:1] == "{" else re.escape(each) for each in t.split("/")) for t in TEMPLATES]
        assert any(re.fullmatch(shape, near) for shape in shapes)


def test_long_paths_are_not_compared() -> None:
    assert nearest_path("/v1/streams" + "/x" * 11, TEMPLATES) is None
    assert nearest_path("/v1/stream" + "s" * 300, TEMPLATES) is None
