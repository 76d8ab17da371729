# Everything runs from here; `make help` lists the commands. Only Python 3.11+ and make must be there.
.NOTPARALLEL:
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE
unexport PYTHONPATH
unexport VIRTUAL_ENV

VENV := .venv
BIN := $(VENV)/bin
PYTEST_OPTIONS ?=
# Each worker has an Airflow home, a sandbox, databases and ports of its own.
JOBS ?= auto
PARALLEL := -n $(JOBS) --dist worksteal
# Which Airflow runs which tests, so that all of it stays well under an hour on two cores:
#   newest (.venv)  everything, and style, types and floors
#   3.2             the rooms at Airflow, and of the long tests those of what may differ there; Celery included
#   3.1             the rooms at Airflow, and of the long tests those of what differs there
#   lowest          3.1.8 with the lowest version of each dependency: what is quick and needs no running Airflow
# Each older one has a Python of its own, where there is one; else it says so and takes the first that is found.
PYTHON_3.2 := 3.13
PYTHON_3.1 := 3.12
AT_AIRFLOW := $(addprefix tests/unit/,adapters cli hooks lineage operators test_dags.py test_provider_info.py) \
	tests/acceptance/account tests/acceptance/events tests/distributed tests/real_airflow
LONG_ON_3.2 := $(addprefix tests/real_airflow/,page $(addprefix test_,approval.py events.py resume.py scheduler.py ui_in_browser.py waking.py))
LONG_ON_3.1 := $(addprefix tests/real_airflow/test_,scheduler.py events.py ui_in_browser.py)
# What depends on nothing but Python is tested once, on the newest.
WITHOUT_AIRFLOW := --ignore=tests/unit/sandbox --ignore=tests/standins --ignore=tests/unit/ledger --ignore=tests/benchmarks --ignore=tests/unit/test_dist.py --ignore=tests/unit/test_typing.py
SPEED ?= 50
stage = @printf '\n== %s ==\n' "$(1)"
airflow_of = $$($(1)/python -c 'import platform as p; from importlib.metadata import version as v; print("Airflow", v("apache-airflow"), "and Python", p.python_version())')

.PHONY: help install install-3.2 install-3.1 install-lowest lock lint format
.PHONY: test test-all test-rest test-fast test-long test-3.2 test-3.1 test-lowest test-distributed
.PHONY: demo ui wake soak soak-fuzz clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / {printf "  make %-18s%s\n", $$1, $$2}' Makefile

install: $(VENV)/.installed ## Make .venv with the newest supported Airflow (locked)

install-3.2: .venv-3.2/.installed ## Make .venv-3.2 with Airflow 3.2, as its users have it
install-3.1: .venv-3.1/.installed ## Make .venv-3.1 with Airflow 3.1, as its users have it
install-lowest: .venv-lowest/.installed ## Make .venv-lowest with the lowest version of each dependency

$(VENV)/.installed: requirements.lock pyproject.toml .ci/install
	$(call stage,install: $(VENV))
	@.ci/install $(VENV) requirements.lock

.venv-%/.installed: .ci/airflow-%.toml pyproject.toml .ci/install .ci/build.in
	$(call stage,install: .venv-$*)
	@.ci/install .venv-$* $< $(PYTHON_$*)

lock: ## Write the lock files anew, with the newest versions
	@.ci/lock

lint: install ## Check style, types, the import floors and the page's scripts
	$(call stage,ruff)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(call stage,mypy)
	@$(BIN)/mypy
	$(call stage,import floors)
	@$(BIN)/lint-imports
	$(call stage,scripts)
	@$(BIN)/python .ci/check_scripts.py

format: install ## Format the code and fix what can be fixed
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

.PHONY: generated screenshots

screenshots: install ## Take the pictures of Airflow's UI in the docs anew, out of the tests that click through it
	@UPDATE_SCREENSHOTS=1 $(BIN)/python -m pytest -m "browser and long" -k "$(or $(ONLY),in_browser)" --basetemp=/tmp/profiles $(PYTEST_OPTIONS)

generated: install ## Write anew what is generated: the hooks' and operators' signatures, and the docs' tables
	@$(BIN)/python .ci/signatures.py
	@$(BIN)/python .ci/docs_tables.py

test: say-how-long lint ## Check style, types and floors, and run what needs no cluster, on the newest supported Airflow
	$(call stage,tests on $(call airflow_of,$(BIN)))
	@.ci/tests $(BIN)/python $(PARALLEL) -m "not distributed and not long" $(PYTEST_OPTIONS)

say-how-long:
	@echo "make test: six to seven minutes on two cores, and one more where nothing is installed yet"

test-all: test test-rest ## Run everything, on each supported Airflow (just under an hour on two cores)

test-rest: test-long test-3.2 test-3.1 test-lowest test-distributed ## Run what `make test` leaves out

test-long: install ## Run the long tests of a whole Airflow: scheduler, triggerer, browser
	$(call stage,long tests on $(call airflow_of,$(BIN)))
	@.ci/tests $(BIN)/python -m "long and not distributed" $(PYTEST_OPTIONS)

