.DEFAULT_GOAL := help
SHELL := /bin/bash
# The first Python on PATH that the project supports and that can make a virtual environment.
PYTHON ?= $(shell for python in python3.12 python3.11 python3; do \
	$$python -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
	2>/dev/null && echo $$python && break; done)
BIN := .venv/bin

.PHONY: help setup demo test simulate model fuzz soak faults picture lint bench paper page contracts docs lock clean

help: ## Say what there is.
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST)

setup: .venv/ready ## Make .venv from the lock file and fetch Kafka: all that needs the network.

.venv/ready: requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or 3.12 with its venv module is needed: on Debian' \
	'or Ubuntu `apt-get install python3-venv`, else put one on PATH or say make PYTHON=...'; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -c 'from stream_app.broker.jars import kafka_jars; kafka_jars()'
	touch $@

demo: setup ## Kafka, a worker, a trainer, and eight rounds of active learning.
	$(BIN)/activelab-stream demo

test: setup ## All tests, the ones on a real Kafka included.
	$(BIN)/pytest --numprocesses 2 --dist loadfile

SEEDS := 1000
simulate: setup ## Worlds in which everything goes wrong: SEEDS=100000, SEED=17, VARIANTS=300.
	PYTHONPATH=tests $(BIN)/python tests/simulation/simulate.py \
	$(if $(SEED),--seed $(SEED),$(if $(VARIANTS),--variants $(VARIANTS),--seeds $(SEEDS)))

model: setup ## Every order of events in the life of a partition: WORKERS=2 FAULTS=3 RECORDS=1.
	PYTHONPATH=tests/model $(BIN)/python tests/model/explore.py $(if $(WORKERS),--workers $(WORKERS)) \
	$(if $(FAULTS),--faults $(FAULTS)) $(if $(RECORDS),--records $(RECORDS))

INPUTS := 100000
fuzz: setup ## Hostile records, by grammar and by coverage: INPUTS=100000, SEED=17.
	PYTHONPATH=tests:tests/fuzz $(BIN)/python tests/fuzz/fuzz.py --inputs $(INPUTS) --seed $(or $(SEED),0)

MINUTES := 60
soak: setup ## A worker at half of its peak, then faster than it can: MINUTES=60.
	PYTHONPATH=tests $(BIN)/python tests/load/soak.py --minutes $(MINUTES)

KILLS := 50
BROKERS := 1
faults: setup ## Real workers, killed, frozen and robbed under load: KILLS=50, SEED=7, BROKERS=3.
	PYTHONPATH=tests:tests/fault $(BIN)/python tests/fault/faults.py --kills $(KILLS) \
	--seed $(or $(SEED),0) --brokers $(BROKERS) $(if $(DOCUMENT),--document $(DOCUMENT))

ROUNDS := 12
picture: setup ## The dashboards, drawn from what Prometheus says of the demo: ROUNDS=12.
	PYTHONPATH=tests:tests/watch $(BIN)/python tests/watch/picture.py --rounds $(ROUNDS)

lint: setup ## Format, lint, types, and the direction of imports.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## Every benchmark, in a quarter of an hour or so: ratios in the same run; writes docs/benchmarks.md, scaling.md.
	$(BIN)/python -m benchmarks

paper: setup ## The ActiveLab paper's experiment, every method; writes docs/label-efficiency.md (an hour).
	for dataset in wall_robot wall_robot_complete digits; do \
	$(BIN)/python -m experiments.paper --dataset $$dataset --json docs/results/$$dataset.json || exit; \
	done
	$(BIN)/python -m experiments.document

page: setup ## Draw the page's picture, docs/images/page.png, in a headless Chromium.
	PYTHONPATH=tests:tests/web $(BIN)/python tests/web/picture.py docs/images

contracts: setup ## Write docs/schemas: AsyncAPI and JSON Schemas of what is on the wire.
	env -u STREAM_APP_TOPIC_PREFIX $(BIN)/activelab-stream schemas export docs/schemas

docs: setup ## The documentation as a site, in build/site.
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lock: ## Resolve the locks anew (needs uv).
	uv pip compile pyproject.toml --extra demo $(RESOLVED) -o requirements.lock
	uv pip compile pyproject.toml --extra dev $(RESOLVED) -c requirements.lock -o requirements-dev.lock
	cd tests/label_studio && uv pip compile requirements.in --no-emit-package attr $(RESOLVED) -o requirements.lock

RESOLVED := --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --no-annotate

clean: ## Remove what was built here (the user's cached Kafka stays).
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage \
	dist build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
