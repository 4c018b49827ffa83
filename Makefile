# What a newcomer needs: `make run` for the whole main job, `make test` to see that it holds.
# Both set themselves up; all that must be there is Python 3.11 or newer, git, make and a C compiler.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One stamp for one state of the lock and of the project file: a changed version installs itself.
STAMP := $(VENV)/.installed

.PHONY: help setup run honesty test long ci cheats mutants drills lint audit licences bench clean lock

help:  ## list these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 10

setup: $(STAMP)  ## a .venv with the exact versions of requirements.lock

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Assay needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@command -v $(firstword $(CC)) > /dev/null || { echo "Assay needs a C compiler: install gcc or clang, or name yours in CC"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -c 'from models.galaxies.fitting import library; library()'
	touch $(STAMP)

run: setup  ## the main job: from simulated galaxies to a served prediction
	$(BIN)/assay run galaxy-shape

honesty: setup  ## how biased production's answers are, over the prior and for shear: a night's work
	$(BIN)/assay honesty galaxy-shape

test: setup  ## the tests, without the long drills
	$(BIN)/pytest

long: setup  ## the long drills that CI runs, too: commands killed midway, other machines, verdicts (half an hour)
	$(BIN)/pytest -m ci

ci: setup  ## the tests with the long drills that CI runs (forty minutes); with TURN=1/5 a fifth of those
	$(BIN)/pytest -m 'not slow or ci' $(if $(TURN),--turn $(TURN))

cheats: setup  ## models that guess, against the rules of params.yaml (a quarter of an hour: they train one)
	$(BIN)/pytest -n0 -m slow tests/drills/test_cheats.py

mutants: setup  ## that tests/code/gates finds 85 % of what mutmut breaks in the rules of gates (five minutes)
	rm -rf build/mutants
	mkdir -p build/mutants
	cd build/mutants && ln -s $(addprefix ../../,assay components flows models params.yaml pyproject.toml services tests) .
	cd build/mutants && ../../$(BIN)/mutmut run && ../../$(BIN)/mutmut results && ../../$(BIN)/mutmut export-cicd-stats
	$(BIN)/python -m tests.mutants build/mutants/mutants/mutmut-cicd-stats.json

drills: setup  ## the long drills too: real processes, real kills
	$(BIN)/pytest -m 'slow or not slow'

lint: setup  ## ruff and mypy, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: setup  ## known faults of the versions in the lock file, as CI looks for them
	$(BIN)/python -m components.packages.advisories

licences: setup  ## every library of this environment with its licence, as CI checks them
	$(BIN)/python -m components.packages.materials

bench: setup  ## the figures that the documents quote
	$(BIN)/python -m benchmarks

clean:  ## forget every model, run and database of this folder (the dataset's DVC cache stays)
	rm -rf .assay build

lock: setup  ## write requirements.lock anew from what is installed
	{ echo "# Every package at the version Assay is tested with; pyproject.toml holds the ranges."; \
	  echo "# Made by: make lock"; \
	  $(BIN)/pip freeze --all --exclude-editable | grep -viE '^(pip|wheel)=' | sed 's/+.*$$//' | sort -f; } > requirements.lock.new
	mv requirements.lock.new requirements.lock
