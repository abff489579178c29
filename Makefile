# `make demo` runs the main job with nothing else installed; `make test` runs every test. Both do their own set-up.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/.run-ready
DEV_READY := $(VENV)/.dev-ready

.PHONY: help demo test test-unit explore soak lint format lock chart clean system-packages test-binaries
.DEFAULT_GOAL := help

help:  ## what the targets do
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

demo: $(RUN_READY)  ## the main job on an embedded source: a flagged series within about 20 seconds
	$(BIN)/sidecar demo $(ARGS)

test: $(DEV_READY) system-packages test-binaries  ## every test, with the real Prometheus, node_exporter and Alertmanager
	$(BIN)/coverage erase
	scripts/test.sh $(BIN) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

test-unit: $(DEV_READY)  ## the tests that need no system package
	$(BIN)/pytest -m 'not real' $(ARGS)

explore: $(DEV_READY)  ## the tests of properties, on examples that no run before has drawn
	$(BIN)/pytest -m 'hypothesis and not real' --hypothesis-profile=explore $(ARGS)

SOAK_MINUTES ?= 60

soak: $(DEV_READY) system-packages  ## simulated weeks, load and fuzzing, for about SOAK_MINUTES
	SOAK_MINUTES=$(SOAK_MINUTES) $(BIN)/pytest -s tests/soak $(ARGS)

lint: $(DEV_READY)  ## formatting, style, types, insecure patterns, import layering
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --skip B104,B311,B404,B603 sidecar  # ruff knows them, line by line
	$(BIN)/lint-imports

format: $(DEV_READY)  ## put the sources into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(DEV_READY)  ## lock the dependencies anew, with hashes
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 $(ARGS) --custom-compile-command 'make lock' -o requirements/run.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 $(ARGS) --custom-compile-command 'make lock' --extra dev -c requirements/run.txt -o requirements/dev.txt pyproject.toml
	echo hatchling | $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 $(ARGS) --custom-compile-command 'make lock' -c requirements/dev.txt -o requirements/build.txt -

chart: $(DEV_READY)  ## bring the chart's copies of the configuration, rules and dashboards, and its README, up to date
	scripts/sync-chart.sh
	$(BIN)/python scripts/chart-readme.py

clean:  ## remove what the targets made
	rm -rf .cache/image 2>/dev/null || sudo -n rm -rf .cache/image
	rm -rf $(VENV) .cache .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

system-packages:
	@scripts/system-packages.sh prometheus:prometheus promtool:prometheus alertmanager:prometheus-alertmanager node_exporter:prometheus-node-exporter npm:npm chromium:chromium chromedriver:chromium-driver \
		debootstrap:debootstrap buildah:buildah podman:podman runc:runc

test-binaries: $(DEV_READY)
	@scripts/fetch-helm.sh $(BIN)/python .cache/helm
	@scripts/fetch-compose.sh .cache/compose
	@scripts/fetch-victoria-metrics.sh .cache/victoria-metrics

$(BIN)/python:
	@scripts/make-venv.sh $(PYTHON) $(VENV)

# The lock names everything: with nothing left to resolve, a newer release elsewhere cannot upset it.
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps

$(RUN_READY): requirements/run.txt pyproject.toml | $(BIN)/python
	$(PIP) --require-hashes -r requirements/run.txt
	$(PIP) --editable .
	touch $@

$(DEV_READY): requirements/dev.txt $(RUN_READY)
	$(PIP) --require-hashes -r requirements/dev.txt
	touch $@
