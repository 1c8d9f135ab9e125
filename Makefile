# Every target sets up what it needs in ./.venv, once, and again when a lock file or a pyproject.toml changed.
# Needs Python 3.11 or newer and make; nothing else.

VENV := .venv
BIN := $(VENV)/bin
# The first of these that is Python 3.11 or newer is used. A Python of your own: make PYTHON=/path/to/python3 test
PYTHON ?= python3 python3.13 python3.12 python3.11 python3.14 python
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
PROJECTS := pyproject.toml loop_client/pyproject.toml
NODE_MODULES := tests/js/node_modules

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test test-crash lint types check format bench lock docker clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.ready-to-run ## Run router and loop client on a real folder, with no key (ARGS="--model openai/...")
	@$(BIN)/ai-router demo $(ARGS)

test: $(VENV)/.ready-to-develop $(NODE_MODULES)/.installed browser-under-ci balancers-under-ci compiler-under-ci postgres-under-ci ## Run the whole test suite (ARGS="-k name" for a part)
	@$(BIN)/python -m pytest $(ARGS)

test-crash: $(VENV)/.ready-to-develop postgres-under-ci ## Kill what runs jobs, long and in every way, and count what went wrong
	@$(BIN)/python -m tests.loop_client.jobs.crash_matrix $(ARGS)

lint: $(VENV)/.ready-to-develop ## Check style and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.ready-to-develop ## Check types, strictly
	@$(BIN)/mypy

check: lint types test ## lint, types and test: what has to pass before a change lands

format: $(VENV)/.ready-to-develop ## Mend style and format where a tool can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

# The plot's library is for this target alone, so it is in no lock file. Needs a C compiler; takes about 12 minutes, and more
# with other gateways (AI_ROUTER_BENCH_PEERS, see benchmarks/peers.py).
bench: $(VENV)/.ready-to-develop ## Measure what a request costs, and write docs/performance.md (ARGS="--nice -19")
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["bench"], sep="\n")' \
		>$(VENV)/bench.txt
	@$(PIP_INSTALL) --requirement $(VENV)/bench.txt
	@$(BIN)/python -m benchmarks.run $(ARGS)
	@$(BIN)/python -m benchmarks.report

docker: ## Build the images of the router and of the loop client's service
	docker build --tag ai-router .
	docker build --tag ai-router-loop-client --target loop-client .

clean: ## Remove everything that make made
	rm -rf $(VENV) $(NODE_MODULES) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find router providers loop_client benchmarks tests -type d -name __pycache__ -prune -exec rm -rf {} +

# ---- lock files

# One resolution for all four, so each service is tested with exactly the versions that it is run with. Versions already
# locked stay as they are; `make lock UPGRADE=1` takes the newest that pyproject.toml allows.
COMPILE = $(VENV)/lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

lock: $(VENV)/lock/bin/uv ## Write the lock files anew from the two pyproject.toml (UPGRADE=1 for newest versions)
	@$(COMPILE) $(if $(UPGRADE),--upgrade) --annotation-style line $(PROJECTS) --group build --group dev \
		--output-file requirements-dev.lock
	@$(COMPILE) --upgrade --no-annotate --constraints requirements-dev.lock $(PROJECTS) --group build \
		--output-file requirements-demo.lock
	@$(COMPILE) --upgrade --no-annotate --constraints requirements-dev.lock pyproject.toml \
		--output-file requirements.lock
	@$(COMPILE) --upgrade --no-annotate --constraints requirements-dev.lock loop_client/pyproject.toml \
		--extra server --extra jobs --extra mcp --output-file requirements-loop-client.lock

$(VENV)/lock/bin/uv: $(VENV)/.made-in
	@$(BIN)/python -m venv $(VENV)/lock
	@$(VENV)/lock/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.13,<0.14"

# ---- the virtual environment

# Both distributions are installed from this folder, without the network: the lock holds all they need, the build
# backend included.
INSTALL_PROJECTS = $(PIP_INSTALL) --no-index --no-deps --no-build-isolation --editable . --editable loop_client

