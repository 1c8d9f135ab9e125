# Two images from one file: the router, which is built where no target is named, and the loop client's service. Each is
# one virtual environment from its lock file, without build tool and shell script, and runs as nobody in particular.
#
#   docker build --tag ai-router .
#   docker build --tag ai-router-loop-client --target loop-client .
#   docker run --publish 8080:8080 --env AI_ROUTER_KEYS --env ANTHROPIC_API_KEY ai-router
#
# Inside a container a service has to listen on every address, and there both refuse to start without keys of their own.
# For the router, AI_ROUTER_KEYS holds them (`docker run --rm ai-router ai-router keys new` makes one). Somebody who
# means to run it open to whoever reaches the port says so:
# `docker run ... ai-router ai-router serve --host 0.0.0.0 --port 8080 --open`.
# Provider keys come from the environment as well, or from a file: `--volume ./router.toml:/app/router.toml:ro` with
# `ai-router serve --host 0.0.0.0 --port 8080 --config /app/router.toml`.
# Both together, several of each and a database: deploy/compose.yaml and deploy/kubernetes, explained in docs/deploy.md.

FROM python:3.13-slim AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /source
# The build backend is pinned like everything else; this lock file has it.
COPY requirements-demo.lock ./
RUN pip install --require-hashes --requirement requirements-demo.lock

FROM builder AS router-wheel
COPY pyproject.toml README.md LICENSE ./
COPY router/ router/
COPY providers/ providers/
RUN pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheels .

FROM builder AS loop-client-wheel
COPY loop_client/ loop_client/
RUN pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheels ./loop_client

FROM python:3.13-slim AS bare
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python -m venv /app/venv

FROM bare AS router-environment
COPY requirements.lock ./
RUN /app/venv/bin/pip install --require-hashes --requirement requirements.lock
COPY --from=router-wheel /wheels/ /wheels/
RUN /app/venv/bin/pip install --no-deps --no-index /wheels/*.whl \
    && /app/venv/bin/pip uninstall --yes pip

FROM bare AS loop-client-environment
COPY requirements-loop-client.lock ./
RUN /app/venv/bin/pip install --require-hashes --requirement requirements-loop-client.lock
COPY --from=loop-client-wheel /wheels/ /wheels/
RUN /app/venv/bin/pip install --no-deps --no-index /wheels/*.whl \
    && /app/venv/bin/pip uninstall --yes pip

FROM python:3.13-slim AS runtime
RUN useradd --no-log-init --uid 10001 --no-create-home --shell /usr/sbin/nologin service
# Nothing is written next to the code: the root file system may be read-only.
ENV PATH=/app/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
USER 10001

FROM runtime AS loop-client
COPY --from=loop-client-environment /app/venv/ /app/venv/
EXPOSE 8090
HEALTHCHECK --interval=15s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8090/healthz', timeout=2)"]
CMD ["loop-client", "serve", "--host", "0.0.0.0", "--port", "8090", "--config", "/etc/loop-client/loop-client.toml"]

FROM runtime AS router
COPY --from=router-environment /app/venv/ /app/venv/
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=3s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
CMD ["ai-router", "serve", "--host", "0.0.0.0", "--port", "8080"]
