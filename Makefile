# Commands of the project; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# grafana-client brings urllib3-future, which at every start of Python writes itself over urllib3; built so, it stands beside it.
export URLLIB3_NO_OVERRIDE := 1
export PIP_NO_BINARY := urllib3-future
.PHONY: help demo install system wheel test coverage bench lint proto clean

help: ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(VENV)/.dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet --editable '.[demo]' --group dev
	touch $@

install: $(VENV)/.dev ## a development environment in .venv

# What tests run for real: broker, stores, browser, systemd's own checks; fonts and libraries of reports, and what looks into a PDF.
PACKAGES := mosquitto influxdb postgresql chromium fonts-noto-cjk \
  libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 poppler-utils openssl systemd iproute2

system: ## the servers that tests run, where this machine's packages can be installed
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! dpkg-query -W $(PACKAGES) >/dev/null 2>&1; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES); fi

$(VENV)/.demo: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo]'
	touch $@

demo: $(VENV)/.demo ## the whole site on this machine; settings JIEYUE_PORT, JIEYUE_DATA, JIEYUE_NOW, JIEYUE_SPEED
	@exec $(BIN)/python -m simulators.stack.demo

lint: $(VENV)/.dev ## ruff, mypy, import-linter, pip-audit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python tests/audit.py

PACKED := pyproject.toml $(shell find contract protocols edge cloud simulators firmware_configs dashboards/grafana -type f -not -name '*.pyc')
build/wheel/.made: $(PACKED)
	rm -rf build/wheel && mkdir -p build/wheel
	$(PYTHON) -m venv build/wheel/venv
	build/wheel/venv/bin/pip install --quiet --upgrade pip
	build/wheel/venv/bin/pip wheel --quiet --no-deps --wheel-dir build/wheel .
	build/wheel/venv/bin/pip install --quiet "$$(ls build/wheel/*.whl)[demo]" --group dev
	touch $@

wheel: build/wheel/.made ## the wheel, in an environment of its own

ifdef WHEEL
test: system wheel ## the suite; WHEEL=1 runs it against the wheel
	$(PYTHON) tests/suite.py --at ../.. -- env --chdir=build/wheel venv/bin/python -P -m pytest --rootdir ../.. -c ../../pyproject.toml
else
test: system $(VENV)/.dev
	$(BIN)/python tests/suite.py -- $(BIN)/pytest
endif

# Counting makes the product slower, and so a test may take longer.
coverage: system $(VENV)/.dev ## the suite, with the lines that it runs of contract, protocols, edge and cloud; fails where they are too few
	rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/python tests/suite.py -- $(BIN)/coverage run -m pytest --timeout 300
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: system $(VENV)/.dev ## speed of the real processes, a JSON line a figure; BENCH="edge ingest settle" picks some; COMPARE=COMMIT: in turns with that one
	@$(BIN)/python -m bench $(BENCH) $(if $(COMPARE),--compare $(COMPARE) $(if $(PAIRS),--pairs $(PAIRS)))

proto: $(VENV)/.dev ## generate the Sparkplug module from its schema
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. contract/sparkplug_b.proto

clean: ## remove what was built
	rm -rf $(VENV) build dist
