PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PYTHONWARNINGS := ignore::DeprecationWarning

.PHONY: demo test test-all lint docs peers test-peers test-versions baselines clean

demo: $(VENV)/ready  ## install, run the suite `quick`, say where the report is
	$(BIN)/heatproof run quick

test: $(VENV)/dev  ## install and run the tests, the slow ones left out
	$(BIN)/python -m pytest -q -n 2 -m "not slow and not browser"

test-all: $(VENV)/dev  ## every test
	$(BIN)/python -m pytest -q -n 2

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	mkdir -p build/typing && ln -sfn "$(CURDIR)" build/typing/heatproof
	cd build/typing && MYPYPATH=. ../../$(BIN)/mypy --config-file heatproof/pyproject.toml -p heatproof \
		--exclude '/(tests|build|docs|runs)/'

docs: $(VENV)/dev  ## write the generated parts of the documentation again
	$(BIN)/python docs/generate.py

peers: build/peers/ready  ## put the metrics of other libraries through the kit, and write docs/peers.md
	build/peers/bin/heatproof check metrics --peer quantus --peer captum --peer pytorch_grad_cam --page docs/peers.md

test-peers: build/peers/ready  ## the tests that need other libraries
	build/peers/bin/python -m pytest -q tests/peers

test-versions:  ## a smoke test with the oldest and the newest releases that pyproject.toml allows
	PYTHON=$(PYTHON) .ci/versions

build/peers/ready: pyproject.toml constraints.txt  # apart from our own environment, which they would change
	$(PYTHON) -m venv build/peers
	build/peers/bin/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,peers]'
	touch $@

baselines: $(VENV)/ready  ## run `quick` anew and store its records as the baselines of `run --method`
	$(BIN)/heatproof run quick --out build/baselines
	$(BIN)/heatproof pack quick build/baselines

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "heatproof needs Python 3.11 or newer, this is " + sys.version)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/ready: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/dev: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist runs *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
