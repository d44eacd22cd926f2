# The worker: concept_orderings, store, worker and launcher, with torch; the same image serves a GPU, unless torch is CPU-only.
# Built from the repository's root, as compose.yaml does: docker build -f docker/worker.Dockerfile .

# An argument, so that a mirror or a digest can be set without editing this file; see docker/README.md.
ARG PYTHON_IMAGE=python:3.12.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# The package index, for networks that have one of their own, ...
ARG PIP_INDEX_URL
# ... and another index for torch; docker/README.md says how much space a CPU-only torch saves.
ARG TORCH_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /build
# torch and torchvision first: they are nearly all of the image, and change least. An index of torch's own serves only
# these two; their dependencies are installed with the list below.
COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint constraints.txt ${TORCH_INDEX_URL:+--no-deps --index-url "$TORCH_INDEX_URL"} torch torchvision
# The other dependencies are those of the extra in pyproject.toml, the only list of them, in the tested versions. They
# are installed before the code, so that a change of the code does not build this layer again.
COPY pyproject.toml ./
COPY concept_orderings/version.py concept_orderings/
# hadolint ignore=DL3013
RUN --mount=type=cache,target=/root/.cache/pip \
    touch README.md && pip install --constraint constraints.txt '.[worker]'
COPY README.md ./
COPY concept_orderings concept_orderings
RUN --mount=type=cache,target=/root/.cache/pip pip install --no-deps --force-reinstall .
COPY store /srv/store
COPY worker /srv/worker
COPY launcher /srv/launcher
COPY docker/worker_health.py /srv/
# Made readable for the service's user, since the checkout's umask may forbid it; compiled, since the root file system
# is read-only at run time.
RUN chmod -R a+rX /srv && python -m compileall -q /srv

FROM ${PYTHON_IMAGE}
# The API's image has the same ids: both programs use the volume /data, which takes its owner from the image.
RUN groupadd --gid 10001 orderings \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /cache --shell /usr/sbin/nologin orderings \
    && install -d -o 10001 -g 10001 /data /cache /checkpoints /sources
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv /srv
# /cache keeps downloaded weights and the compiled path search.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/srv \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/cache \
    HF_HOME=/cache/huggingface \
    NUMBA_CACHE_DIR=/cache/numba \
    CONCEPT_ORDERINGS_DATA_DIR=/data \
    CONCEPT_ORDERINGS_CHECKPOINTS=/checkpoints
WORKDIR /srv
USER 10001:10001
# It starts the worker, and starts it again when it ends or hangs: a health check has no action.
CMD ["python", "-m", "launcher", "worker"]
