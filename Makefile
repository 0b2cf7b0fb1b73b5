# Two commands do everything on a fresh machine that has Python 3.11 to 3.13:
#   make book    set up, build the handbook, serve it on this machine and print its address (SERVE=0 only builds)
#   make test    set up, then check everything: style, types, imports, library, notebooks, pages
# and five more:
#   make check   while working: style, types, imports, and the quick tests that a change reaches (ALL=1: of every
#                room; BASE=rev: what changed since that commit)
#   make lab     open JupyterLab on the labs
#   make pdf     print the whole book into one PDF: some minutes, and Chromium
#   make class   make the nbgrader course in _build/class
#   make clean   remove what the others made
# Each is thin: the plain commands behind it are in README.md.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV   ?= .venv
SERVE  ?= 1
PORT   ?= 8000
PY      = $(VENV)/bin/python
PIP     = $(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: book pdf test check lab class notebooks clean

book: $(VENV)/.book
	@touch index.md  # a build that finds no page changed would not copy a changed style sheet either
	$(VENV)/bin/jupyter-book build . -W -n --keep-going
ifneq ($(SERVE),0)
	$(PY) tools/serve.py --port $(PORT)
endif

pdf: $(VENV)/.test
	$(PY) tools/pdf.py

test: $(VENV)/.test
	$(PY) tools/test_all.py

check: $(VENV)/.test
	@$(PY) tools/check.py $(if $(filter-out 0,$(ALL)),--all) $(if $(BASE),--base $(BASE))

lab: $(VENV)/.test
	@# JupyterLab shows the drawings of notebooks that it trusts; others show their words until a cell is run.
	$(VENV)/bin/jupyter trust labs/*.ipynb book/*/*.ipynb > /dev/null
	cd labs && ../$(VENV)/bin/jupyter lab lab00_network.ipynb

class: $(VENV)/.test
	$(PY) tools/classroom.py

notebooks: $(VENV)/.test
	$(PY) tools/notebooks.py

clean:
	rm -rf _build $(VENV)

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "The handbook needs Python 3.11, 3.12 or 3.13 with its venv module, and none was found. Install one, or name it: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.book: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Setting up $(VENV) for the book: about a minute, unless it is there already."
	$(PIP) --editable '.[book]'
	@touch $@

$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Setting up $(VENV) for tests and labs: about two minutes, unless it is there already."
	$(PIP) --editable '.[book,test,classroom]'
	@touch $@ $(VENV)/.book
