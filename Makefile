# The pipeline's commands. Each target works alone on a fresh machine with Python 3.11 or newer, git, make and npm.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
BASE ?= main
export BASE
.PHONY: help setup repro study review params doctor plots readme test test-slow test-faults test-experiments test-pages \
        test-cluster test-bytes fuzz bench bench-target check format lock dag clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: .venv/installed ## make .venv and install requirements.lock into it, once

# Without isolation, which would fetch whatever is newest to build with; without dependencies, which the lock file names.
PIP := .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation
.venv/installed: requirements.lock requirements-build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(PIP) --require-hashes --requirement requirements-build.lock
	$(PIP) --require-hashes --requirement requirements.lock
	$(PIP) --editable .
	@touch $@

# --force: what a run that was killed left unrecorded is made again anyway, and would stop the pull
repro: setup ## restore what is cached in the repository, then run what is stale
	.venv/bin/python -m mnist_study.tools.doctor --quick
	.venv/bin/python -m stages.configure --check
	.venv/bin/dvc pull --allow-missing --force
	.venv/bin/dvc repro

study: setup ## repro with several variants at once (JOBS=n: so many; RAY=address REMOTE=name: on a cluster)
	.venv/bin/python -m mnist_study.tools.doctor --quick
	.venv/bin/python -m stages.configure --check
	.venv/bin/dvc pull --allow-missing --force
	.venv/bin/python -m mnist_study.tools.parallel $(if $(JOBS),--jobs $(JOBS)) \
		$(if $(RAY),--ray $(RAY)) $(if $(REMOTE),--remote $(REMOTE)) $(if $(DIRTY),--dirty)

params: setup ## check params.yaml, telling all mistakes at once
	.venv/bin/python -m stages.configure --check

doctor: ## look for what is missing, damaged or left over; a line each, with the command that heals it
	@PYTHONPATH=src $(or $(wildcard .venv/bin/python),$(PYTHON)) -m mnist_study.tools.doctor

# Where MNIST is missing nothing trains, so configure may write build/. Both run without DVC, which would write dvc.lock.
review: setup ## print what this branch changes against BASE (main), as Markdown; fails where a stage is stale
	@test -e data/mnist || .venv/bin/python -m stages.configure
	@test -e data/mnist || .venv/bin/python -m stages.download >&2 || true
	@.venv/bin/python -m mnist_study.tools.review "$$BASE"

# dvc_plots holds all that its page needs; `dvc plots diff` then writes to the same place
plots: setup ## write dvc_plots/index.html, which opens without network
	.venv/bin/python -m mnist_study.tools.vega dvc_plots/vega
	.venv/bin/dvc plots show

readme: setup ## copy the results from reports/study.md into README.md
	.venv/bin/python -m mnist_study.tools.readme

test: setup ## run the default tests (one to two minutes on two cores)
	.venv/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: setup ## run the tests that take longer (three to eight minutes)
	.venv/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "slow and not (faults or pages or experiments or cluster or bytes)"

test-faults: setup ## fill disks, damage files, break connections, kill what runs, again and again (half an hour or more)
	.venv/bin/pytest -m faults

test-experiments: setup ## type the commands of docs/experiments.md, on a tiny study (six minutes)
	.venv/bin/pytest --numprocesses 2 -m experiments

test-pages: setup ## open the pages of dvc plots in headless Chromium, which must be installed (a minute)
	.venv/bin/python -m mnist_study.tools.vega dvc_plots/vega
	.venv/bin/pytest -m pages

test-cluster: setup ## train on a Ray cluster of three nodes on this machine, one of which dies (needs the extra `test-cluster`)
	@.venv/bin/python -c 'import ray' 2>/dev/null || { echo "ray is missing: .venv/bin/pip install -e '.[test-cluster]'"; exit 1; }
	.venv/bin/pytest -m cluster

# No plain repro: after an edit of a module that training uses, it would train all that this is to tell about.
test-bytes: setup ## train the first epoch of four variants again: the same numbers as landed (two minutes; needs bf16)
	.venv/bin/dvc pull --quiet --allow-missing --force
	.venv/bin/dvc repro --quiet transforms
	.venv/bin/pytest -m bytes

fuzz: setup ## feed made-up files to the readers of params.yaml, IDX files and tarballs; SECONDS_EACH=600
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --target build/fuzz --no-deps atheris==3.0.0
	for kind in params idx tarball; do PYTHONPATH=build/fuzz .venv/bin/python -m tests.faults.fuzz $$kind \
	    -max_total_time=$(or $(SECONDS_EACH),60) || exit 1; done

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

lock: setup ## write requirements.lock and requirements-build.lock from requirements.txt
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --target build/uv --no-deps uv==0.13.9
	for file in requirements requirements-build; do head -2 $$file.lock | grep '^#' > build/$$file.head; done
	grep -v '^-e' requirements.txt | build/uv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --quiet - > build/all.lock
	cat build/requirements.head build/all.lock > requirements.lock
	awk '/^[a-z]/ { kept = /^setuptools==/ } kept' build/all.lock | cat build/requirements-build.head - > requirements-build.lock

dag: setup ## print the stages as a mermaid diagram
	.venv/bin/dvc dag --mermaid --collapse-foreach-matrix

clean: ## remove what tests and tools leave behind (no results, no cache)
	rm -rf .pytest_cache .ruff_cache .hypothesis .benchmarks dvc_plots
	find src stages tests -name __pycache__ -type d -prune -exec rm -rf {} +
