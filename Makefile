# What a newcomer and CI call. Bare `make` runs every check; `make help` lists the targets. Paths may contain spaces:
# everything is relative to this directory.
.DEFAULT_GOAL := check
.PHONY: help run quick test fuzz check stop bench clean prerequisites-run prerequisites-test environment environment-development

PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest --quiet
# Each file's tests run in one process, in the order of tests/conftest.py.
SIDE_BY_SIDE := --dist=loadfile --no-loadscope-reorder --numprocesses
# What is not a person's choice; see pyproject.toml.
USUAL := not upstream and not guest and not slow and not machine
MAKEFLAGS += --no-print-directory
# Each target prepares the next, also under -j.
.NOTPARALLEL:

help: ## List the targets
	@echo "Bare make: check"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

run: prerequisites-run environment ## Start the master here and build the sample project's variants
	@sh scripts/site.sh
	@.venv/bin/arm-ci run

quick: environment-development ## Run the tests that need no compiler, browser or master: about a minute
	@echo "quick: pytest"
	@$(PYTEST) $(SIDE_BY_SIDE) auto -m "not real and not integration and not browser and $(USUAL)"

test: prerequisites-test check ## Run the checks and every test
	@echo "test: pytest"
	@# One process more than there are cores, because many of these tests wait.
	@$(PYTEST) $(SIDE_BY_SIDE) $$(($$(nproc) + 1))

fuzz: environment-development ## Search for inputs that break something: other ones each time, for a quarter of an hour or so
	@echo "fuzz: pytest; what fails is printed with the decorator and the --hypothesis-seed that repeat it"
	@$(PYTEST) $(SIDE_BY_SIDE) auto -m "hypothesis and $(USUAL)" --hypothesis-profile=fuzz

check: environment-development ## Run every check: ruff, formatting, mypy, imports, branches, the configuration
	@echo "check: ruff"
	@$(PYTHON) -m ruff check --quiet .
	@echo "check: format"
	@$(PYTHON) -m ruff format --check --quiet .
	@echo "check: mypy"
	@$(PYTHON) -m mypy --no-error-summary
	@echo "check: imports"
	@said=$$(.venv/bin/lint-imports --no-cache --no-logo 2>&1) || { echo "$$said"; exit 1; }
	@echo "check: branches"
	@said=$$($(PYTEST) tests/test_frame.py -k no_function_has_more_branches 2>&1) || { echo "$$said"; exit 1; }
	@echo "check: configuration"
	@.venv/bin/arm-ci check

stop: ## Stop the master
	@if [ -n "$${ARM_CI_SITE-}" ] || [ -e state/site/site.yaml ]; then sh scripts/environment.sh run && .venv/bin/arm-ci stop; \
	else echo "stop: nothing runs, there is no state/site"; fi

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