test-3.2: install-3.2 ## Run the tests on Airflow 3.2
	$(call stage,tests on $(call airflow_of,.venv-3.2/bin))
	@.ci/tests .venv-3.2/bin/python $(PARALLEL) -m "not distributed and not long" $(PYTEST_OPTIONS) $(AT_AIRFLOW)
	@.ci/tests .venv-3.2/bin/python -m "long and not distributed" $(PYTEST_OPTIONS) $(LONG_ON_3.2)

test-3.1: install-3.1 ## Run the quick tests, and some of the long ones, on Airflow 3.1
	$(call stage,tests on $(call airflow_of,.venv-3.1/bin))
	@.ci/tests .venv-3.1/bin/python $(PARALLEL) -m "not distributed and not long" $(PYTEST_OPTIONS) $(AT_AIRFLOW)
	@.ci/tests .venv-3.1/bin/python -m "long and not distributed" $(PYTEST_OPTIONS) $(LONG_ON_3.1)

test-lowest: install-lowest ## Run the quick tests with the lowest version of each dependency
	$(call stage,tests with the lowest versions: $(call airflow_of,.venv-lowest/bin))
	@.ci/tests .venv-lowest/bin/python $(PARALLEL) -m "not airflow and not browser and not distributed and not long" $(WITHOUT_AIRFLOW) $(PYTEST_OPTIONS)

test-distributed: install install-3.2 ## Run Celery workers, Redis and PostgreSQL, and kill a worker in mid-push
	$(call stage,a push over two Celery workers)
	@.ci/tests $(BIN)/python -m distributed tests/distributed $(PYTEST_OPTIONS)
	@.ci/tests .venv-3.2/bin/python -m distributed tests/distributed $(PYTEST_OPTIONS)

test-fast: install ## Run the tests that need neither a running Airflow nor a browser
	@.ci/tests $(BIN)/python $(PARALLEL) -m "not airflow and not browser and not distributed and not long" $(PYTEST_OPTIONS)

demo: install ## Push to five sandboxed vendors through Airflow and compare what they then hold
	@SPEED=$(SPEED) PYTHONPATH=dags $(BIN)/python -m include.demo

ui: install ## Leave Airflow and the sandbox running to click through
	@SPEED=$(SPEED) PYTHONPATH=dags $(BIN)/python -m include.ui

wake: install ## While `make ui` runs, give a waiting example what it waits for (BY=file, outbox, people or queue)
	@PYTHONPATH=dags $(BIN)/python -m include.ui.wake $(or $(BY),outbox)

.PHONY: bench bench-quick bench-distributed
ONLY ?=
KEEP ?=

bench: install .venv-bench/.installed ## Measure the push beside loops, HttpOperator, drt and dlt; ONLY=cost,limits for parts
	$(call stage,benchmark: about 50 minutes; leave the machine alone meanwhile)
	@PYTHONPATH=tests:dags $(BIN)/python -m benchmarks --tools .venv-bench/bin/python $(if $(ONLY),--only $(ONLY)) $(if $(KEEP),--keep $(KEEP)) $(if $(WRITE),--write)

bench-quick: install ## Measure a tenth of it, without drt, dlt, scheduler and quotas; writes nothing
	@PYTHONPATH=tests:dags $(BIN)/python -m benchmarks --only cost,latency,batches,memory --factor 0.1 --rounds 3

bench-distributed: install ## Measure mapped tasks on Celery workers, and events from the outbox to the vendor
	$(call stage,benchmark of several machines: a quarter of an hour; leave this one alone meanwhile)
	@PYTHONPATH=tests:dags $(BIN)/python -m benchmarks.spread
	@PYTHONPATH=tests:dags $(BIN)/python -m benchmarks.events --write

.venv-bench/.installed: requirements-bench.lock pyproject.toml .ci/install
	$(call stage,install: .venv-bench with drt and dlt)
	@.ci/install .venv-bench requirements-bench.lock

soak: install ## Push a million records through a troubled sandbox and compare (RECORDS=, VENDOR=)
	@$(BIN)/python -m tests.soak --records $(or $(RECORDS),1000000) --vendor $(or $(VENDOR),ocamba)

soak-fuzz: install ## Push in 20,000 drawn ways, amid drawn troubles, and check what is left (PUSHES=, SEED=, MINUTES=)
	@$(BIN)/python -m tests.fuzz --pushes $(or $(PUSHES),20000) --minutes $(or $(MINUTES),30) $(if $(SEED),--seed $(SEED))

.PHONY: dist

dist: install ## Build the wheel and the source distribution in dist/, and check them
	$(call stage,dist: with what requirements.lock names)
	@rm -rf dist
	@.ci/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist .
	@$(BIN)/twine --no-color check --strict dist/*.whl dist/*.tar.gz

.PHONY: docs

docs: .venv-docs/.installed ## Build the documentation site in site/; read it with: python -m http.server -d site
	$(call stage,docs: strictly)
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict --quiet

.venv-docs/.installed: requirements-docs.lock pyproject.toml .ci/install
	$(call stage,install: .venv-docs)
	@.ci/install .venv-docs requirements-docs.lock

clean: ## Remove what was installed and made here
	rm -rf .venv .venv-* .venv-docs .uv dist site .demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
