# Each goal does its own set-up: a machine needs only make and Python 3.11+ with venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: setup demo test check bench fuzz docs servers clean
.DEFAULT_GOAL := help

help:  ## what there is
	@sed -n 's/^\([a-z]*\):.*##/\1\t/p' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "needs Python's venv: apt install python3-venv"; exit 1; }
	@echo "installing into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

setup: $(STAMP)  ## make .venv with all that demo and tests need

demo: $(STAMP)  ## a real recording through bridge, broker, gateway, store and page
	$(BIN)/vitalwire demo

servers:  # mosquitto, influxdb, victoria-metrics and chromium from Debian's packages, if it may
	@sh tests/install_servers.sh

test: $(STAMP) servers  ## the tests, against the real servers where they can be had
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(STAMP)  ## format, lint, types, imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)  ## timings on this machine
	$(BIN)/python -m pytest tests/bench --benchmark-only

fuzz: $(STAMP)  ## a million mutated messages
	$(BIN)/python -m tests.fuzz --n 1000000

# What is by folds needs the runs as well: docs/results.md has those commands.
docs: $(STAMP)  ## measure anew what docs/results.md says of all that ships (needs the recordings)
	@: "$${VITALWIRE_DATA:?names the folder of recordings}"
	$(BIN)/vitalwire evaluate qrs --results
	$(BIN)/vitalwire evaluate ecg-beat --records DS2 --second-lead --snr --results
	$(BIN)/vitalwire evaluate ecg-rhythm --results
	$(BIN)/vitalwire evaluate eeg-seizure --floor line-length --leads 1,2,4,all --results
	$(BIN)/vitalwire evaluate eeg-seizure --floor logistic --leads 1,2,4,all --results
	$(BIN)/vitalwire bench models --results
	$(BIN)/vitalwire bench gateway --results

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
