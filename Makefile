# Every target does the set-up it needs first, and only once: a stamp in .venv remembers.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve test test-real lint format bench coverage evidence train screenshots lock browser clean soak fuzz docker-test apart test-apart

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/.runtime-installed
DEV := $(VENV)/.dev-installed
APART := build/apart
APART_READY := $(APART)/.installed
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# The first interpreter that is new enough: python3 itself, else a newer one beside it.
PYTHONS ?= python3 python3.13 python3.12 python3.11 python3.14
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

help: ## List the targets
	@echo "Fovea: drop a photo, see what the network attended to."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

serve: $(RUNTIME) ## Start the product (http://127.0.0.1:8000 unless FOVEA_HOST, FOVEA_PORT say otherwise)
	@exec $(BIN)/fovea serve

# As many tests at once as there are cores, four at most: each worker may hold a server and a browser.
# A file stays with one worker and folders in their order, so that what a folder shares starts once.
AT_ONCE := --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder
test: $(DEV) browser ## Run every test: Python, JavaScript and the page in a real browser
	$(BIN)/python -m pytest $(AT_ONCE) $(ARGS)

# Where FOVEA_WEIGHTS_DIR and FOVEA_DATA_DIR do not name them, they may lie beside the checkout.
beside = $(if $(wildcard ../shared/$(1)),$(abspath ../shared/$(1)))
test-real: export FOVEA_WEIGHTS_DIR := $(or $(FOVEA_WEIGHTS_DIR),$(call beside,weights))
test-real: export FOVEA_DATA_DIR := $(or $(FOVEA_DATA_DIR),$(call beside,data))
test-real: $(DEV) browser ## Run the tests that need the ImageNet ViT of FOVEA_WEIGHTS_DIR, and no others
	$(BIN)/python -m pytest $(AT_ONCE) -m real $(ARGS)

# Ray and botocore leave sockets to the garbage collector, some of them until Python ends.
test-apart: apart ## Run the tests that need Ray, a bucket server or a client generator
	$(APART)/bin/python -m pytest -W ignore:unclosed:ResourceWarning tests/server/cluster tests/server/storage/test_s3.py tests/client/test_generated.py $(ARGS)

lint: $(DEV) ## Check style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory lint-page; else \
	  echo "There is no npm here: the page's JavaScript was not checked (tsc, eslint)."; fi

lint-page: node_modules/.installed ## Check the page's JavaScript: types with tsc, the rest with eslint
	npm run --silent lint

wire: $(DEV) node_modules/.installed ## Make the page's types of the wire anew from the server's OpenAPI
	@mkdir -p build
	$(BIN)/python -m tests.frontend.wire build/schemas.json
	npm run --silent wire -- build/schemas.json --output frontend/types/wire.d.ts --root-types --root-types-no-schema-prefix
	$(BIN)/python -m tests.frontend.wire stamp

format: $(DEV) ## Put the code into the shape that lint asks for
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(DEV) browser ## Measure the cost of capture and of a request
	$(BIN)/python -m benchmarks $(ARGS)

soak: $(DEV) ## Attack a server at full size, then 20,000 mixed requests; memory, files and threads are watched
	$(BIN)/python -m tests.load.soak $(ARGS)

fuzz: $(DEV) ## 100,000 mutated pictures through the decoder, in bounded child processes
	$(BIN)/python -m tests.load.fuzz $(ARGS)

docker-test: ## Build the image, start it, post, kill it, and see it come back (needs a Docker engine)
	sh .ci/docker_test $(ARGS)

# Other libraries' networks, installed apart: no dependency of this project, and torch stays as it is.
LOOKED_AT := $(VENV)/looked-at
$(LOOKED_AT)/.installed: $(DEV) benchmarks/coverage/small/libraries.txt
	$(PIP) install --no-deps --upgrade --target $(LOOKED_AT) -r benchmarks/coverage/small/libraries.txt
	touch $@

coverage: $(LOOKED_AT)/.installed ## Look at every family of timm, torchvision, transformers and five others; write docs/coverage.md
	PYTHONPATH=$(LOOKED_AT) $(BIN)/python -m benchmarks.coverage $(ARGS)

