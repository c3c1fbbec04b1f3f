# Starhouse: `make demo` runs the whole job on real data, `make test` runs the tests. Each installs first, if needed.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
UI_PORT ?= 3001
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.PHONY: help install demo test test-full test-bigquery bench ui serve lint clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(STAMP) ## Create the environment from requirements.lock (again only when the lock changed)

# The stamp holds the checksum of what was installed and is written last. An installation that was interrupted is begun
# anew in an empty environment: a package whose copying was cut short may pass for installed.
# First what builds packages, then all the rest without build isolation, which would fetch builders without a hash.
# The lock is complete, so pip need not resolve (--no-deps); it refuses one dependency's extra in hash mode if it does.
CHECKSUM := cat requirements.lock pyproject.toml | cksum
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else "Starhouse needs Python 3.11 to 3.13, this is %d.%d. Try: make PYTHON=python3.12 ..." % v)'
	@set -e; \
	if test "$$(cat $(STAMP) 2> /dev/null)" = "$$($(CHECKSUM))"; then touch $(STAMP); exit 0; fi; \
	rm -f $(STAMP); \
	if test -e $(VENV)/.unfinished; then rm -rf $(VENV); fi; \
	echo "Installing into $(VENV) (some minutes the first time) ..."; \
	trap 'rm -f .builders.txt' EXIT INT TERM; \
	awk '/^[A-Za-z0-9]/ { keep = /^(setuptools|wheel)==/ } keep' requirements.lock > .builders.txt; \
	if command -v uv > /dev/null 2>&1; then \
	  test -x $(BIN)/python || uv venv --quiet --python "$$(command -v $(PYTHON))" $(VENV); \
	  install="uv pip install --quiet --compile-bytecode --python $(BIN)/python"; \
	else \
	  $(BIN)/python -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV); \
	  install="$(BIN)/python -m pip install --quiet"; \
	fi; \
	touch $(VENV)/.unfinished; \
	$$install --require-hashes --no-deps -r .builders.txt; \
	$$install --require-hashes --no-deps --no-build-isolation -r requirements.lock; \
	$$install --no-deps --no-build-isolation --no-index -e .; \
	$(BIN)/python -m compileall -q warehouse ml serving orchestration; \
	rm $(VENV)/.unfinished; \
	$(CHECKSUM) > $(STAMP).new; mv $(STAMP).new $(STAMP)

demo: $(STAMP) ## Load, build, train, score, serve and report on the flights of New York 2013
	@$(BIN)/starhouse demo

test: $(STAMP) ## Run the tests (about eleven minutes on two cores)
	$(PYTEST) -m "not slow"

test-full: $(STAMP) ## Run all tests, the slow ones too
	$(PYTEST)

test-bigquery: $(STAMP) ## Run BigQuery's tests in a project of yours: STARHOUSE_TEST_BIGQUERY_URL=bigquery://project/dataset
	@test -n "$$STARHOUSE_TEST_BIGQUERY_URL" || { echo "Set STARHOUSE_TEST_BIGQUERY_URL=bigquery://project/dataset; it makes and deletes datasets there, at your cost."; exit 2; }
	$(PYTEST) -m bigquery

bench: $(STAMP) ## Measure load, build, one added day, and model documents beside their peers
	@$(BIN)/python -m tests.benchmarks.record

# The same Dagster home as `starhouse run`, so its runs are shown too.
ui: $(STAMP) ## Open the Dagster UI on http://127.0.0.1:3001
	@$(BIN)/starhouse up
	@echo "Dagster UI: http://127.0.0.1:$(UI_PORT)  (Ctrl-C ends it; the warehouse stays up until starhouse down)"
	@DAGSTER_HOME="$$($(BIN)/python -c 'import warehouse.client as c, orchestration.instance as i; print(i.prepare_dagster_home(c.load_settings()))')" \
	DAGSTER_DISABLE_TELEMETRY=yes PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dg dev --host 127.0.0.1 --port $(UI_PORT)

serve: $(STAMP) ## Serve the models over HTTP
	@$(BIN)/starhouse serve

lint: $(STAMP) ## Check style
	$(BIN)/ruff check .

clean: ## Remove the environment and everything that was built
	@if test -x $(BIN)/python; then $(BIN)/python -m warehouse.client.embedded.remove || true; fi
	@rm -rf $(VENV) .starhouse build *.egg-info .pytest_cache .ruff_cache .hypothesis .builders.txt
	@rm -rf warehouse/target warehouse/logs warehouse/profiles.yml warehouse/.user.yml
	@find warehouse ml serving orchestration tests -name __pycache__ -type d -prune -exec rm -rf {} +
