# What a person does with machim. `make` alone lists the verbs.

PYTHON ?= python3
PORT ?= 8000
# A package index to take torch from, for a machine whose usual one has only the large GPU build.
TORCH_INDEX ?=
# docker, podman or buildah: the first that is installed.
ENGINE ?= $(firstword $(foreach engine,docker podman buildah,$(shell command -v $(engine) 2>/dev/null)))
BASE ?=
IMAGE_FLAGS ?=

pip = .venv/bin/python -m pip install -qq --disable-pip-version-check
torch = $(shell sed -n 's/.*"\(torch==[^"]*\)".*/\1/p' pyproject.toml)

# Threads that wait for one another soon sleep instead of spinning; see decisions/0004-threads-that-wait.md.
export GOMP_SPINCOUNT ?= 1000

.DEFAULT_GOAL := help
.PHONY: help demo test test-data test-long format lint types docs lectures screenshot image clean

help: ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) \
	  | while IFS='|' read -r verb line; do printf '  make %-10s %s\n' "$$verb" "$$line"; done

# Ctrl-C is how the demo ends, so it is no error.
demo: .venv/.installed-demo ## train on place names, then serve at http://127.0.0.1:8000/ (PORT=9000 for another port)
	@trap : INT; .venv/bin/machim demo --port $(PORT) || test $$? -eq 130

test: lint types ## check format, lint and types, then run the everyday tests
	@.venv/bin/pytest

test-data: .venv/.installed-dev ## tests on data beside the project, seven minutes (DATA=/path/to/data)
	@test -n "$(DATA)" || { echo 'make test-data needs DATA=/path/to/data, got none' >&2; exit 1; }
	@MACHIM_DATA="$(DATA)" .venv/bin/pytest -m data --log-cli-level=INFO --durations=2

test-long: .venv/.installed-dev ## 10,000 random typing sequences with and without memory, four minutes
	@.venv/bin/pytest -m long --log-cli-level=INFO --durations=2

format: .venv/.installed-dev ## format the code and mend what ruff can mend
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix

lint: .venv/.installed-dev ## check format and lint
	@.venv/bin/ruff format --check
	@.venv/bin/ruff check

types: .venv/.installed-dev ## check types
	@.venv/bin/mypy

docs: .venv/.installed-dev ## write docs/cli.md anew from the commands
	@.venv/bin/python docs/build_cli.py

lectures: .venv/.installed-dev ## run the experiments of the lectures, and write docs/lectures.md anew
	@.venv/bin/python docs/build_lectures.py

screenshot: .venv/.installed-dev ## take docs/page.png anew of the demo's model (needs chromium)
	@.venv/bin/python docs/take_screenshot.py

image: ## build the serving image `machim` (ENGINE=buildah, BASE=another-base)
	@test -n "$(ENGINE)" || { echo 'make image needs docker, podman or buildah, found none of them' >&2; exit 1; }
	$(ENGINE) build $(if $(BASE),--build-arg BASE=$(BASE)) $(IMAGE_FLAGS) -t machim .

clean: ## remove caches and build folders; .venv/ and models/ stay
	@rm -rf build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . \( -path ./.git -o -path ./.venv -o -path ./models \) -prune -o -type d -name __pycache__ -exec rm -rf {} +

# Runs on any Python, so that an old one is told and not shown a syntax error.
define check_python
import sys
here = "%d.%d" % sys.version_info[:2]
if sys.version_info < (3, 11):
    sys.exit("Python must be 3.11 or newer, got %s: name another with `make PYTHON=python3.11`" % here)
try:
    import ensurepip, venv
except ImportError:
    sys.exit("Python %s cannot make a virtual environment: run `apt-get install python%s-venv`" % (here, here))
endef
export check_python

.venv/bin/pip:
	@command -v $(PYTHON) >/dev/null || \
	  { echo '$(PYTHON) must be Python 3.11 or newer, found none: run `apt-get install python3-venv`' >&2; exit 1; }
	@$(PYTHON) -c "$$check_python"
	@$(PYTHON) -m venv .venv

built = pyproject.toml build_backend.py $(wildcard model/native/*.c model/native/*.h)

.venv/.installed-demo: $(built) | .venv/bin/pip
	@echo 'installing into .venv (minutes the first time)' >&2
	@$(if $(TORCH_INDEX),$(pip) --index-url $(TORCH_INDEX) '$(torch)')
	@$(pip) -e '.[train]'
	@touch $@

.venv/.installed-dev: $(built) | .venv/.installed-demo
	@echo 'installing the tools of development into .venv' >&2
	@$(pip) -e '.[train,dev]'
	@touch $@ .venv/.installed-demo