evidence: export FOVEA_WEIGHTS_DIR := $(or $(FOVEA_WEIGHTS_DIR),$(call beside,weights))
evidence: export FOVEA_DATA_DIR := $(or $(FOVEA_DATA_DIR),$(call beside,data))
evidence: $(DEV) ## Score every map on every classifier over many photos; write docs/evidence.md
	$(BIN)/python -m benchmarks.evidence $(ARGS)

train: $(DEV) ## Train a network: make train NETWORK=se_resnet
	@test -n "$(NETWORK)" || { echo "Which one? make train NETWORK=se_resnet (training/ lists the recipes)"; exit 2; }
	$(BIN)/python -m training $(NETWORK) $(ARGS)

screenshots: $(DEV) browser ## Take the pictures in docs/images from the running product
	$(BIN)/python -m docs.screenshots $(ARGS)

lock: $(BIN)/python ## Resolve pyproject.toml into the two lock files; ARGS=--upgrade takes newer versions
	$(BIN)/python .ci/lock.py $(ARGS)

clean: ## Remove what these targets made (not trained runs, not downloaded weights)
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up ---------------------------------------------------------------------------------

# Installs Debian packages where that can be done without asking; fails quietly elsewhere.
APT_INSTALL = sh -c '[ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	    echo "Installing $$*" && apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends "$$@" >/dev/null' -

$(BIN)/python:
	@found=; for python in $(PYTHONS); do \
	  if $$python -c '$(NEW_ENOUGH)' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Fovea needs Python 3.11 or newer; found none of: $(PYTHONS)." >&2; \
	  echo "Install one, or name it: make PYTHONS=/path/to/python3 serve" >&2; exit 1; \
	fi; \
	if ! $$found -c 'import ensurepip' 2>/dev/null; then \
	  $(APT_INSTALL) python3-venv || { \
	    echo "$$found lacks the part that makes virtual environments; install python3-venv." >&2; \
	    exit 1; \
	  }; \
	fi; \
	echo "Making $(VENV) with $$($$found --version)"; \
	$$found -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing what Fovea runs on: once, a few minutes, torch being large"
	@$(PIP) -r requirements.lock
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "Installing what tests and checks need besides"
	@$(PIP) -r requirements-dev.lock
	@touch $@

# Ray and others, over the environment of the tests and not in it: some want older packages than that
# has, and most people never need them.
apart: $(APART_READY)

$(APART_READY): requirements-apart.lock $(DEV)
	@echo "Installing Ray, a bucket server and a client generator, in $(APART)"
	@rm -rf $(APART) && $(BIN)/python -m venv --without-pip $(APART)
	@$(BIN)/python -c "import sysconfig, pathlib; beneath = sysconfig.get_path('purelib'); \
	  there = next(pathlib.Path('$(APART)/lib').glob('*/site-packages')); \
	  (there / 'zz-beneath.pth').write_text(f'{beneath}\nimport site; site.addsitedir({beneath!r})\n')"
	@$(BIN)/python -m pip --python $(APART)/bin/python install --quiet --disable-pip-version-check \
	  --no-deps -r requirements-apart.lock || { \
	  echo "requirements-apart.lock cannot be installed here for $$($(BIN)/python --version):" >&2; \
	  echo "the tests of Ray, of a bucket and of a generated Python client cannot be run." >&2; exit 1; }
	@touch $@

# What checks the page's JavaScript; the page itself needs none of it.
node_modules/.installed: package.json package-lock.json
	@echo "Installing what checks the page's JavaScript"
	@npm ci --silent
	@touch $@

# A Chromium for the page's tests: the one on PATH, else the system's package where that can be
# installed, else the browser that Playwright brings. What drives it needs one system library that
# the smallest systems lack.
browser: $(DEV)
	@$(BIN)/playwright --version >/dev/null 2>&1 || $(APT_INSTALL) libatomic1 || \
	  { echo "Playwright cannot start:" >&2; $(BIN)/playwright --version >&2; exit 1; }
	@command -v chromium >/dev/null || $(APT_INSTALL) chromium fonts-dejavu-core || \
	  $(BIN)/playwright install chromium
	@command -v chromium-headless-shell >/dev/null || $(APT_INSTALL) chromium-headless-shell || \
	  echo "No chromium-headless-shell: the whole Chromium runs the page's tests, in three times the time"
