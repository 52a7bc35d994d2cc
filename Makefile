# Everyday commands. They need Python 3.11 or newer, git and make; everything else is fetched into .venv and node_modules.
# `make` alone prints what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PORT ?= 8000
PROFILE ?= quick
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
INSTALLED := $(VENV)/.installed

# Where Python is told not to keep what it compiles, each of the processes that tests start would compile the whole service anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test lint format types unit assets openapi bench lock clean

help: ## What there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

run: export ACADEMY_DEMO = 1
run: export ACADEMY_DATABASE_URL ?= sqlite:///var/academy.sqlite3
run: export ACADEMY_BASE_URL ?= http://127.0.0.1:$(PORT)
run: assets ## Serve the demonstration county on http://127.0.0.1:8000 (PORT=8123 for another port)
	@mkdir -p var
	$(PY) -m app migrate
	$(PY) -m app seed --if-empty
	exec $(PY) -m app serve --host 127.0.0.1 --port $(PORT)

test: ## Everything CI checks: style, types, tests (PROFILE=thorough for the long ones too)
	@start=$$(date +%s) && \
	$(MAKE) --no-print-directory lint && \
	$(MAKE) --no-print-directory unit && \
	took=$$(( $$(date +%s) - start )) && \
	printf 'make test passed in %d min %02d s\n' $$((took / 60)) $$((took % 60))

lint: $(INSTALLED) ## Style and types only
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers 2

format: $(INSTALLED) ## Put the code in the house's style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

unit: assets ## Tests only (PYTEST_ARGS="tests/bookings -n0" to choose)
	ACADEMY_TEST_PROFILE=$(PROFILE) $(BIN)/pytest $(PYTEST_ARGS)

assets: $(INSTALLED) ## Style sheet and scripts, into app/static/build
	@$(PY) scripts/build_assets.py

openapi: assets ## Print the REST interface's description
	@ACADEMY_DEMO=1 $(PY) -m app openapi

bench: assets ## Measure (see benchmarks/results.md)
	$(PY) -m benchmarks $(BENCH_ARGS)

lock: $(INSTALLED) ## Write the requirement locks again after a change to an .in file
	scripts/lock.sh
	npm_config_update_notifier=false PATH="$$PATH:$$PWD/$(BIN)" npm install --package-lock-only --omit-lockfile-registry-resolved=true --no-audit --no-fund

clean: ## Remove everything that was made, the demonstration database in var/ included
	rm -rf $(VENV) node_modules app/static/build var dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The virtual environment, made again whenever the lock changes.
$(INSTALLED): requirements-dev.lock scripts/make_venv.sh
	@scripts/make_venv.sh $(VENV)
	@touch $@
