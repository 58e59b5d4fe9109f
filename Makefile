# The pipeline's commands. Each target works alone on a fresh Linux machine with Python 3.11 or newer, git, make and npm,
# unless its line says what else it needs.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.DEFAULT_GOAL := help
BASE ?= main
export BASE
.PHONY: help setup repro study review experiments params doctor plots site pictures readme test test-slow test-faults \
        test-changes test-experiments test-random test-pages test-cluster test-bytes test-kernels test-arm test-gpu gpu-check \
        fuzz bench bench-target check format lock dag clean

help: ## list targets and options
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s%s\n", $$1, $$2 }' Makefile
	@printf '\nOptions, as in `make study JOBS=4`:\n'
	@sed -n 's/^#: /  /p' Makefile

#: BASE=main              review: the branch, tag or commit to compare with
#: JOBS=4                 study: variants at once; by default as many as is quickest
#: RAY=auto               study: train on this Ray cluster; auto: the one of this machine
#: REMOTE=name            study with RAY: the DVC remote that all machines reach
#: DIRTY=1                study with RAY: take uncommitted changes along
#: GPU=1                  study: train what has engine exact on this machine's GPU
#: PYTHON=python3.12      setup: the Python that .venv is made of
#: UV=                    setup: install with pip, even where uv is found
#: ONLY=exact             bench: only the cases whose name matches
#: ARGS=--help            bench-target: its own options
#: SECONDS_EACH=600       fuzz: how long for each kind of file
#: STEPS=1000             test-random: how many; hours
#: SEED=7                 test-random: of the first day; a day is 25 steps, and the next has the next seed
#: MNIST_DIR=/a/folder    repro, study: take MNIST's four files from this folder
#: MNIST_STUDY_WORKERS=1  repro, study: networks to train at once; by default one a core
#: MNIST_STUDY_DEBUG=1    all: an error shows its traceback; kernels are compiled anew, with checks of sizes

setup: .venv/installed ## make .venv and install requirements.lock into it, once; tell git how to merge dvc.lock
	@test ! -e .git || sh src/mnist_study/tools/register_merge_drivers.sh

# Without isolation, which would fetch whatever is newest to build with; without dependencies, which the lock file names.
# uv is quicker and checks the same hashes, but reads neither pip.conf nor PIP_*: name another index by UV_DEFAULT_INDEX.
UV ?= $(shell command -v uv)
INSTALL = $(if $(UV),"$(UV)" pip install --python .venv,.venv/bin/python -m pip install --disable-pip-version-check) \
	--quiet --no-deps --no-build-isolation
.venv/installed: requirements.lock requirements-build.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0])'
	$(PYTHON) -m venv .venv
	$(INSTALL) --require-hashes --requirement requirements-build.lock
	$(INSTALL) --require-hashes --requirement requirements.lock
	$(INSTALL) --editable .
	@touch $@

# A run begins with a look for damage and mistakes, and with what is cached in the repository.
# --force: what a run that was killed left unrecorded is made again anyway, and would stop the pull
define BEGIN
	@.venv/bin/mnist-study doctor --quick
	@.venv/bin/python -m stages.configure --check
	@.venv/bin/mnist-study dvc pull --allow-missing --force
endef

repro: setup ## restore what is cached in the repository, run what is stale, tell the result
	$(BEGIN)
	@.venv/bin/mnist-study dvc repro
	@.venv/bin/mnist-study result

study: setup ## repro, several variants at once, on a GPU or cluster (JOBS, GPU, RAY, REMOTE, DIRTY)
	$(BEGIN)
	@.venv/bin/mnist-study study $(if $(JOBS),--jobs $(JOBS)) \
		$(if $(RAY),--ray $(RAY)) $(if $(REMOTE),--remote $(REMOTE)) $(if $(DIRTY),--dirty) \
		$(if $(GPU),--gpu)
	@.venv/bin/mnist-study result

params: setup ## check params.yaml, telling all mistakes at once
	@.venv/bin/python -m stages.configure --check
	@echo "params.yaml: no mistakes"

doctor: ## find what is missing, damaged or left over, and the command that heals it
	@PYTHONPATH=src $(or $(wildcard .venv/bin/python),$(PYTHON)) -m mnist_study.tools.doctor

