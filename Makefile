# Everything runs in .venv with the pinned packages of constraints.txt; only Python 3.11 or later is needed.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# PyTorch's CPU build is enough; on Linux the one on PyPI may bring gigabytes of CUDA along. To choose:
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
ifdef TORCH_INDEX
PIP    += --extra-index-url $(TORCH_INDEX)
endif

.PHONY: demo test lint bench pictures gallery clean

demo: $(VENV)/core        ## Two videos from the bundled clip, in out/.
	@mkdir -p out
	$(BIN)/emogene generate src/emogene/assets/demo.ogg -o out/demo.mp4 --compare \
		--emotion src/emogene/assets/demo.tsv
	@echo "The talking head:     $(CURDIR)/out/demo.mp4"
	@echo "Beside GeneFace++:    $(CURDIR)/out/demo_compare.mp4"

test: $(VENV)/test        ## All tests but those marked slow.
	$(BIN)/pytest -m "not slow"

lint: $(VENV)/lint        ## Style and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

bench: $(VENV)/core       ## Speed of the renderer and of the whole way, and memory; minutes.
	$(BIN)/python benchmarks/render.py
	$(BIN)/python benchmarks/end_to_end.py
	$(BIN)/python benchmarks/memory.py --motion 1 10 --video 1

pictures: $(VENV)/core    ## The pictures of the README, and contact sheets in out/pictures.
	$(BIN)/python tools/pictures.py

gallery: $(VENV)/core     ## Seven emotional voices as four-panel videos in out/gallery, and docs/gallery.md.
	$(BIN)/python tools/gallery.py

clean:
	rm -rf $(VENV) out build

# One stamp for each set of packages: made again when what it was made from changes.
$(VENV)/core: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/test: $(VENV)/core
	$(PIP) --editable '.[test]'
	@touch $@

$(VENV)/lint: $(VENV)/core
	$(PIP) --editable '.[test,lint]'
	@touch $@
