# make repro    runs the whole study and prints its answer; JOBS=3 runs three stages at a time: docs/scaling.md
# make verify   trains again from the raw data and compares with what is committed; NETWORKS="conv1_linear1-small …"
# make test     checks style and types, and runs the tests; `make trial` runs the tests that take long
# make bench    measures how close training is to the machine's limit: benchmarks/README.md
# Each installs the environment first. VENV=path uses an existing environment as it is.

PYTHON ?= python3
ifeq ($(origin VENV),undefined)
VENV := .venv
ENVIRONMENT := $(VENV)/requirements.lock
else
ENVIRONMENT := $(VENV)/bin/python
endif
PLOTS_PAGE := .dvc/tmp/plots_page.html

# Runs one stage, for xargs, which stops at DVC's exit status 255: it becomes 1. What fails here fails again in the
# `dvc repro` at the end. The output goes through a pipe, so that there are lines instead of progress bars; `cat`
# ignores Ctrl-C, so that make waits until all processes have ended.
STAGE := sh -c 'for stage; do dvc --wait-for-lock repro --single-item "$$stage" || exit 1; done' sh

export PATH := $(abspath $(VENV))/bin:$(PATH)
export PYTHONNOUSERSITE := 1
unexport PYTHONPATH

.PHONY: repro verify test coverage trial bench setup lock

repro: setup
	@python src/repair.py
	@python src/plan.py
	@python src/verify.py --fingerprint
	@trap "exit 130" INT; jobs=$(or $(JOBS),`python src/plan.py jobs`); \
	[ $$jobs -le 1 ] || { dvc repro prepare && for name in train evaluate; do \
	  python src/plan.py $$name | xargs -n 1 -P $$jobs $(STAGE) 2>&1 | (trap "" INT; exec cat); done; }
	dvc repro
	@python -m rich.markdown report/answer.md

verify: setup
	dvc repro download
	python src/verify.py $(NETWORKS)

test: setup
	ruff check
	ruff format --check
	mypy
	pytest

coverage: setup
	pytest --cov --cov-report=term

trial: setup
	pytest -m trial --numprocesses 0

bench: setup
	dvc repro prepare
	python -m benchmarks

setup: $(ENVIRONMENT) $(PLOTS_PAGE)

.venv/requirements.lock: requirements.lock
	$(PYTHON) -m venv .venv
	python -m pip install --disable-pip-version-check --quiet --requirement requirements.lock
	python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	cp requirements.lock $@

$(PLOTS_PAGE): src/mnist_cnn/reporting/dvc_plots.py src/mnist_cnn/reporting/templates/plots_page.html.j2 | $(ENVIRONMENT)
	PYTHONPATH=src python -m mnist_cnn.reporting.dvc_plots

# The CUDA libraries that PyTorch names on Linux exist nowhere else.
lock:
	pip-compile --quiet --extra dev --extra ray --extra s3 --strip-extras --no-header --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --output-file requirements.lock pyproject.toml
	sed -i.bak -E 's/^((cuda|nvidia|triton)[^ ]*)$$/\1 ; sys_platform == "linux"/' requirements.lock
	rm requirements.lock.bak