$(VENV)/.ready-to-run: $(VENV)/.made-in requirements-demo.lock $(PROJECTS)
	@echo "Setting up $(VENV) (this once) ..."
	@$(PIP_INSTALL) --require-hashes --requirement requirements-demo.lock
	@$(INSTALL_PROJECTS)
	@touch $@

$(VENV)/.ready-to-develop: $(VENV)/.made-in requirements-dev.lock $(PROJECTS)
	@echo "Setting up $(VENV) with the test tools (this once) ..."
	@$(PIP_INSTALL) --require-hashes --requirement requirements-dev.lock
	@$(INSTALL_PROJECTS)
	@touch $(VENV)/.ready-to-run $@

# A virtual environment is bound to its absolute path and to its interpreter: one that was moved or copied along with
# the folder, or whose Python is gone, is made anew.
ifneq ($(shell test -x $(BIN)/python && cat $(VENV)/.made-in 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.made-in
endif

$(VENV)/.made-in:
	@chosen=; bare=; \
	for candidate in $(PYTHON); do \
		"$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		if "$$candidate" -c 'import ensurepip, venv' 2>/dev/null; then chosen=$$candidate; break; fi; \
		bare=$$candidate; \
	done; \
	if [ -z "$$chosen" ] && [ -n "$$bare" ]; then \
		echo "$$bare is new enough but cannot make a virtual environment (its venv or ensurepip module is missing)." >&2; \
		echo "Install it (on Debian and Ubuntu the package python3-venv), or name another: make PYTHON=/path/to/python3 ..." >&2; \
		exit 1; \
	elif [ -z "$$chosen" ]; then \
		echo "Python 3.11 or newer is needed, and none was found (tried: $(PYTHON))." >&2; \
		echo "Install one, or name it: make PYTHON=/path/to/python3 ..." >&2; \
		exit 1; \
	fi; \
	"$$chosen" -m venv --clear $(VENV)
	@printf '%s\n' '$(CURDIR)' > $@

# ---- what the tests run beside Python: Node, a browser, load balancers, a compiler

# On a computer of one's own they are a matter of choice: without them, the tests that need them say so and the rest
# passes. Under CI they have to be there, and are installed where the machine is ours to change (Debian, as root).
AS_ROOT_UNDER_CI = [ "$$CI" = true ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null
APT_INSTALL = { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends

$(NODE_MODULES)/.installed: tests/js/package-lock.json
	@if ! command -v npm >/dev/null && $(AS_ROOT_UNDER_CI); then $(APT_INSTALL) nodejs npm; } >/dev/null; fi
	@if command -v npm >/dev/null; then \
		npm --prefix tests/js ci --ignore-scripts --no-audit --no-fund --loglevel=error && touch $@; \
	elif [ "$$CI" = true ]; then \
		echo "npm is missing, and the tests under Node have to run here" >&2; exit 1; \
	fi

.PHONY: browser-under-ci
browser-under-ci:
	@if ! command -v chromium >/dev/null && $(AS_ROOT_UNDER_CI); then $(APT_INSTALL) chromium; } >/dev/null; fi

.PHONY: balancers-under-ci
balancers-under-ci:
	@if $(AS_ROOT_UNDER_CI) && ! { command -v haproxy && command -v nginx; } >/dev/null; then \
		$(APT_INSTALL) haproxy nginx-light; } >/dev/null; \
	fi

.PHONY: postgres-under-ci
postgres-under-ci:
	@if $(AS_ROOT_UNDER_CI) && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then \
		$(APT_INSTALL) postgresql; } >/dev/null; \
	fi

.PHONY: compiler-under-ci
compiler-under-ci:
	@if ! command -v cc >/dev/null && $(AS_ROOT_UNDER_CI); then $(APT_INSTALL) gcc libc6-dev; } >/dev/null; fi
