# `make up` and `make test` need a Python of 3.11 or newer and nothing else.

PORT ?= 8000

# The first Python that is new enough; else any, which then says what it lacks.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$name; exit; }; \
	done; command -v python3 || echo no-python)

VENV := .venv/bin

# Some images forbid Python to keep compiled code; every start would then take three times as long.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help up test test-long check format lock bench-flow bench-permissions bench-reembed bench-revocation bench-ingest example clean runtime dev

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 22

up: runtime ## Install, start everything and open the door (PORT=8000)
	@$(VENV)/python -m ragsite.up --end-with-parent --port '$(PORT)'

test: dev ## Install what is missing, run every check and every test
	@$(VENV)/python -m ragsite.up.checks $(PYTEST)

test-long: dev ## Run the tests that take many minutes
	@$(VENV)/python -m pytest -q -s -m long $(PYTEST)

check: test

format: dev ## Bring the code into its one format
	@$(VENV)/ruff format . && $(VENV)/ruff check --fix .

example: runtime ## Run the guarded flow step by step on the demonstration
	@$(VENV)/python -m ragsite.up run -- $(VENV)/python examples/01_operations.py

bench-flow: runtime ## Measure the flow against the bare minimum
	@$(VENV)/python -m ragsite.embedded.testing run --durable -- $(VENV)/python bench/flow.py

# No address of a package registry may get into a lock; uv lives in a throw-away environment.
LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --no-annotate

lock: ## Resolve the packages anew into requirements*.lock
	@set -e; uv=$$(mktemp -d); trap 'rm -rf "$$uv"' EXIT; \
	$(PYTHON) -m venv "$$uv"; "$$uv/bin/pip" install --quiet uv 2>"$$uv/log" || { cat "$$uv/log"; exit 1; }; \
	PATH="$$uv/bin:$$PATH"; \
	$(LOCK) pyproject.toml -o requirements.lock; \
	$(LOCK) --group dev -c requirements.lock -o requirements-dev.lock; \
	if grep -n '://' requirements.lock requirements-dev.lock; then \
		echo 'A lock names an address.'; exit 1; fi

bench-permissions: runtime dev ## Measure permissions with a million documents, beside django-guardian
	@$(VENV)/python -m ragsite.embedded.testing run --durable -- $(VENV)/python bench/permissions.py

bench-reembed: runtime dev ## Measure questions beside a re-embedding, and its switch
	@$(VENV)/python -m ragsite.embedded.testing run --durable -- $(VENV)/python bench/reembed.py

bench-revocation: runtime dev ## Measure how soon an open stream ends after a revocation
	@$(VENV)/python -m ragsite.embedded.testing run -- $(VENV)/python bench/revocation.py

bench-ingest: runtime dev ## Measure ingestion beside the bare encoder
	@$(VENV)/python -m ragsite.embedded.testing run --durable -- $(VENV)/python bench/ingest.py

clean: ## Remove the environment and all data of this checkout
	rm -rf .venv .ragsite .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

runtime:
	@$(PYTHON) ragsite/up/install.py runtime

dev:
	@$(PYTHON) ragsite/up/install.py runtime dev
