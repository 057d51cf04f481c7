SHELL := /bin/bash
.DEFAULT_GOAL := help

# The environment lies outside the checkout, keyed by the checkout's path and by what is installed into it.
# The cache is that of schemas/cache.py.
CACHE := $(shell case "$$XDG_CACHE_HOME" in (/*) echo "$$XDG_CACHE_HOME";; (*) echo "$$HOME/.cache";; esac)/genre
KEY := $(shell (echo "$(CURDIR)"; cat constraints.txt pyproject.toml) | sha256sum | cut -c1-16)
ENVIRONMENT := $(CACHE)/environments/$(KEY)
BIN := $(ENVIRONMENT)/bin
READY := $(ENVIRONMENT)/.ready
CLIENTS := $(ENVIRONMENT)/examples
PYTHON := $(shell command -v python3.11 || command -v python3)

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(READY) ## Create the environment and fetch the models

$(READY): constraints.txt pyproject.toml
	@echo "Creating the environment in $(ENVIRONMENT) (a few minutes, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and f"GENRE needs Python 3.11, got {sys.version.split()[0]}")'
	@rm -rf "$(ENVIRONMENT)" && $(PYTHON) -m venv "$(ENVIRONMENT)"
	@$(BIN)/pip install -qq --disable-pip-version-check -c constraints.txt setuptools
	@$(BIN)/pip install -qq --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[develop]'
	@$(BIN)/genre prepare
	@touch "$(READY)"

.venv: $(READY)
	@ln -sfn "$(ENVIRONMENT)" .venv

run: .venv ## Start everything, ask for five fields, react, and stay up until Ctrl-C
	@exec $(BIN)/genre up --demo

up: .venv ## Start everything and stay up until Ctrl-C
	@exec $(BIN)/genre up

clients: $(CLIENTS)/.ready ## Install what tests drive from outside: the clients of others, a fuzzer

$(CLIENTS)/.ready: examples/package-lock.json | .venv
	@$(BIN)/pip install -qq --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[gateway]'
	@mkdir -p "$(CLIENTS)" && cp examples/package.json examples/package-lock.json examples/.npmrc "$(CLIENTS)"
	@if command -v npm > /dev/null; then cd "$(CLIENTS)" && npm ci --loglevel error --no-audit --no-fund; \
	else echo "no npm: the clients in JavaScript are not tested"; fi
	@touch "$@"

test: .venv ## Run the whole suite, the page's in Chromium; needs no running service
	@if ! command -v chromium google-chrome >/dev/null; then \
		echo "no Chromium: the page is not tested in a browser"; \
	elif ! $(BIN)/python -c 'import playwright, axe_playwright_python' 2>/dev/null; then \
		$(BIN)/pip install -qq --disable-pip-version-check -c constraints.txt --no-build-isolation -e '.[page]'; \
	fi
	@$(BIN)/python -m pytest

check: .venv ## Formatting, lint, types and import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: .venv ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

data: .venv ## Fetch the corpora of every genre into the cache and say what they hold
	@$(BIN)/genre data fetch

starters: .venv ## Train the starter adapters again (an hour on two cores); what is unchanged stays
	@$(BIN)/genre starters train --out genre_models/adapters/starter

bench: .venv ## Run the benchmarks of this version
	@for name in latency startup stream; do $(BIN)/python -m benchmarks.$$name --json || exit 1; done

.PHONY: help install run up clients test check format data starters bench
