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

.PHONY: demo test lint format build benchmark fuzz abi-check gpu-check mutants clean

demo: build  ## the main job on a photo (IMAGE=path for another one); images and figures land in out/
	$(BIN)/python -m spp_ops demo $(if $(IMAGE),--image "$(IMAGE)") --out out --overwrite

test: build  ## every test that needs no GPU
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

fuzz: build  ## random calls under AddressSanitizer and UBSan for FUZZ_SECONDS
	$(BIN)/python -m tests.fuzz --sanitize --seconds $(FUZZ_SECONDS)

mutants: build  ## faults planted in the CUDA sources, one at a time: which of them do the tests not find?
	$(BIN)/python tests/kernels/cuda_mutants.py $(ARGS)

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
	rm -rf build out $(VENV) spp_ops/*.so *.egg-info

# torch first: the extension is built against the torch that will load it.
$(VENV)/.torch:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet $(TORCH) "setuptools>=77" wheel ninja
	touch $@

$(VENV)/.built: $(VENV)/.torch pyproject.toml $(SOURCES)
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[test,lint]'
	touch $@
