# What can be done here. `make` alone lists it.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
CODE := gated tests
# All cores; `make test CORES=` runs one test at a time.
CORES ?= -n auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-pretix check format bench trials evening shift long virtual-pi arm64 wheel release deb clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/installed ## see a gate at work, without any hardware
	$(BIN)/gated demo $(ARGS)

test: $(VENV)/installed-dev ## run the tests
	$(BIN)/python -m pytest $(CORES) $(ARGS)

test-pretix: $(VENV)/installed-dev ## run the gate before a real pretix from PyPI (the first time 10 minutes)
	$(BIN)/python tests/pretix/pretix_environment.py
	$(BIN)/python -m pytest --pretix tests/pretix $(ARGS)

check: $(VENV)/installed-dev ## what CI runs: format, lint, types, import rules, tests
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/codespell $(CODE) config systemd *.md
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(CORES) $(ARGS)

format: $(VENV)/installed-dev ## put the code in order
	$(BIN)/ruff format $(CODE)
	$(BIN)/ruff check --fix $(CODE)

bench: $(VENV)/installed-bench ## measure reading, scanning and syncing, as ratios
	$(BIN)/python -m tests.benchmarks $(ARGS)

# 200 runs take about 25 minutes of two cores; `make trials SEED=7` repeats one and keeps what it left.
trials: $(VENV)/installed-dev ## kill gate and server at random moments and compare their books
	$(BIN)/python -m tests.trials $(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS)) $(ARGS)

evening: $(VENV)/installed-dev ## check 5,000 out: killed three times in the middle; in bulk, by a server that gives up (some minutes)
	EVENING_GUESTS=5000 $(BIN)/python -m pytest tests/integration/test_checkout_all_killed.py tests/integration/test_checkout_all_bulk.py $(ARGS)

shift: $(VENV)/installed-dev ## ten minutes of 30 scans a minute and presses of the button; page, stats, ledger and server must agree
	SHIFT_SCANS=300 SHIFT_EVERY_S=2 $(BIN)/python -m pytest tests/integration/test_counts.py -k shift -s $(ARGS)

long: $(VENV)/installed-dev ## pull the plug 20 times, at every point of enrolling, hold up 10,000 hostile codes (the suite does a few of each)
	KILLS=20 HOSTILE_CODES=10000 POINTS_EVERY=1 $(BIN)/python -m pytest $(CORES) tests/integration/test_gate_process.py tests/integration/test_gate_hostile.py tests/integration/test_enrolment_killed.py $(ARGS)

# Debian with systemd under a kernel of its own; the first run builds both and keeps them. ARGS="--only powercut" runs one step.
virtual-pi: $(VENV)/installed-dev ## install the release on a Pi that is a process, and try all that it must survive
	PYTHONPATH=tests $(BIN)/python -m virtual_pi $(ARGS)

arm64: $(VENV)/installed-dev ## show that a Pi finds its wheels, and run tests as one (ARGS="tests/unit/test_decide.py")
	PYTHONPATH=tests $(BIN)/python -m virtual_pi.arm64 wheels
	PYTHONPATH=tests $(BIN)/python -m virtual_pi.arm64 tests $(ARGS)

wheel: $(VENV)/installed-dev ## build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

release: $(VENV)/installed-dev ## build a release that installs without network into dist/
	deploy/release.sh $(BIN)/python

deb: $(VENV)/installed-dev ## build the same as a package for apt; DEB_ARCH=amd64 to try it on a PC
	deploy/deb.sh $(BIN)/python $(or $(DEB_ARCH),arm64)

clean: ## remove what was built
	rm -rf $(VENV) dist build

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'

$(VENV)/installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

# Groups of pyproject.toml, which pip knows from 25.1 on.
$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@ $(VENV)/installed

$(VENV)/installed-bench: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet --group bench
	@touch $@
