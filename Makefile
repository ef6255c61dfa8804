# `make run` starts Polder on this machine, `make test` runs every test. Needs Python 3.11 or newer
# with venv; README.md says the rest.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
PYTHON ?= python3
PY := .venv/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --no-input
PYTEST := $(PY) -m pytest
# Whoever forbids it would have each of some hundred programs compile all modules again.
unexport PYTHONDONTWRITEBYTECODE
# Settings for what reads them and asks no server.
NO_SERVER := POLDER_SIGNING_KEY=check POLDER_SECRET_KEYS= POLDER_DATABASE_URL=postgres://127.0.0.1:1/none
# Rooms and plugins whose imports alone take seconds are not even opened.
UNIT := -m 'not walk and not engine and not einvoice and not focus and not numbers' $(addprefix --ignore=tests/,walk e2e kubernetes soak) \
	$(addprefix -p no:,schemathesis playwright anyio)

# Kinds of tests of which three run at a time, the longest first; and where each is looked for, since
# to open all modules takes a dozen seconds.
SIDE_BY_SIDE := engine kubernetes browser einvoice soak focus
IN_browser := tests/e2e
IN_kubernetes := tests/kubernetes
IN_soak := tests/soak
IN_einvoice := tests/billing
IN_focus := tests/billing
IN_engine := tests

.PHONY: run token manage test unit check check-types check-rest format messages screens numbers kubernetes-assets kubernetes $(addprefix side-,$(SIDE_BY_SIDE)) kubernetes-operators einvoice-rules einvoice-java focus-judges lock soak clean
.DEFAULT_GOAL := run

run: .venv/runtime.stamp
	@exec $(PY) manage.py up

token: .venv/runtime.stamp
	@$(PY) manage.py token

manage: .venv/runtime.stamp
	@$(PY) manage.py $(ARGS)

# One process a kind: the browser's event loop must not stand beside clients that have their own.
test: .venv/dev.stamp einvoice-rules
	@$(MAKE) --no-print-directory unit
	@$(PYTEST) -m walk -n 2 --dist loadfile $(ARGS)
	@$(MAKE) --no-print-directory --jobs=3 --output-sync=line $(addprefix side-,$(SIDE_BY_SIDE))
	@$(PYTEST) -m numbers tests/billing $(ARGS)
	@$(PYTEST) -m 'engine and alone' -n 2 --dist loadfile $(ARGS)
	@$(PYTEST) -m 'browser and alone' tests/e2e $(ARGS)

unit: .venv/dev.stamp
	@$(PYTEST) $(UNIT) -n 2 --dist loadfile $(ARGS)

# SKIP_UNIT=1 leaves out the unit suite, which `make test` runs too.
check: .venv/dev.stamp
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line check-types check-rest
	$(if $(SKIP_UNIT),,@$(MAKE) --no-print-directory unit)

check-types: .venv/dev.stamp
	$(NO_SERVER) $(PY) -m mypy

check-rest: .venv/dev.stamp
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	.venv/bin/lint-imports
	$(PY) -m djlint --lint --quiet templates
	$(NO_SERVER) $(PY) -W ignore manage.py makemigrations --check --dry-run

format: .venv/dev.stamp
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

# Texts that the code marks go into locale/*/LC_MESSAGES/django.po; docs/translating.md says the rest.
messages: .venv/runtime.stamp
	@$(NO_SERVER) $(PY) -m scripts.messages

soak: .venv/dev.stamp
	@$(PY) -m tests.soak.crash --worker 100 --broker 100 --database 100 $(ARGS)

# etcd, API server and controllers, built once into a cache outside the checkout.
kubernetes-assets: .venv/dev.stamp
	@$(PY) -m tests.kubernetes.assets.build

kubernetes: .venv/dev.stamp
	@$(PYTEST) -m kubernetes $(ARGS)

# Tests of servers and clusters mostly wait: what measures no time of its own runs meanwhile.
$(addprefix side-,$(SIDE_BY_SIDE)): side-%: .venv/dev.stamp
	@$(PYTEST) -m '$* and not alone' $(IN_$*) $(ARGS)

# Flux, NACK, Cluster API and Knative themselves, built when they are missing (half an hour, once).
kubernetes-operators: kubernetes-assets
	@$(PY) -m tests.kubernetes.assets.build flux nats capi knative
	@$(PYTEST) -m operators tests/kubernetes/operators_real $(ARGS)

# What electronic invoices are judged by: fetched once, into a cache outside the checkout.
einvoice-rules: .venv/runtime.stamp
	@$(NO_SERVER) $(PY) manage.py einvoice_rules

# The second implementation of those rules, for tests only. Needs a JDK.
einvoice-java: .venv/dev.stamp
	@$(NO_SERVER) DJANGO_SETTINGS_MODULE=portal.conf.settings $(PY) -m tests.billing.einvoice.second

# Those who judge FOCUS files, for tests only. Needs a Python 3.12.
focus-judges: .venv/dev.stamp
	@$(PY) -m tests.billing.focus.judges

# A picture of every page, light, dark and on a phone.
screens: .venv/dev.stamp
	@mkdir -p var/screens
	@POLDER_SCREENS=var/screens $(PYTEST) tests/e2e/test_pages.py -k test_a_page $(ARGS)

# Server time, queries and bytes of every page; bytes on the wire; how quick a slow phone sees it.
numbers: .venv/dev.stamp
	@$(PYTEST) tests/walk/test_numbers.py tests/e2e/test_pages.py -rA $(ARGS) | grep -E '( ms| bytes|LCP)'

# Names, versions and hashes; no address of an index.
lock: .venv/lock/bin/uv
	@for name in runtime dev; do \
	  .venv/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links $(ARGS) \
	    requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done

.venv/lock/bin/uv: .venv/bin/python
	@$(PY) -m venv .venv/lock
	@.venv/lock/bin/python -m pip --disable-pip-version-check --quiet install uv==0.13.9

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Polder needs Python 3.11 or newer; $(PYTHON) is older or missing. Install it, or name one:"; \
	  echo "  make run PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "Python could not make a virtual environment. On Debian: apt-get install python3-venv"; exit 1; }

.venv/runtime.stamp: requirements/runtime.txt | .venv/bin/python
	@echo "Installing Python packages (about 100 MB, once) …"
	@$(PIP) install --require-hashes -r requirements/runtime.txt | sed -n 's/^Collecting \([^ ]*\).*/  \1/p'
	@touch $@

.venv/dev.stamp: requirements/dev.txt | .venv/bin/python
	@echo "Installing Python packages for development (about 600 MB, once) …"
	@$(PIP) install --quiet --require-hashes -r requirements/dev.txt
	@touch $@ .venv/runtime.stamp

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
