# Needs git, make and Python >= 3.11 with pip. Everything else is set up here, once, inside this folder.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
JOBS   ?= auto
say     = @printf '\033[1m==> %s\033[0m\n' "$(1)"

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types unit wheel newer bench reference clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed, $$($(PYTHON) --version) found: run make PYTHON=/path/to/python3.11"; exit 1; }
	$(call say,Setting up Python in $(VENV), about a minute the first time)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --progress-bar on --constraint constraints.txt --editable '.[test]' | grep --line-buffered -E '^(Collecting|Downloading|Installing|Successfully)' | cut -c1-100 || true
	@$(BIN)/python -c 'import bff, pytest, playwright' || { echo "Setting up $(VENV) failed: run $(BIN)/python -m pip install --constraint constraints.txt --editable '.[test]' to see why"; exit 1; }
	@touch $@

setup: $(VENV)/.ready bff/web/dist/.built ## Make the virtual environment and the web page, everything pinned

include bff/web/web.mk
include tests/redis.mk
include tests/prometheus.mk

demo: $(VENV)/.ready bff/web/dist/.built ## Run the reference application: services, BFF, GraphiQL
	@$(BIN)/bff demo

test: lint types unit wheel newer ## Everything that must pass: lint, types, all tests, the wheel
	$(call say,All good)

lint: $(VENV)/.ready ## Check style
	$(call say,Style)
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff --quiet .; exit 1; }
	@$(BIN)/ruff check --quiet .

types: $(VENV)/.ready ## Check types
	$(call say,Types)
	@$(BIN)/mypy

unit: $(VENV)/.ready bff/web/dist/.built browser redis prometheus ## Run all tests
	$(call say,Tests)
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

wheel: $(VENV)/.ready bff/web/dist/.built ## Build the wheel and test its installed copy
	$(call say,Wheel)
	@$(BIN)/python tests/house/smoke_wheel.py

newer: $(VENV)/.ready ## Run the tests on the newest Python of this machine too
	@sh tests/house/newer-python.sh $(BIN)/python

bench: $(VENV)/.ready ## Measure side by side with other gateways
	@$(BIN)/python tests/bench/auth.py
	@$(BIN)/python tests/bench/run.py

reference: $(VENV)/.ready ## Print the reference pages from the code
	@$(BIN)/python -m bff.cli.reference

clean: ## Remove what the other targets made
	rm -rf $(VENV) .venv-newer .build dist bff/web/dist bff/web/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
