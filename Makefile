# Needs git, make and Python >= 3.11 with pip. Everything else is set up here, once, inside this folder.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
say     = @printf '\033[1m==> %s\033[0m\n' "$(1)"

.DEFAULT_GOAL := help
.PHONY: help setup web demo test lint types unit wheel bench reference clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml constraints.txt
	$(call say,Setting up Python in $(VENV))
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python >= 3.11 is needed, $$($(PYTHON) --version) found: run make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/python -m pip install --quiet --progress-bar on --constraint constraints.txt --editable '.[test]'
	@touch $@

setup: $(VENV)/.ready ## Make the virtual environment with everything pinned

clean: ## Remove what the other targets made
	rm -rf $(VENV) .build dist bff/web/dist bff/web/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
