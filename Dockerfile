# The service alone: one virtual environment from the lock file, no build tool, no shell script, no root.
#
#   docker build --tag ai-router .
#   docker run --publish 8080:8080 --env AI_ROUTER_KEYS --env ANTHROPIC_API_KEY ai-router
#
# Inside a container the service has to listen on every address, and there it refuses to start without keys of its own:
# AI_ROUTER_KEYS holds them (`docker run --rm ai-router ai-router keys new` makes one). Somebody who means to run it
# open to whoever reaches the port says so: `docker run ... ai-router ai-router serve --host 0.0.0.0 --port 8080 --open`.
# Provider keys come from the environment as well, or from a file: `--volume ./router.toml:/app/router.toml:ro` with
# `ai-router serve --host 0.0.0.0 --port 8080 --config /app/router.toml`.

FROM python:3.13-slim AS wheel
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
# The build backend is pinned like everything else; this lock file has it.
COPY requirements-demo.lock ./
RUN pip install --require-hashes --requirement requirements-demo.lock
COPY pyproject.toml README.md LICENSE ./
COPY router/ router/
COPY providers/ providers/
RUN pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheels .

FROM python:3.13-slim AS environment
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /app/venv
COPY requirements.lock ./
RUN /app/venv/bin/pip install --require-hashes --requirement requirements.lock
COPY --from=wheel /wheels/ /wheels/
RUN /app/venv/bin/pip install --no-deps --no-index /wheels/*.whl \
    && /app/venv/bin/pip uninstall --yes pip

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin router
COPY --from=environment /app/venv/ /app/venv/
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
CMD ["ai-router", "serve", "--host", "0.0.0.0", "--port", "8080"]
