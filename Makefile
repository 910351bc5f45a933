# Two commands are enough on a fresh machine: make demo, make test. Both install what they need first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install demo test quick lint format spec vectors docs clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "plada needs Python 3.11 or newer; run: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[ref,fast,sign,export,ray,conformance,test]'
	# Alone: what it asks for beside (scikit-image, pandas, fire) is for its own command line.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-deps medmnist
	touch $@

demo: install
	$(BIN)/plada demo

# On all cores. A file stays on one worker, and what its tests share is made once: tests/scheduling.py.
CORES := $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
PYTEST := $(BIN)/python -m pytest --dist loadfile --max-worker-restart 0 --numprocesses

# Every test. A worker more than cores: slow tests wait for other processes.
test: install
	$(PYTEST) $(shell expr $(CORES) + 1)

# While you edit: every room, without slow tests, and with fewer examples for each property.
quick: install
	$(PYTEST) $(CORES) -m "not slow" --hypothesis-profile quick

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What is generated from the specification's text, in the order in which each needs the one before.
spec: install
	$(BIN)/python -m plada_conformance.tables spec/plada-1.md
	$(BIN)/python -m plada_conformance.requirements spec
	$(BIN)/python -m plada_conformance.programs spec/plada-1.md

vectors: spec
	$(BIN)/python -m plada_conformance.make spec/plada-1.md conformance/vectors/v1

# The documentation site, strict, every link within it checked: build/site. Its packages have an
# environment of their own, without torch: 0.3 GB, a minute; each build after that half a minute.
SITE := .venv-docs
docs: $(SITE)/.installed
	NO_MKDOCS_2_WARNING=1 $(SITE)/bin/python -m mkdocs build

$(SITE)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) $(SITE) build dist *.egg-info plada-demo
