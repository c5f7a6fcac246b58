# `make run` starts the daemon on the embedded venue, `make test` proves it. Both set up .venv first, once.
# Options: PYTHON=python3.12, ARGS="--symbols BTC/USDT" (for run), JOBS=4 (for test),
# KILLS=1000 SEED=7 (for chaos; ARGS=--power-cuts: the power goes, too).

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PIP_DISABLE_PIP_VERSION_CHECK = 1

VENV := .venv
BIN := $(VENV)/bin
KILLS ?= 100
SEED ?= 1
SEEDS ?= 2
MINUTES ?= 12
# More than there are cores: tests wait for other processes, too.
JOBS ?= $(shell expr 1 + $$(nproc 2>/dev/null || echo 2))
SUITABLE = import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for each in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$each -c '$(SUITABLE)' 2>/dev/null && { echo $$each; break; }; done)
INSTALL = $(BIN)/python -m pip install -qq --no-deps --require-hashes -r

.PHONY: help setup run test check bench bench-soak chaos abuse soak lock clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(VENV)/.dev  ## everything that run, test and check need

run: $(VENV)/.runtime  ## the daemon, in paper mode on the embedded venue
	@$(BIN)/python live_bot.py run -c config/sim.toml $(ARGS)

test: $(VENV)/.dev  ## the fast tests (minutes); skips what this machine lacks, with the reason
	@$(BIN)/python -m pytest -n $(JOBS) -m "not slow" -r sfE $(ARGS)

check: $(VENV)/.dev  ## lint, format, types, layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@PYTHONPATH=src $(BIN)/lint-imports

bench: $(VENV)/.dev  ## the benchmarks that take minutes
	@$(BIN)/python -m benchmarks

bench-soak: $(VENV)/.dev  ## the benchmarks that take long
	@$(BIN)/python -m benchmarks --long

chaos: $(VENV)/.dev  ## kill the order path at every step; KILLS=1000 SEED=7
	@PYTHONPATH=src:tests:. $(BIN)/python -m tests.chaos --kills $(KILLS) --seed $(SEED) $(ARGS)

abuse: $(VENV)/.dev  ## trade while everything hangs; MINUTES=30
	@PYTHONPATH=src:tests:. $(BIN)/python -m tests.abuse --minutes $(MINUTES) $(ARGS)

soak: $(VENV)/.dev  ## trade through all faults together; SEEDS=20 MINUTES=120
	@PYTHONPATH=src:tests:. $(BIN)/python -m tests.soak --seeds $(SEEDS) --minutes $(MINUTES) $(ARGS)

lock: $(VENV)/.dev  ## compile requirements*.in into the hashed lock files
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		requirements.in -o requirements.lock
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-c requirements.lock requirements-dev.in -o requirements-dev.lock

clean:  ## remove .venv and caches; var/ (journals, accounts) stays
	@rm -rf $(VENV) build .mypy_cache .ruff_cache .import_linter_cache .hypothesis src/*.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; say where with PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c '$(SUITABLE)' || { echo "$(PYTHON) is older than 3.11; say PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "setting up $(VENV) with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.runtime: requirements.lock | $(VENV)/.python
	@echo "installing what the daemon needs (a minute or two, once) …"
	@$(INSTALL) requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/.python
	@echo "installing what tests and checks need (a minute or two, once) …"
	@$(INSTALL) requirements-dev.lock
	@touch $@ $(VENV)/.runtime
