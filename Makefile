# `make help` lists what there is. Only Python 3.11 or newer and make are assumed.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed

# How many test processes run side by side: one more than two cores, since some wait much.
JOBS ?= 3

.DEFAULT_GOAL := help
.PHONY: help install demo serve test test-fast lint audit format bench chaos lock clean

help: ## Show what make can do
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

install: $(INSTALLED) ## Install everything into .venv

$(INSTALLED): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(INSTALLED)

demo: install ## Start a database, load the castle, serve, and show an order being issued
	$(BIN)/channel-manager demo $(DEMO)

serve: install ## Serve API and worker on port 8000, with the embedded database
	$(BIN)/channel-manager serve --port 8000

test: install ## Run all tests (the browser's need chromium and npm: see CONTRIBUTING.md)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(TESTS)

test-fast: install ## Run the unit tests alone: no database, no network
	$(BIN)/python -m pytest tests/unit

lint: install ## Check style, types and which part may import which
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: install ## Ask a public database about known faults of what we depend on (needs the network)
	$(BIN)/uv tool run pip-audit --require-hashes --disable-pip --requirement requirements.txt

format: install ## Put the code into its form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: install ## Measure, and print each figure beside what it is compared with
	$(BIN)/python bench/issue_latency.py
	$(BIN)/python bench/order_sizes.py
	$(BIN)/python bench/availability.py
	$(BIN)/python bench/venue_import.py
	$(BIN)/python bench/spreadsheets.py
	$(BIN)/python bench/webhooks.py
	$(BIN)/python bench/outbound.py
	$(BIN)/python bench/strict_json.py
	$(BIN)/python bench/audit_cost.py
	$(BIN)/python bench/exchange_cost.py
	$(BIN)/python bench/search_cost.py
	$(BIN)/python bench/run_load.py --scenario all
	$(BIN)/python bench/gate.py
	$(BIN)/python bench/octo.py
	$(BIN)/python bench/pages.py
	$(BIN)/python bench/console.py

chaos: install ## Faults under load, 20 runs of each (40 minutes); says what it lacks
	$(BIN)/python bench/run_chaos.py

lock: install ## Renew the pinned requirements from pyproject.toml
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --upgrade --output-file requirements.txt pyproject.toml
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--no-header --upgrade --group dev --constraint requirements.txt \
		--output-file requirements-dev.txt pyproject.toml

clean: ## Remove what install and the checks have made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