# Where MNIST is missing nothing trains, so configure may write build/. Both run without DVC, which would write dvc.lock.
review: setup ## what this branch changes, as Markdown; fails on stale or unpushed results (BASE)
	@test -e data/mnist || .venv/bin/python -m stages.configure
	@test -e data/mnist || .venv/bin/python -m stages.download >&2 || true
	@.venv/bin/mnist-study review "$$BASE"

experiments: setup ## list the experiments made from HEAD, a line for each variant that one changed
	@.venv/bin/mnist-study experiments

plots: setup ## write dvc_plots/index.html, which opens without network
	@.venv/bin/mnist-study plots

site: setup ## write site/index.html: results, drawing, the proof; opens without network
	@.venv/bin/mnist-study site

pictures: site ## draw the pictures of docs/site.md (needs what test-pages needs)
	.venv/bin/python -m tests.pages.pictures

readme: setup ## copy the results from reports/study.md into README.md
	.venv/bin/python -m mnist_study.tools.readme

test: setup ## run the default tests (some two minutes on two cores)
	.venv/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "not slow"

test-slow: setup ## run the tests that take longer (five minutes or more)
	.venv/bin/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -m "slow and not (faults or pages or changes or experiments or cluster or bytes or kernels)"

test-faults: setup ## fill disks, damage files, break connections, kill what runs (15 minutes or more)
	.venv/bin/pytest -m faults

test-changes: setup ## merge branches, rename, add to the project, copy it (a quarter of an hour)
	.venv/bin/pytest --numprocesses 2 --dist loadfile -m changes

test-experiments: setup ## run the commands of docs/experiments.md on a tiny study (six minutes)
	.venv/bin/pytest --numprocesses 2 -m experiments

test-random: setup ## do what users do to a tiny study in random order, and check each step (STEPS, SEED)
	@.venv/bin/python -u -m tests.random_days $(if $(STEPS),--steps $(STEPS)) $(if $(SEED),--seed $(SEED))

test-pages: setup ## open the site and dvc plots in headless Chromium (needs it and Playwright)
	@.venv/bin/python -c 'import playwright' 2>/dev/null || { echo "Playwright is missing: .venv/bin/pip install -e '.[test-pages]'"; exit 1; }
	.venv/bin/mnist-study plots
	.venv/bin/pytest -m pages

test-cluster: setup ## train on a local Ray cluster, one node of which dies (needs the extra `test-cluster`)
	@.venv/bin/python -c 'import ray' 2>/dev/null || { echo "ray is missing: .venv/bin/pip install -e '.[test-cluster]'"; exit 1; }
	.venv/bin/pytest -m cluster

# No plain repro: after an edit of a module that training uses, it would train all that this is to tell about.
test-bytes: setup ## train first epochs again and compare with what is committed (two minutes)
	.venv/bin/dvc pull --quiet --allow-missing --force
	.venv/bin/dvc repro --quiet transforms
	.venv/bin/pytest -m bytes

test-kernels: setup ## hold the kernels against the reference at length (ten minutes)
	.venv/bin/pytest --numprocesses 2 -m kernels

test-arm: setup ## golden vectors on emulated arm64, ten minutes (root, qemu-user-static, debootstrap)
	tests/arm.sh

test-gpu: setup ## compute the golden vectors on a CUDA GPU; without one says so
	.venv/bin/pytest -m gpu

# Alone, with a torch of its own: needs no more than src/mnist_study and reference/gpu_check.json.
gpu-check: ## on a CUDA GPU: are its bytes a processor's, and how fast is it? (four minutes)
	@PYTHONPATH=src $(or $(wildcard .venv/bin/python),$(PYTHON)) -m mnist_study.tools.gpu_check

fuzz: setup ## fuzz the readers of params.yaml, IDX files and tarballs (SECONDS_EACH)
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --target build/fuzz --no-deps atheris==3.0.0
	for kind in params idx tarball; do PYTHONPATH=build/fuzz .venv/bin/python -m tests.faults.fuzz $$kind \
	    -max_total_time=$(or $(SECONDS_EACH),60) || exit 1; done

bench: setup ## time the engines and a plain recipe side by side (ONLY)
	.venv/bin/pytest tests/benchmarks --benchmark-only --benchmark-quiet -k "$(ONLY)"

bench-target: setup ## time to 99.40 % of the test images: exact and plain (ARGS)
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
	rm -rf .pytest_cache .ruff_cache .hypothesis .benchmarks dvc_plots site
	find src stages tests -name __pycache__ -type d -prune -exec rm -rf {} +
