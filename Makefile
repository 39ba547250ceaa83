# make demo: the server and a page that shows it. make test: everything. make setup: .venv with the `motet` command.
PY ?= python3
BIN := .venv/bin
PORT ?= 8000

.PHONY: help setup demo test check web web-check bench long soak lock wheel clean

help:
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

setup: .venv/.ready ## .venv with the `motet` command in it

.venv/.ready: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PY) -m venv .venv || { echo "$(PY) -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.9
	@$(BIN)/uv pip sync -q --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

demo: setup ## the server on loopback, open to everybody on this machine, with the demo page
	@$(BIN)/motet demo --port $(PORT)

test: setup ## everything that runs in minutes; much of it waits, so one worker more than there are cores
	@$(BIN)/python -m pytest -n 3 --dist loadfile

long: setup ## what takes longer: soaks, long fuzzing, minutes of idling
	@$(BIN)/python -m pytest -m long --timeout 3600

soak: setup ## an hour of 500 people; writes build/soak/report.md
	@rm -rf build/soak && PYTHONPATH=tests $(BIN)/python -m soak build/soak

check: setup ## format, lint, types, import rules, docs
	@$(BIN)/ruff format --check -q . || { echo "ruff format would change files"; exit 1; }
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache | tail -n 8

web: ## rebuilds the demo's assets (needs Node)
	@cd web && npm ci --no-audit --no-fund && npm run build

web-check: web ## the committed assets are what the source builds
	@git diff --exit-code --stat -- src/motet/web || { echo "src/motet/web is not what web/ builds: run make web and commit"; exit 1; }

bench: setup ## side by side with its peers, about ten minutes; writes benchmarks/RESULTS.md
	@$(BIN)/python -m benchmarks

wheel: setup ## dist/*.whl
	@$(BIN)/uv build -q --wheel --python $(BIN)/python

lock: ## the newest stable versions of everything, pinned with hashes
	$(BIN)/uv pip compile -q --universal --upgrade --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --group dev --python-version 3.11 pyproject.toml -o requirements.lock

clean:
	rm -rf .venv dist web/node_modules tests/node/node_modules tests/crdt/fuzz/node_modules benchmarks/peers/node_modules benchmarks/native/build
