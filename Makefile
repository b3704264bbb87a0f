# The checkout's own tools. Everything is installed into .venv, rust/target and tests/java/target;
# `make run` needs Python 3.11 and Rust, `make test` also Java 17 and Maven.
# PYTHON may name another Python to make the virtual environment with.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
PY := $(VENV)/bin/python
CORE := src/ottla/_core.abi3.so
CARGO := cargo --config net.retry=5
# `dist` is what wheels have: a fifth faster, and minutes to build.
PROFILE := release
JARS := tests/java/target/libs/.fetched
PROMETHEUS := tests/prometheus/target
PYTEST := $(PY) -m pytest

.DEFAULT_GOAL := help
.PHONY: help build run test test-long check bench wheel image docs clean core jars kcat curl openssl \
        buildah mmdebstrap prometheus install rust lint unit quick sim attack java clients long

help: ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

build: $(VENV)/.run core ## a virtual environment in .venv and the native core in src/ottla

run: build ## the main job: real flights through a node that is killed half way, checked at the end
	$(PY) examples/flights

test: ## all that must pass before a change lands; prints each stage's seconds
	$(PYTHON) tests/stages.py install lint rust unit sim attack java clients

test-long: ## test, then what needs hours or a JVM for every case
	$(PYTHON) tests/stages.py install lint rust unit sim attack java clients long

check: build $(VENV)/.dev ## what to run while working: lint, types, import rules, Rust, quick tests
	$(PYTHON) tests/stages.py lint rust quick

bench: PROFILE := dist
bench: install ## Ottla and Apache Kafka 4.3.1 side by side
	$(PY) -m bench

wheel: $(VENV)/.dev ## wheels in dist/: for x86_64 and aarch64, any Python from 3.11 on, glibc from 2.17 on
	$(PY) packaging/wheels.py

image: $(VENV)/.dev buildah mmdebstrap ## a container image in dist/: Debian's Python, our wheel, nothing else
	$(PY) packaging/wheels.py $(shell uname -m)
	PYTHON=$(PY) packaging/image/build.sh "$$(ls -t dist/ottla-*_$(shell uname -m).whl | head -1)" dist/ottla-image.tar

docs: core $(VENV)/.dev ## write docs/reference and the drawings anew from the code, and the site of all pages into site/
	PYTHONPATH=src $(PY) docs/reference/generate.py
	rm -rf site
	PYTHONPATH=src $(PY) -m sphinx -W --keep-going -q -c docs -d site/.read . site
	rm -rf site/.read
	@echo "open site/index.html"

clean: ## remove what was built and installed
	rm -rf $(VENV) $(CORE) rust/target tests/java/target $(PROMETHEUS) dist site .*_cache .hypothesis

# ---------------------------------------------------------------- stages of make test

install: build $(VENV)/.dev $(JARS) kcat curl openssl prometheus ## what the stages need: tools, Apache's jars, kcat

rust: core ## a stage of make test: Rust lints and tests
	cd rust && $(CARGO) clippy --release --all-targets --workspace -- -D warnings
	cd rust && $(CARGO) test --release -q -p ottla-core -p ottla-schemas -p ottla-streams -p ottla-tls -p ottla-node -p ottla-sim

# Without a cache: of a cached stub, stubtest may see nothing and find nothing wrong.
lint: core $(VENV)/.dev ## a stage: lint, types, the stub, import rules
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	MYPY_CACHE_DIR=/dev/null PYTHONPATH=src $(VENV)/bin/stubtest ottla._core --mypy-config-file pyproject.toml
	PYTHONPATH=src $(VENV)/bin/lint-imports
	cd rust && cargo fmt --all --check

unit: core $(VENV)/.dev curl openssl ## a stage: every Python test but those of the stages below
	$(PYTEST) -n 2 --dist loadfile -m "not jvm and not long" --ignore=tests/clients --ignore=tests/stories \
		--ignore=tests/attack --ignore=tests/simulation

quick: core $(VENV)/.dev openssl ## a stage of make check: unit without what types commands
	$(PYTEST) -m "not jvm and not long" --ignore=tests/clients --ignore=tests/stories \
		--ignore=tests/attack --ignore=tests/cli --ignore=tests/docs --ignore=tests/simulation

sim: core $(VENV)/.dev ## a stage: three hundred seeds of the simulated world, and the table of what they met
	$(PYTEST) -m "not long" -s tests/simulation

attack: core $(VENV)/.dev ## a stage: hostile clients and disks, a minute of chaos among them, under two seeds
	$(PYTEST) -n 2 --dist loadfile -m "not long" tests/attack

java: core $(VENV)/.dev $(JARS) openssl ## a stage: what asks Apache's own code
	$(PYTEST) -m "jvm and not long" --ignore=tests/clients --ignore=tests/stories --ignore=tests/attack

clients: core $(VENV)/.dev $(JARS) kcat prometheus ## a stage: real clients, the main job, kills, damaged folders
	$(PYTEST) -m "not long" tests/clients tests/stories

long: core $(VENV)/.long $(JARS) kcat prometheus buildah mmdebstrap ## the stage of make test-long: what needs hours
	$(PYTEST) -m "long"

# ---------------------------------------------------------------- what they need

# The package is found in src: edits count at once, and the native core is there too.
$(VENV)/.run: requirements.txt pyproject.toml tests/checkout.py
	$(PYTHON) tests/python_version.py
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install -q --disable-pip-version-check -r requirements.txt
	$(PY) tests/checkout.py
	touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	$(PY) -m pip install -q --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(VENV)/.long: requirements-long.txt $(VENV)/.dev
	$(PY) -m pip install -q --disable-pip-version-check -r requirements-long.txt
	touch $@

# Cargo itself knows what is up to date. The library is moved into place, never written over: a
# running node may have it mapped.
core:
	cd rust && $(CARGO) build --profile $(PROFILE) $(if $(wildcard $(CORE)),-q) -p ottla-python --features pyo3/extension-module
	@cmp -s rust/target/$(PROFILE)/lib_core.so $(CORE) \
		|| { cp rust/target/$(PROFILE)/lib_core.so $(CORE).new && mv $(CORE).new $(CORE); }

jars: $(JARS)
$(JARS): tests/java/pom.xml
	mvn -q -B -f tests/java/pom.xml dependency:copy-dependencies
	touch $@

kcat curl openssl buildah mmdebstrap:
	@command -v $@ >/dev/null || { \
		[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
		|| { echo "$@ is missing; install it (Debian: apt-get install $@)"; exit 1; }; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get install -y -q $@ || { apt-get update -q && apt-get install -y -q $@; }; }

# Debian's, unpacked into the checkout: an installed one would be started as a service.
prometheus:
	@test -x $(PROMETHEUS)/bin/promtool || command -v promtool >/dev/null || { \
		rm -rf $(PROMETHEUS) && mkdir -p $(PROMETHEUS)/deb && cd $(PROMETHEUS)/deb && \
		{ apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }; } \
		&& dpkg -x prometheus_*.deb . && mv usr/bin .. && cd .. && rm -r deb; } \
		|| { echo "prometheus is missing; put prometheus and promtool on your PATH"; exit 1; }
