# setup, run, test, lint, bench, openapi. Needs Python 3.11 or newer; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
NODE_MODULES := openapi/node_modules/.package-lock.json

.PHONY: help setup run try test faults test-pythons audit lint lint-openapi format bench openapi constraints clean
.DEFAULT_GOAL := help

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(INSTALLED)  ## install everything into .venv

# torch first and with its torchvision: resolved together with the rest, pip may choose a pair that does not import.
$(INSTALLED): pyproject.toml constraints.txt openapi/client-generator.txt openapi/schemathesis.txt tests/moto.txt tests/exporting-libraries.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): minutes the first time, and 6 GB, nearly all of it PyTorch"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m venv $(VENV)/client-generator
	$(VENV)/client-generator/bin/python -m pip install --quiet --requirement openapi/client-generator.txt
	$(BIN)/python -m venv $(VENV)/schemathesis
	$(VENV)/schemathesis/bin/python -m pip install --quiet --requirement openapi/schemathesis.txt
	$(BIN)/python -m venv $(VENV)/moto
	$(VENV)/moto/bin/python -m pip install --quiet --requirement tests/moto.txt
	rm -rf $(VENV)/exporting-libraries
	$(BIN)/python -m pip install --quiet --no-deps --target $(VENV)/exporting-libraries --requirement tests/exporting-libraries.txt
	touch $@

run: setup  ## start Valkey, a worker and the API; prints where Swagger UI is
	@$(BIN)/concept-orderings serve $(ARGS)

try:  ## post an example class list to the running service and print the stream's tasks
	@$(PYTHON) examples/first_stream.py $(ARGS)

# Two processes, each with its own services: half of the time is waiting. Files stay whole, because their tests share one.
test: setup  ## all tests; ARGS=-n0 in one process
	$(BIN)/python -m pytest -n 2 --dist loadfile $(ARGS)

faults: setup  ## long loads with kills, of which `make test` runs short ones
	$(BIN)/python -m pytest -m faults --timeout 3600 $(ARGS)

test-pythons: setup  ## the library alone on the oldest and the newest Python and NumPy; PYTHONS=paths of more
	$(BIN)/python tests/pythons.py $(PYTHONS)

audit: setup  ## known vulnerabilities of the dependencies, and a bill of materials in build/sbom.json
	test -x $(VENV)/audit/bin/pip-audit || $(BIN)/python -m venv $(VENV)/audit
	$(VENV)/audit/bin/python -m pip install --quiet --requirement tests/audit-tools.txt
	$(BIN)/python tests/audit.py $(VENV)/audit/bin

lint: setup lint-openapi  ## linters and type checker
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/yamllint --strict docker

ifneq ($(shell command -v npm 2>/dev/null),)
lint-openapi: $(NODE_MODULES)
	cd openapi && npx --no-install spectral lint --quiet --fail-severity warn openapi.json
	cd openapi && REDOCLY_SUPPRESS_UPDATE_NOTICE=true npx --no-install redocly lint openapi.json

$(NODE_MODULES): openapi/package.json openapi/package-lock.json
	cd openapi && npm ci --ignore-scripts --no-audit --no-fund
	touch $@
else
lint-openapi:
	@echo "Skipped: Spectral and Redocly, which lint openapi/openapi.json, need Node.js 20 or newer with npm" >&2
	@test "$${REQUIRE_NODE:-0}" = 0
endif

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

openapi: setup  ## write openapi/openapi.json anew
	$(BIN)/python -m app.openapi

bench: setup  ## all benchmarks, one after the other (half an hour)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@for each in $(filter-out bench/against.py bench/random_clip.py bench/gpu%,$(wildcard bench/[a-z]*.py)); do echo "== $$each"; $(BIN)/python $$each || exit 1; done

constraints:  ## write the installed versions to constraints.txt
	@{ head -2 constraints.txt; $(BIN)/python -m pip freeze --exclude-editable | grep -viE '^(nvidia-|cuda-|triton)'; } \
		> constraints.new && mv constraints.new constraints.txt

clean:  ## remove what was installed, not the data
	rm -rf $(VENV) openapi/node_modules build dist *.egg-info
