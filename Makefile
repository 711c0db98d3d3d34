# Every verb of this repository. `make` alone lists them.
# Needs a POSIX shell, make and Python; everything else is installed into $(VENV).

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
INSTALLED := $(VENV)/.installed
DOCS_INSTALLED := $(VENV)/.docs-installed
BENCH_INSTALLED := $(VENV)/.bench-installed
BENCHMARKS = $(wildcard benchmarks/*.py)

.DEFAULT_GOAL := help
.PHONY: help setup demo test check format lint types layers bench docs clean fix

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile
	@echo 'Any verb installs what it needs first. Another interpreter: make setup PYTHON=python3.13'

setup: $(INSTALLED)  ## create .venv and install the library with its development tools

# Depends on pyproject.toml alone: the sources are installed in place, changes to them need no setup.
$(INSTALLED): pyproject.toml
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo 'make: no interpreter "$(PYTHON)"; name one of 3.11 or newer: make setup PYTHON=...' >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit( \
	  "make: $(PYTHON) is Python %d.%d, this needs 3.11 or newer; name one: make setup PYTHON=..." % v[:2])'
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(DOCS_INSTALLED): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[docs]'
	@touch $@

demo: $(INSTALLED)  ## run four simulated devices under a manager, an experiment, and a crash (ARGS=--free-ports: on other ports)
	@$(BIN)/python demo/run.py $(ARGS)

test: $(INSTALLED)  ## run the tests
	@$(BIN)/python -m pytest

check: format lint types layers  ## everything that can be said without running the library

format: $(INSTALLED)  ## is every file formatted?
	@$(BIN)/ruff format --check .

lint: $(INSTALLED)  ## does every file keep the rules of pyproject.toml?
	@$(BIN)/ruff check .

types: $(INSTALLED)  ## does every value have the type that is written?
	@$(BIN)/mypy src tests demo benchmarks

layers: $(INSTALLED)  ## does every import point down?
	@$(BIN)/python -m pytest tests/architecture

# Without the libraries that ours is compared with, their columns are left out.
bench: $(INSTALLED)  ## run every benchmark and print its figures
	@test -f $(BENCH_INSTALLED) || { $(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -e '.[bench]' && touch $(BENCH_INSTALLED); } || echo 'make: comparing without other libraries' >&2
	@set -e; for benchmark in $(BENCHMARKS); do echo "== $$benchmark"; $(BIN)/python $$benchmark; done
	@echo '== benchmarks.rpc'; $(BIN)/python -m benchmarks.rpc

docs: $(DOCS_INSTALLED)  ## build the documentation into docs/_build/html
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo 'docs/_build/html/index.html'

fix: $(INSTALLED)  ## format every file and repair what can be repaired mechanically
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:  ## remove what was built and cached; the environments stay
	rm -rf build dist docs/_build .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests demo benchmarks docs -name __pycache__ -type d -prune -exec rm -rf {} +
