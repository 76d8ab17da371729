# Everything runs from here; `make help` lists the commands. Only Python 3.11+ and make must be there.
.NOTPARALLEL:
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH
unexport VIRTUAL_ENV

VENV := .venv
OLDEST := .venv-oldest
BIN := $(VENV)/bin
PYTEST_OPTIONS ?=
# What has nothing to do with Airflow is tested once, on the newest.
WITHOUT_AIRFLOW := --ignore=tests/sandbox --ignore=tests/standins --ignore=tests/ledger --ignore=tests/bench
SPEED ?= 10
stage = @printf '\n== %s ==\n' "$(1)"

.PHONY: help install install-oldest lock lint format test test-fast test-newest test-oldest test-distributed
.PHONY: demo ui soak clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s%s\n", $$1, $$2}' Makefile

install: $(VENV)/.installed ## Make .venv with the newest supported Airflow (locked)

install-oldest: $(OLDEST)/.installed ## Make .venv-oldest with the oldest supported Airflow (locked)

$(VENV)/.installed: requirements.lock pyproject.toml .ci/install
	$(call stage,install: $(VENV))
	@.ci/install $(VENV) requirements.lock

$(OLDEST)/.installed: requirements-oldest.lock pyproject.toml .ci/install
	$(call stage,install: $(OLDEST) with the oldest supported Airflow)
	@.ci/install $(OLDEST) requirements-oldest.lock

lock: ## Write the lock files anew, with the newest versions
	@.ci/lock

lint: install ## Check style, types and the import floors
	$(call stage,ruff)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(call stage,mypy)
	@$(BIN)/mypy
	$(call stage,import floors)
	@$(BIN)/lint-imports

format: install ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

test: lint test-newest test-oldest test-distributed ## Run everything, on the newest and the oldest supported Airflow

test-newest: install
	$(call stage,tests on $$($(BIN)/python -c 'from importlib.metadata import version; print("Airflow", version("apache-airflow"))'))
	@$(BIN)/python -m pytest -m "not distributed" $(PYTEST_OPTIONS)

test-oldest: install-oldest
	$(call stage,tests on $$($(OLDEST)/bin/python -c 'from importlib.metadata import version; print("Airflow", version("apache-airflow"))'))
	@$(OLDEST)/bin/python -m pytest -m "not distributed" $(WITHOUT_AIRFLOW) $(PYTEST_OPTIONS)

test-distributed: install install-oldest ## Run Celery workers, Redis and PostgreSQL, and kill a worker in mid-push
	$(call stage,a push over two Celery workers)
	@$(BIN)/python -m pytest -m distributed tests/distributed $(PYTEST_OPTIONS)
	@$(OLDEST)/bin/python -m pytest -m distributed tests/distributed $(PYTEST_OPTIONS)

test-fast: install ## Run the tests that need neither a running Airflow nor a browser
	@$(BIN)/python -m pytest -m "not airflow and not browser and not distributed" $(PYTEST_OPTIONS)

demo: install ## Push to five sandboxed vendors through Airflow and compare what they then hold
	@SPEED=$(SPEED) PYTHONPATH=dags $(BIN)/python -m include.demo

ui: install ## Leave Airflow and the sandbox running to click through
	@SPEED=$(SPEED) PYTHONPATH=dags $(BIN)/python -m include.ui

.PHONY: bench bench-quick bench-distributed
ONLY ?=

bench: install .venv-bench/.installed ## Measure the push beside loops, HttpOperator, drt and dlt; ONLY=cost,limits for parts
	$(call stage,benchmark: about 40 minutes; leave the machine alone meanwhile)
	@PYTHONPATH=tests:dags $(BIN)/python -m bench --tools .venv-bench/bin/python $(if $(ONLY),--only $(ONLY))

bench-quick: install ## Measure a tenth of it, without drt, dlt, scheduler and quotas; writes nothing
	@PYTHONPATH=tests:dags $(BIN)/python -m bench --only cost,latency,batches,memory --factor 0.1 --rounds 3

bench-distributed: install ## Measure mapped tasks on Celery workers, and events from the outbox to the vendor
	$(call stage,benchmark of several machines: ten minutes; leave this one alone meanwhile)
	@PYTHONPATH=tests:dags $(BIN)/python -m bench.spread
	@PYTHONPATH=tests:dags $(BIN)/python -m bench.events

.venv-bench/.installed: requirements-bench.lock pyproject.toml .ci/install
	$(call stage,install: .venv-bench with drt and dlt)
	@.ci/install .venv-bench requirements-bench.lock

soak: install ## Push a million records through a troubled sandbox and compare (RECORDS=, VENDOR=)
	@$(BIN)/python -m tests.soak --records $(or $(RECORDS),1000000) --vendor $(or $(VENDOR),ocamba)

clean: ## Remove what was installed and made here
	rm -rf $(VENV) $(OLDEST) .venv-bench .uv .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
