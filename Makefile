# The project's few verbs. Python 3.11 or newer, git and make are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# Make 3.81, which macOS has, runs a simple line itself and looks for its program in its own PATH. Another shell than
# /bin/sh it always asks.
SHELL := /bin/bash
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export GX_ANALYTICS_ENABLED := false

.PHONY: install repro test test-all check bench bench-gpu demo clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $@

repro: install          ## the whole pipeline on the embedded synthetic signer
	dvc repro

test: install           ## what a person waits for
	pytest -q -n 2 -m "not slow and not browser"

test-all: install       ## every proof, the slow ones too
	pytest -q -n 2

check: install          ## style, types, architecture
	ruff check .
	ruff format --check .
	mypy
	pytest -q tests/test_architecture.py tests/test_params.py tests/test_stage_deps.py

bench: install          ## speed and memory, as ratios in one run
	python benchmarks/run_all.py

bench-gpu: install      ## on a machine with a GPU: train its preset, then its step, its samples, its memory
	python -c "import torch, sys; sys.exit(None if torch.cuda.is_available() else 'error: PyTorch finds no GPU; see docs/howto.md')"
	dvc exp run $$(sed -nE 's/^([a-z_.]+): *([^ #]+).*/-S \1=\2/p' presets/gpu.yaml)
	python benchmarks/run_all.py --only training_step_gpu --only sampling_gpu

demo: install           ## the demo page on 127.0.0.1
	t2s demo

clean:                  ## the environment, clips, models, saved training states, MLflow's history
	rm -rf $(VENV) runs data/raw data/clips data/generated models reports/samples mlflow.db mlartifacts
