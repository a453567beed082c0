# `make run` serves, `make test` tests; `make help` lists the rest. Everything is installed into .venv.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
# Tests wait more than they compute: for servers, signals and deadlines.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INPUTS := pyproject.toml constraints.txt

export PIP_NO_INPUT := 1

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Hexastar needs Python 3.11 or newer; $(PYTHON) is older or missing. Name one: make PYTHON=python3.12"; exit 1; }
	@echo "Making a virtual environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python $(INPUTS)
	@echo "Installing Hexastar ..."
	@$(PIP) install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test: $(BIN)/python $(INPUTS)
	@echo "Installing Hexastar and what its tests need ..."
	@$(PIP) install --constraint constraints.txt --editable '.[icd,test]'
	@touch $@ $(VENV)/.run

$(VENV)/.check: $(BIN)/python $(INPUTS)
	@echo "Installing Hexastar and its checkers ..."
	@$(PIP) install --constraint constraints.txt --editable '.[icd,test,check]'
	@touch $@ $(VENV)/.run $(VENV)/.test

.PHONY: run
run: $(VENV)/.run ## Install, migrate and serve on HOST:PORT (127.0.0.1:8000)
	@exec $(BIN)/hexastar run --host $(HOST) --port $(PORT)

.PHONY: test
test: $(VENV)/.test ## Install and run the tests (WORKERS: processes)
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(ARGS)

.PHONY: check
check: $(VENV)/.check ## Lint, types, architecture, and migrations against the models and against what blocks
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/architecture/test_migrations.py tests/architecture/test_migration_sql.py

.PHONY: faults
faults: $(VENV)/.test ## Install and run the tests of faults at a release's counts, one after the other
	@$(BIN)/python -m pytest tests/faults --full --numprocesses 0 $(ARGS)

.PHONY: contract
contract: $(VENV)/.test ## Ask the whole OpenAPI document as three principals; Schemathesis gets an environment of its own
	@$(BIN)/python -m tests.conformance $(ARGS)

.PHONY: bench
bench: $(VENV)/.test ## Measure against peers, in one run; the peers get a virtual environment of their own
	@$(BIN)/python -m tests.bench $(ARGS)

.PHONY: clean
clean: ## Remove the virtual environments and caches; state under var/ stays
	rm -rf $(VENV) .venv-bench .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
