# Every target sets up what it needs; `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The first of these that is Python 3.11 or newer makes the environment; `make setup PYTHON=...` overrides.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; done)
BIN := .venv/bin
STAMP := .venv/.installed
# Tests use both cores; `make test WORKERS=0` runs them in one process.
WORKERS ?= 2
CHECKED := $(wildcard src tests bench)

.PHONY: help setup demo test sim check bench serve lock

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP) ## create .venv with exactly what requirements.lock says

# The environment depends on nothing but these two files, so an unchanged checkout installs nothing.
$(STAMP): requirements.lock pyproject.toml
	@[[ -n "$(PYTHON)" ]] || { echo "closebell needs Python 3.11 or newer: apt-get install python3 python3-venv" >&2; exit 1; }
	@[[ -x $(BIN)/python ]] || "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "$(PYTHON) lacks the venv module: apt-get install python3-venv" >&2; exit 1; }
	@[[ -x $(BIN)/python ]] && $(BIN)/python -m pip --version >/dev/null 2>&1 || "$(PYTHON)" -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## close the sample invoice and show its signed webhook arrive
	$(BIN)/closebell demo

test: check ## check, then every test and doctest, over SQLite and PostgreSQL
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup

# A seed that fails is printed with the command that replays it.
SEEDS ?= 1000
FROM ?= 0
sim: setup ## live through SEEDS simulated worlds (1000), beginning with the seed FROM (0)
	PYTHONPATH=tests $(BIN)/python -m simulation --seeds $(SEEDS) --from $(FROM)

check: setup ## ruff, mypy strict and the rules of the tree
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	$(BIN)/mypy $(CHECKED)
	$(BIN)/python -m pytest -q tests/test_tidy.py

bench: setup ## measure closing, sending, latency, memory and reading against their ceilings
	$(BIN)/python -m bench

serve: setup ## run the service on 127.0.0.1:8080 with closebell.db
	$(BIN)/closebell serve

lock: setup ## renew requirements.lock; keeps pinned versions unless UPGRADE=1
	CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile pyproject.toml --extra dev --extra demo --extra otel \
		$(if $(UPGRADE),--upgrade) --quiet --generate-hashes --strip-extras --allow-unsafe --no-emit-options \
		--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --output-file requirements.lock
