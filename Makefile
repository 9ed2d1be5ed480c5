# Works where only Python 3.11 and make exist; everything else comes from the package registries by name.
VENV    := .venv
PY      := $(VENV)/bin/python
# A distribution's own Python first: it is built with profile-guided optimisation, a version manager's mostly is not
# (a small program took a quarter longer there: docs/log.md).
PYTHON3 := $(shell for each in /usr/bin/python3.11 python3.11 /usr/bin/python3.12 python3.12 /usr/bin/python3.13 \
  python3.13 python3; do $$each -c 'import ensurepip, venv' 2>/dev/null && { command -v $$each; break; }; done)
SERVE   ?= 1
PORT    ?= 8000
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export UV_PYTHON_DOWNLOADS := never
# Every process would compile every module anew (importing the networks' libraries: 13 s instead of 5).
unexport PYTHONDONTWRITEBYTECODE

VIEWER     := platform/mammo/viewer
VIEWER_SRC := $(shell find $(VIEWER) -type f -not -path '*/node_modules/*' 2>/dev/null)
PO_FILES   := $(shell find platform annotation modeling evaluation -name '*.po' 2>/dev/null)

.PHONY: help setup demo test test-quick lint fmt bench screenshots clean
help:
	@echo "make demo          the whole story on a synthetic hospital, then the site (SERVE=0: ends after the tables; PORT=8001: at another port)"
	@echo "make test          every test this machine can run; says what it could not and why"
	@echo "make test-quick    the part for work in progress"
	@echo "make lint fmt      ruff, mypy, import-linter, migrations"
	@echo "make screenshots   pictures of every page of a finished demo (make demo SERVE=0) into docs/screenshots;"
	@echo "                   serves it meanwhile, or takes one that is up (ADDRESS=http://127.0.0.1:8000)"
	@echo "make setup bench clean"

setup: $(VENV)/.dependencies platform/mammo/static/built/.stamp $(VENV)/.translations

$(VENV)/.dependencies: pyproject.toml constraints.txt
	@$(PYTHON3) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
	  || { echo "Python 3.11, 3.12 or 3.13 with venv is needed; found: $$($(PYTHON3) --version 2>&1)"; exit 1; }
	@test -x $(PY) || $(PYTHON3) -m venv $(VENV)
	@test -x $(VENV)/bin/uv || $(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
	$(VENV)/bin/uv pip install --quiet --compile-bytecode --python $(PY) -c constraints.txt -e '.[test]'
	@touch $@

platform/mammo/static/built/.stamp: $(VENV)/.dependencies $(VIEWER_SRC)
	cd $(VIEWER) && npm ci --no-audit --no-fund --loglevel=error
	cd $(VIEWER) && npm run --silent build
	@mkdir -p $(@D) && touch $@

$(VENV)/.translations: $(VENV)/.dependencies $(PO_FILES)
	$(PY) manage.py translations compile
	@touch $@

demo: setup
	$(PY) manage.py demo --serve $(SERVE) --port $(PORT)

test: setup
	$(PY) -m tests.everything

test-quick: setup
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --one-of-each-file -m "not slow and not browser and not services"

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run

fmt: $(VENV)/.dependencies
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: setup
	$(PY) -m benchmarks

screenshots: setup
	$(PY) manage.py screenshots $(if $(ADDRESS),--address $(ADDRESS))

clean:
	rm -rf $(VENV) platform/mammo/static/built $(VIEWER)/node_modules
