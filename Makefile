PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PYTHONWARNINGS := ignore::DeprecationWarning

.PHONY: demo test test-all lint docs baselines clean

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
