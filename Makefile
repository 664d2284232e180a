# make figure5   install into .venv and simulate the bundled traces
# make test      install what the tests need too, and run them
# make explore   the tests that draw random cases, with other cases every time
# make fuzz      CASES=1000 cases of each class of bad input, drawn from SEED=1; counts of outcomes go to build/fuzz.jsonl
# make axes      CASES=1000 random cases over projections, criteria and precisions, from SEED=1: oracle = reference = compiled
# make coverage  the same, telling which lines no test runs
# make lint      ruff and mypy
# make rtl       simulate the RTL against both engines, Verilator included, and fill docs/validation.md
# make synth     measure the RTL's blocks on LIBERTY=path/to/cells.lib and write the technology file
# make synth-check  the same, but compare with the shipped figures instead of writing
# make nit-smoke  the second paper's tables with one epoch, one seed and 20 images; MNIST=FOLDER FASHION=FOLDER
# make docs      build the documentation as a site in build/site; broken links and names without a text are errors
# make notebooks  run the notebooks again and write their outputs into them (two minutes)
# make traces    train, distil and export the bundled traces again (hours; needs CIFAR-10, see traces/README.md)

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SOURCES := pyproject.toml accelsim/version.py

.PHONY: figure5 test explore fuzz axes coverage lint rtl synth synth-check nit-smoke docs notebooks traces clean

# A stamp per set of extras: an environment that is complete is left alone.
$(VENV)/.installed-core: $(SOURCES)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "accelsim needs Python 3.11 or newer; set PYTHON=...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed-core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[train,dev,search,rtl,docs]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed-core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	@touch $@

$(VENV)/.installed-synth: $(VENV)/.installed-core
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[train,rtl]'
	@touch $@

figure5: $(VENV)/.installed-core
	$(BIN)/accelsim figure5 --out out/figure5

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

explore: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m hypothesis --hypothesis-profile=explore

SEED  ?= 1
CASES ?= 1000
fuzz: $(VENV)/.installed-dev
	@mkdir -p build
	FUZZ_SEED=$(SEED) FUZZ_CASES=$(CASES) FUZZ_REPORT=build/fuzz.jsonl $(BIN)/python -m pytest tests/fuzz

axes: $(VENV)/.installed-dev
	AXES_SEED=$(SEED) AXES_CASES=$(CASES) $(BIN)/python -m pytest -s tests/engine/test_axes.py

# Slower: every line that runs is noted.
coverage: $(VENV)/.installed-dev
	$(BIN)/python -m pytest --cov=accelsim --cov=models --cov-report=term

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy accelsim models

rtl: $(VENV)/.installed-synth
	@command -v verilator >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq \
	  && apt-get install -y --no-install-recommends verilator g++ make; } \
	  || { echo "make rtl: needs Verilator 5: sudo apt-get install verilator g++ make"; exit 1; }
	$(BIN)/accelsim validate-rtl --out docs/validation.md

synth: $(VENV)/.installed-synth
	@test -n "$(LIBERTY)" || { echo "make synth: give LIBERTY=path/to/NangateOpenCellLibrary_typical.lib (or .lib.gz)"; exit 2; }
	$(BIN)/python -m accelsim.rtl.synth --liberty "$(LIBERTY)" $(SYNTH_OPTIONS)

synth-check: SYNTH_OPTIONS := --check
synth-check: synth

nit-smoke: $(VENV)/.installed-dev
	@test -n "$(MNIST)$(FASHION)" || { echo "make nit-smoke: give MNIST=FOLDER, FASHION=FOLDER or both, of the four idx files"; exit 2; }
	$(BIN)/python -m models.nit.reproduce $(if $(MNIST),--mnist "$(MNIST)") $(if $(FASHION),--fashion-mnist "$(FASHION)") --out out/nit-smoke --smoke

docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet

notebooks: $(VENV)/.installed-dev
	$(BIN)/python notebooks/execute.py

traces: $(VENV)/.installed-dev
	$(BIN)/python traces/make_traces.py

clean:
	rm -rf $(VENV) out build dist *.egg-info
