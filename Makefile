# make demo: the server and a page that shows it. make test: everything. make setup: .venv with the `motet` command.
PY ?= python3
BIN := .venv/bin

.PHONY: setup demo test check web bench long lock clean

setup: .venv/.ready

.venv/.ready: requirements.lock pyproject.toml
	@test -x $(BIN)/python || $(PY) -m venv .venv || { echo "python3 -m venv failed: install python3-venv (Debian: apt-get install python3-venv)"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==0.13.9
	@$(BIN)/uv pip sync -q --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

lock: ## newest stable versions of everything, pinned with hashes
	$(BIN)/uv pip compile -q --universal --upgrade --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --group dev --python-version 3.11 pyproject.toml -o requirements.lock
