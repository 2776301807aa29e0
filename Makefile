# Every target sets up what it needs: a virtual environment, the dependencies, the compiled extension.
PYTHON ?= python3
VENV ?= .venv
# What pip installs as torch: add a version or an index here.
TORCH ?= torch torchvision
IMAGE ?=
FUZZ_SECONDS ?= 600
# Of gpu-check, as "--steps speed"; of mutants, names of faults.
ARGS ?=

BIN := $(VENV)/bin
SOURCES := setup.py $(shell find csrc -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' -o -name '*.h')
CXX_FILES := $(shell find csrc tests/kernels $(wildcard examples) -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' -o -name '*.h')

# Of clang-check and python-check.
CLANG ?= clang++
OTHER_PYTHON ?= python3.10
OTHER_TORCH ?= 2.11.0

.PHONY: demo test test-all lint format build benchmark fuzz abi-check gpu-check mutants docs clean
.PHONY: newcomer wheel wheel-check clang-check python-check lowest-check help

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1\t/' | expand -t 16

demo: build  ## the main job on a photo (IMAGE=path for another one); images and figures land in out/
	$(BIN)/python -m spp_ops demo $(if $(IMAGE),--image "$(IMAGE)") --out out --overwrite

test: build  ## the tests of a few seconds each that need no GPU
	$(BIN)/python -m pytest -m "not slow"

test-all: build  ## every test that needs no GPU
	$(BIN)/python -m pytest

lint: build  ## ruff, mypy and clang-format, nothing changed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror $(CXX_FILES)

format: build
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CXX_FILES)

build: $(VENV)/.built

benchmark: build  ## the operator beside its peers, and its cost as the work grows
	$(BIN)/python -m spp_ops benchmark op
	$(BIN)/python -m spp_ops benchmark scaling

# An environment of its own: the site is made of texts, and needs no torch.
docs: build/docs-env/.built  ## the documentation as a site, build/site/index.html; a warning is an error
	NO_MKDOCS_2_WARNING=1 build/docs-env/bin/python -m mkdocs build --quiet --strict

fuzz: build  ## random calls under AddressSanitizer and UBSan for FUZZ_SECONDS
	$(BIN)/python -m tests.fuzz --sanitize --seconds $(FUZZ_SECONDS)

mutants: build  ## faults planted in the CUDA sources, one at a time: which of them do the tests not find?
	$(BIN)/python tests/kernels/cuda_mutants.py $(ARGS)

wheel: build  ## dist/: the source distribution, and a stripped manylinux wheel built from it
	rm -rf dist build/wheel && mkdir -p dist build/wheel
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m build --no-isolation --outdir build/wheel
	mv build/wheel/*.tar.gz dist
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m auditwheel repair --strip --wheel-dir dist \
	  --exclude 'libtorch*.so' --exclude 'libc10*.so' build/wheel/*.whl
	ls -l dist

wheel-check: dist  ## wheel and source distribution, each in a clean environment, used from an empty folder
	.ci/clean-install "$(PYTHON)" dist/*.whl
	SPP_OPS_CUDA=0 .ci/clean-install "$(PYTHON)" dist/*.tar.gz

newcomer: dist  ## how long it takes from nothing to the first detection: from the wheel, and from a clone
	.ci/newcomer "$(PYTHON)" dist/*.whl
	.ci/newcomer "$(PYTHON)" clone

dist:
	$(MAKE) --no-print-directory wheel

clang-check: build  ## the operator's tests under a build by Clang
	CXX=$(CLANG) SPP_OPS_CUDA=0 PATH="$(CURDIR)/$(BIN):$$PATH" \
	  $(BIN)/python setup.py --quiet build --build-base build/clang --build-lib build/clang/lib
	.ci/operator-tests "$(CURDIR)/$(BIN)/python" "$(CURDIR)/build/clang/lib"

python-check: build dist  ## the operator's tests with the wheel under OTHER_PYTHON and OTHER_TORCH
	.ci/light-torch "$(OTHER_PYTHON)" "$(OTHER_TORCH)" build/other
	build/other/bin/python -m pip install --quiet --no-deps dist/*.whl
	.ci/operator-tests "$(CURDIR)/build/other/bin/python"
	rm -rf build/other

lowest-check: build dist  ## the same, and detection, with the lowest versions that pyproject.toml allows
	.ci/light-torch "$(OTHER_PYTHON)" "$(OTHER_TORCH)" build/other
	$(BIN)/python -m uv pip compile --quiet --python build/other/bin/python --resolution lowest-direct \
	  --extra train pyproject.toml | grep -E '^[a-z]' | grep -vE '^(torch|triton|nvidia-.*|cuda-.*)==' > build/lowest.txt
	build/other/bin/python -m pip install --quiet --no-deps -r build/lowest.txt dist/*.whl
	.ci/operator-tests "$(CURDIR)/build/other/bin/python" "" engine/test_trainer.py
	cd "$$(mktemp -d)" && "$(CURDIR)/build/other/bin/python" "$(CURDIR)/.ci/smoke.py"
	rm -rf build/other

abi-check: build  ## one binary under the oldest torch and under this one, bit for bit
	$(BIN)/python -m tests.abi

# A machine with a GPU may hold all that is needed and reach no registry: then nothing is fetched.
gpu-check:  ## all that waits for a GPU: tests, compute-sanitizer, benchmarks, a report under benchmarks/results/
	@if $(PYTHON) -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then \
	  SPP_OPS_CUDA=1 $(PYTHON) setup.py --quiet build_ext --inplace && PYTHONPATH="$(CURDIR)" $(PYTHON) -m benchmarks.gpu_check $(ARGS); \
	else \
	  $(MAKE) --no-print-directory build && $(BIN)/python -m benchmarks.gpu_check $(ARGS); \
	fi

clean:
	rm -rf build dist out $(VENV) spp_ops/*.so *.egg-info

# torch first: the extension is built against the torch that will load it.
$(VENV)/.torch:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(TORCH) "setuptools>=77" wheel ninja
	touch $@

build/docs-env/.built: pyproject.toml
	$(PYTHON) -m venv build/docs-env
	build/docs-env/bin/python -m pip install --quiet "pip>=25.1"
	build/docs-env/bin/python -m pip install --quiet --group docs
	touch $@

$(VENV)/.built: $(VENV)/.torch pyproject.toml $(SOURCES)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[test,lint,wheel]'
	touch $@
