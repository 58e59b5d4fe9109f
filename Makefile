# The pipeline's commands. Each target works alone on a fresh machine with Python 3.11 or newer, git, make and npm.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
BASE ?= main
export BASE
.PHONY: help setup repro study review params test test-slow test-faults test-cluster bench bench-target check format dag clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/installed ## make .venv and install requirements.txt into it, once

.venv/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	@touch $@

repro: setup ## restore what is cached in the repository, then run what is stale
	.venv/bin/python -m stages.configure --check
	.venv/bin/dvc pull --allow-missing
	.venv/bin/dvc repro

# --force: what a run that was killed left unrecorded is made again anyway
study: setup ## repro with several variants at once (JOBS=n: so many; RAY=address REMOTE=name: on a cluster)
	.venv/bin/python -m stages.configure --check
	.venv/bin/dvc pull --allow-missing --force
	.venv/bin/python -m mnist_study.study $(if $(JOBS),--jobs $(JOBS)) \
		$(if $(RAY),--ray $(RAY)) $(if $(REMOTE),--remote $(REMOTE)) $(if $(DIRTY),--dirty)

params: setup ## check params.yaml, telling all mistakes at once
	.venv/bin/python -m stages.configure --check

# configure and download run without DVC here, so dvc.lock stays as it is; what they say is not part of the page
review: setup ## print what this branch changes against BASE (main), as Markdown; fails where a stage is stale
	@.venv/bin/python -m stages.configure
	@test -e data/mnist || .venv/bin/python -m stages.download >&2 || true
	@.venv/bin/python -m mnist_study.review "$$BASE"

test: setup ## run the default tests (under 90 s on two cores)
	.venv/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: setup ## run the tests that take longer (three minutes)
	.venv/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "slow and not faults and not cluster"

test-faults: setup ## kill and interrupt real trainings, again and again (eight minutes)
	.venv/bin/pytest -m faults

test-cluster: setup ## train on a Ray cluster of three nodes on this machine, one of which dies (needs the extra `cluster`)
	@.venv/bin/python -c 'import ray' 2>/dev/null || { echo "ray is missing: .venv/bin/pip install -e '.[cluster]'"; exit 1; }
	.venv/bin/pytest -m cluster

bench: setup ## time the engines and a plain recipe side by side; ONLY="fast and transition_fc" chooses
	.venv/bin/pytest tests/benchmarks --benchmark-only --benchmark-quiet -k "$(ONLY)"

bench-target: setup ## time to 99.40 % of the test images, fast and plain; ARGS="--help" lists the options
	.venv/bin/python -m tests.benchmarks.time_to_target $(ARGS)

check: setup ## lint, format and type checks
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/pyright

format: setup ## let ruff put the code in order
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

dag: setup ## print the stages as a mermaid diagram
	.venv/bin/dvc dag --mermaid --collapse-foreach-matrix

clean: ## remove what tests and tools leave behind (no results, no cache)
	rm -rf .pytest_cache .ruff_cache .hypothesis .benchmarks dvc_plots
	find src stages tests -name __pycache__ -type d -prune -exec rm -rf {} +
