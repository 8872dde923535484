# Every verb sets up what it needs in .venv first. Nothing but python3 (3.11 or newer, with venv), make and git is assumed.
#   make demo FOR=30s RATE=200 DIR=/tmp/shop ARGS="--no-browser"
#   make test ARGS="tests/flow -k crash"     make chaos KILLS=2000     make bench QUICK=1

SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
COMPILE := $(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help demo test check format bench soak chaos docs kafka lock services clean
.DEFAULT_GOAL := help

help: ## list the verbs
	@grep -hE '^[a-z]+:.*##' Makefile | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: .venv/run.stamp ## a living store, its warehouse and its page; FOR=30s RATE=200 DIR=… ARGS=…
	@$(BIN)/till demo $(if $(FOR),--for $(FOR)) $(if $(RATE),--rate $(RATE)) $(if $(DIR),--dir $(DIR)) $(ARGS)

test: services check ## everything: style, types, and every test with real engines
	@$(BIN)/python -m pytest -n 2 $(ARGS)

check: .venv/dev.stamp ## style and types, in seconds
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check

format: .venv/dev.stamp ## put the code in form
	@$(BIN)/ruff check -q --fix . && $(BIN)/ruff format -q .

chaos: .venv/dev.stamp ## kill it again and again; KILLS=2000
	@TILL_KILLS=$(or $(KILLS),2000) $(BIN)/python -m pytest -p no:randomly --timeout 0 -m chaos tests/chaos $(ARGS)

bench: .venv/dev.stamp ## measure speed, freshness, cost and memory; QUICK=1 for a short look, ARGS="--only drain"
	@$(BIN)/python -m benchmarks.run $(if $(QUICK),--quick) $(ARGS)

soak: .venv/dev.stamp ## an hour of a living store, watched; MINUTES=60 RATE=1000
	@$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),60) --rate $(or $(RATE),1000) $(ARGS)

docs: .venv/dev.stamp ## write docs/reference from the code
	@$(BIN)/python scripts/generate_docs.py && $(BIN)/python -m benchmarks.page

lock: .venv/dev.stamp ## compile requirements/*.txt anew
	@$(COMPILE) --group installer --no-annotate -o requirements/installer.txt
	@$(COMPILE) --group node --no-annotate -o requirements/node.txt
	@$(COMPILE) pyproject.toml --group build -o requirements/run.txt
	@$(COMPILE) pyproject.toml --group build --group dev -c requirements/run.txt -o requirements/dev.txt
	@$(BIN)/python scripts/set_up_kafka.py --lock

services: .venv/dev.stamp ## what the tests need from the system (a browser, Java, Kafka)
	@scripts/install-services && $(BIN)/python -m scripts.run_kafka --once

kafka: .venv/dev.stamp ## a broker for development at 127.0.0.1:9092; ARGS="--brokers 3 --dir /tmp/kafka"
	@$(BIN)/python -m scripts.run_kafka $(ARGS)

clean: ## remove what the other verbs made, but not .till
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build dbt/target dbt/logs

.venv/%.stamp: requirements/%.txt requirements/installer.txt requirements/page/package-lock.json pyproject.toml scripts/set_up.py scripts/set_up_page.py
	@$(PYTHON) scripts/set_up.py $*
