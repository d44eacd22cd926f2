# The worker: concept_orderings, store and worker, with torch; on a GPU the same image, unless torch is CPU only.
# Built from the repository's root, as compose.yaml does: docker build -f docker/worker.Dockerfile .

# An argument, so that a mirror or a digest can be named without an edit; see docker/README.md.
ARG PYTHON_IMAGE=python:3.12.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# Where packages come from, for networks that have an index of their own, ...
ARG PIP_INDEX_URL
# ... and where torch comes from, if not from there too; see docker/README.md for what it saves.
ARG TORCH_INDEX_URL
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /build
# torch and its torchvision together and first: they are nearly all of the image, and change least. From an index of
# torch's own come the two alone; what they depend on is in the list that follows.
COPY constraints.txt ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --constraint constraints.txt ${TORCH_INDEX_URL:+--no-deps --index-url "$TORCH_INDEX_URL"} torch torchvision
# All the others come from the extra, the only list of them there is, in the versions that were tested; before the
# code, so that this layer is built anew when the list changes and not when a line of code does.
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
COPY docker/worker_health.py /srv/
# Readable by the service's user, whatever the umask of the checkout; compiled, because nothing can be at run time.
RUN chmod -R a+rX /srv && python -m compileall -q /srv

FROM ${PYTHON_IMAGE}
# The ids are the API image's too: both programs use the volume /data, which takes its owner from the image.
RUN groupadd --gid 10001 orderings \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /cache --shell /usr/sbin/nologin orderings \
    && install -d -o 10001 -g 10001 /data /cache /checkpoints /sources
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv /srv
# /cache keeps what would otherwise be fetched or compiled again: weights, and the path search as machine code.
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
CMD ["python", "-m", "worker"]
