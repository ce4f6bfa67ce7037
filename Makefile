# What a newcomer and CI call. Bare `make` runs every check; `make help` lists the targets. Paths may contain spaces:
# everything is relative to this directory.
.DEFAULT_GOAL := check
.PHONY: help run test check stop bench clean prerequisites-run prerequisites-test environment environment-development

PYTHON := .venv/bin/python
MAKEFLAGS += --no-print-directory
# Each target prepares the next, also under -j.
.NOTPARALLEL:

help: ## List the targets
	@echo "Bare make: check"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

run: prerequisites-run environment ## Start the master here and build the sample project's variants
	@.venv/bin/arm-ci run

test: prerequisites-test check ## Run the checks and every test
	@echo "test: pytest"
	@$(PYTHON) -m pytest

check: environment-development ## Run every check: ruff, formatting, mypy, the configuration
	@echo "check: ruff"
	@$(PYTHON) -m ruff check --quiet .
	@echo "check: format"
	@$(PYTHON) -m ruff format --check --quiet .
	@echo "check: mypy"
	@$(PYTHON) -m mypy --no-error-summary
	@echo "check: configuration"
	@.venv/bin/arm-ci check

stop: ## Stop the master
	@if [ -x .venv/bin/arm-ci ] || [ -e state/twistd.pid ]; then sh scripts/environment.sh run && .venv/bin/arm-ci stop; \
	else echo "stop: nothing runs, there is no .venv and no state/twistd.pid"; fi

bench: environment ## Measure: the configuration's cost beside a hand-written master.cfg, how fast logs are read
	@$(PYTHON) benchmarks/checkconfig.py
	@$(PYTHON) benchmarks/log_throughput.py

clean: stop ## Stop the master, then remove .venv and caches; the state directory with its builds stays
	@rm -rf .venv build dist arm_ci.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './state/*' -prune -exec rm -rf {} +

prerequisites-run:
	@sh scripts/prerequisites.sh run

prerequisites-test:
	@sh scripts/prerequisites.sh test

environment:
	@sh scripts/environment.sh run

environment-development:
	@sh scripts/environment.sh development
