# The developer's commands are the commands of continuous integration.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Stamps make repeated calls quick: an environment is renewed when the project or its pins change.
USER_STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
JOBS ?= 2

.PHONY: help demo test check bench calibrate nulls faults clean

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Heatlas needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(USER_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Heatlas into $(VENV) ..."
	$(PIP_INSTALL) -e .
	@touch $@

$(DEV_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing Heatlas and its developer tools into $(VENV) ..."
	$(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(USER_STAMP)

demo: $(USER_STAMP) ## run the demo study; the last line is the path of its report
	$(BIN)/heatlas run demo/study.yaml -o demo-results

test: $(DEV_STAMP) ## run the whole test suite
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

check: $(DEV_STAMP) ## format, lint, types, imports, docstrings, rules of the house
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/meta

bench: $(DEV_STAMP) ## run every benchmark beside its peer and print the ratios
	@for script in benchmarks/bench_*.py; do \
		[ -e "$$script" ] || { echo "There is no benchmark yet."; break; }; \
		echo "== $$script"; $(BIN)/python "$$script" || exit 1; \
	done

calibrate: $(DEV_STAMP) ## measure the false positives of every method (some 15 min)
	$(BIN)/python -m scripts.calibrate --workers $(JOBS) --page docs/calibration.md

nulls: $(DEV_STAMP) ## measure the spatial nulls of map comparison (some 10 min)
	$(BIN)/python -m scripts.calibrate_nulls --page docs/nulls.md

faults: $(DEV_STAMP) ## kill a run at 50 random moments and compare the resumed bytes
	$(BIN)/python -m pytest -q tests/e2e/test_faults.py --kills 50 --timeout 3600

clean: ## remove the environment, the caches and the demo's results
	rm -rf $(VENV) demo-results bench-results fault-results build dist .mypy_cache .ruff_cache \
		.pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
