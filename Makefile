# Everything runs on a fresh machine with Python 3.11 or later, a C library and a network that reaches PyPI.
PYTHON ?= python3
BIN := .venv/bin
# Tests wait for processes and files, so that two of them share a processor well; more processors take one each.
WORKERS := $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n > 4 ? n : 4)))
READY := .venv/.ready-$(shell cat requirements.lock pyproject.toml | cksum | cut -d' ' -f1)

# Where the environment forbids it, every process would compile all that it imports once more: thousands of them in the tests.
export PYTHONDONTWRITEBYTECODE :=

# Packages that cannot stand beside ours, or are too large to: each test that needs one says so and is passed over without.
FOREIGN := .venv/foreign
IMG2DATASET := img2dataset==1.47.0
LOADERS := torch==2.15.0 mosaicml-streaming==0.13.0
SPARK := pyspark==4.3.0 py4j
WHERE := import sysconfig; print(sysconfig.get_path("purelib"))

# Two of them measure whatever pictures they are given, so they are run by hand.
BENCHES := $(filter-out benchmarks/crop_alignment.py benchmarks/device_figures.py,$(wildcard benchmarks/*.py))

.PHONY: help setup demo serve tour test test-foreign coverage check lint bench bench-large lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## Make .venv with the byleave command and everything it needs

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Byleave needs Python 3.11 or later; name one with PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	@# Modules are compiled when they are first imported, which most never are.
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@rm -f .venv/.ready-*
	@touch $@

demo: setup ## Prepare a demonstration on real pictures and open the site
	$(BIN)/byleave demo

serve: setup ## Serve the site on what ./byleave-data holds
	$(BIN)/byleave serve

tour: setup ## Do the whole job once on 300 pictures and check every result
	$(BIN)/byleave demo --tour

test: setup ## Run every test
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal

test-foreign: setup ## Run the tests that `make test` passes over for want of torch, streaming, Spark or img2dataset: 8 GB, and Java for Spark
	$(PYTHON) -m venv $(FOREIGN)/img2dataset
	$(FOREIGN)/img2dataset/bin/python -m pip install --quiet --disable-pip-version-check $(IMG2DATASET)
	$(PYTHON) -m venv $(FOREIGN)/loaders
	$(BIN)/python -c '$(WHERE)' > "$$($(FOREIGN)/loaders/bin/python -c '$(WHERE)')/beside.pth"
	$(FOREIGN)/loaders/bin/python -m pip install --quiet --disable-pip-version-check --ignore-installed $(LOADERS)
	$(FOREIGN)/loaders/bin/python -m pip install --quiet --disable-pip-version-check --no-deps $(SPARK)
	PATH="$$PATH:$(CURDIR)/$(FOREIGN)/img2dataset/bin" PYTHONPATH=src $(FOREIGN)/loaders/bin/python -m pytest \
	  tests/conformance/test_img2dataset.py tests/conformance/test_spark.py tests/conformance/test_loaders.py::TestTorch \
	  tests/conformance/test_forms.py::test_mosaicml_streaming_reads_what_is_left_of_what_it_wrote

lint: setup ## Look at the code without running it
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

coverage: setup ## Say which lines no unit or conformance test reaches
	$(BIN)/python -m pytest --cov --cov-report=term-missing:skip-covered tests/unit tests/conformance

check: lint test tour ## What CI runs: lint, every test, the tour

bench: setup ## Measure, as ratios against a peer or a limit
	@set -e; for file in $(BENCHES); do echo "== $$file"; $(BIN)/python $$file; done

bench-large: setup ## The same on large inputs
	@set -e; for file in $(BENCHES); do echo "== $$file"; $(BIN)/python $$file $$(grep -q -e '"--large"' $$file && echo --large); done

lock: setup ## Pin every dependency again, with hashes
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --universal --only-binary :all: --generate-hashes --python-version 3.11 --no-emit-index-url --no-emit-find-links \
	  --all-extras --group dev --custom-compile-command "make lock" --upgrade pyproject.toml -o requirements.lock

clean: ## Remove what setup and the tests made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage* htmlcov
