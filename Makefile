# make quickstart   the example shop, from embeddings to a batch in torch
# make ne           what SIDs are worth to a model of the example shop: a reduced evaluate_ne
# make test         all tests but those of the commands below; make check: style, types, and the tests that need no JVM (pages in chromium too)
# make test-slow    the tutorial, jobs through spark-submit, ranks of torch, trainings, large pages, and whole stories of tables: CI runs them too
# make coverage     both, and which lines of the library no test runs
# make airflow-test the DAGs in an Airflow of their own, killed and filled back
# make faults       what make test has no time for: kills at each write, full disks, concurrent runs
# make package      what a machine without the checkout and a cluster without a registry need: build/*.tar
# make cluster-test the package on a cluster of a master and two workers on this machine
# make clean        build, quickstart, caches, and what jobs leave in this folder where no other is named; .venv and your tables stay
# make lock         requirements/*.txt: pinned versions and hashes of all that pyproject.toml names
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
EXTRAS := spark,torch,sklearn,report,dev
JAVA = export JAVA_HOME=$$(conf/spark/java_home.sh --install)

.PHONY: help setup quickstart ne test test-slow coverage faults package cluster-test airflow-test lock check lint clean

help:
	@sed -n 's/^# //p' Makefile

setup: .venv/.installed build/jars

.venv/.installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python: 3.11 or later is required, got $$($(PYTHON) --version); set PYTHON=" >&2; exit 2; }
	@echo "installing packages into .venv: some minutes and 7 GB of disk, most of it torch with CUDA" >&2
	@if command -v uv >/dev/null; then \
	  test -x $(BIN)/python || uv venv --quiet --python "$$(command -v $(PYTHON))" .venv; \
	  uv pip install --quiet --python $(BIN)/python -e '.[$(EXTRAS)]'; \
	else \
	  test -x $(BIN)/pip || $(PYTHON) -m venv .venv; \
	  $(BIN)/pip install --quiet --disable-pip-version-check -e '.[$(EXTRAS)]'; \
	fi
	@touch $@

build/jars: .venv/.installed
	@mkdir -p build
	@$(JAVA); conf/spark/fetch_jars.sh "$$PWD/$(BIN)/python" build/jars
	@touch $@

quickstart: setup
	@$(JAVA); $(BIN)/python examples/online_retail/quickstart.py

ne: setup
	@$(JAVA); test -d quickstart/tables/sequences || \
	  for job in fit_codebook quantize_items build_sequences; do \
	    ./spark-submit.sh $$job --config conf/$$job.yaml; \
	  done
	@$(JAVA); ./spark-submit.sh evaluate_ne --config conf/evaluate_ne.yaml

SIDE_BY_SIDE = -n 2 --dist loadfile --no-loadscope-reorder#  a Spark each; what takes long comes first

test: setup
	@$(JAVA); $(BIN)/python -m pytest $(SIDE_BY_SIDE)

test-slow: setup
	@$(JAVA); $(BIN)/python -m pytest --slow -m slow $(SIDE_BY_SIDE)

coverage: setup
	@$(JAVA); $(BIN)/coverage run -m pytest --slow $(SIDE_BY_SIDE)
	@$(BIN)/coverage combine --quiet; $(BIN)/coverage report --fail-under 90

.venv-airflow/.installed: requirements/airflow.txt
	@$(PYTHON) -m venv .venv-airflow
	@.venv-airflow/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/airflow.txt
	@touch $@

airflow-test: setup .venv-airflow/.installed
	@$(JAVA); $(BIN)/python -m pytest --airflow .venv-airflow/bin/airflow tests/airflow

faults: setup
	@$(JAVA); $(BIN)/python -m pytest --every-fault -m every_fault -n 2 tests/spark
	@$(JAVA); $(BIN)/python -m pytest --every-fault --slow -m every_fault tests/faults tests/jobs

# WORKER_PREFIX=/usr: where Python is on the workers, if it is elsewhere there
package: setup
	@conf/spark/package.sh "$$PWD/$(BIN)/python" $(WORKER_PREFIX)

cluster-test: package
	@$(JAVA); $(BIN)/python -m pytest --cluster -m cluster

COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml

lock: .venv/.installed
	@mkdir -p requirements
	@$(COMPILE) --extra spark --extra report --output-file requirements/spark.txt
	@$(COMPILE) --all-extras --output-file requirements/all.txt

check: lint
	@$(BIN)/python -m pytest -m "not spark" $(SIDE_BY_SIDE)

lint: .venv/.installed
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

clean:
	rm -rf build quickstart footprint quality churn browse evaluate_ne fusion spark-warehouse metastore_db derby.log artifacts \
	  .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage*
