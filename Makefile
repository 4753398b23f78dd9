# Each target makes what it needs. `make demo` and `make run` end with Ctrl-C.
PYTHON ?= python3.11
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo demo-retrain run test test-slow bench lint clean-demo

help:
	@echo "make demo       real Label Studio with a sample project, pre-labelled; needs nothing else"
	@echo "make demo-retrain  beside a running demo: corrections, a training run, a better model"
	@echo "make run        server and worker for your own Label Studio (settings in .env)"
	@echo "make test       all checks and tests but the slow ones"
	@echo "make test-slow  the slow tests"
	@echo "make bench      measurements"
	@echo "make clean-demo forget the demo's data"

demo: .venv/.installed .venv-label-studio/.installed
	@exec $(BIN)/python -m demo

demo-retrain: .venv/.installed
	@exec $(BIN)/python -m demo.inside demo.walkthrough

run: .venv/.installed
	@$(BIN)/python -m backend.start
	@exec $(BIN)/supervisord --nodaemon --silent --configuration backend/processes.conf

test: .venv/.installed-dev .venv-label-studio/.installed lint
	$(BIN)/python -m pytest

test-slow: .venv/.installed-dev .venv-label-studio/.installed
	$(BIN)/python -m pytest -m slow

bench: .venv/.installed-dev
	$(BIN)/python -m benchmarks

lint: .venv/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean-demo:
	rm -rf data/demo

# label-studio-ml 1.0.9 pins a Flask of 2020 and an unrelated package; without its pins it works. Both opencv
# packages write one folder; the headless one comes last, since the other needs a desktop's libraries.
.venv/.installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(PIP) -r requirements.txt
	$(PIP) --no-deps label-studio-ml==1.0.9
	$(PIP) --no-deps --force-reinstall opencv-python-headless==4.12.0.88
	touch $@

.venv/.installed-dev: .venv/.installed tests/requirements.txt
	$(PIP) -r tests/requirements.txt
	touch $@

# Label Studio pins many packages, so it lives apart.
.venv-label-studio/.installed: demo/requirements.txt
	$(PYTHON) -m venv .venv-label-studio
	.venv-label-studio/bin/python -m pip install --quiet --disable-pip-version-check -r demo/requirements.txt
	touch $@
