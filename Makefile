# The pipeline's commands. Each target works alone on a fresh machine with Python 3.11 or newer, git, make and npm.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup repro params test test-slow bench check format dag clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

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

params: setup ## check params.yaml, telling all mistakes at once
	.venv/bin/python -m stages.configure --check

test: setup ## run the default tests (under 90 s on two cores)
	.venv/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: setup ## run the tests that take longer (two minutes)
	.venv/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m slow

bench: setup ## time the augmentation against torchvision's, side by side
	.venv/bin/pytest tests/benchmarks --benchmark-only --benchmark-columns=min,median,max,rounds

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
