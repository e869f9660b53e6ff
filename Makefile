# Every target sets up what it needs; see deployments/setup.sh.
PYTEST ?=
HARBOR ?=
KEYS ?=

export PREFECT_SERVER_ANALYTICS_ENABLED = false
export DO_NOT_TRACK = 1
# Where deployments/setup.sh puts uv if the machine has none.
export PATH := $(CURDIR)/.tools/bin:$(PATH)

.PHONY: demo test lint audit bench parity images deploy golden

demo:            ## a small real corpus, made on this machine: no key, no GPU, no Docker engine
	@bash deployments/setup.sh demo
	@.venv/bin/python -m flows.demo

test:            ## every test; installs and starts a Docker engine and builds the images if need be
	@bash deployments/setup.sh test
	@.venv/bin/python -m termforge.images build
	@.venv/bin/python -m pytest $(PYTEST)

lint:            ## formatting, lint and types
	@bash deployments/setup.sh test
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy

audit:           ## are the forge's skills many and different enough?
	@bash deployments/setup.sh test
	@.venv/bin/python -m termforge.forge.audit

bench:           ## what a trial costs here, into bench.json and the README; HARBOR=DIR measures Harbor beside it
	@bash deployments/setup.sh test
	@.venv/bin/python -m termforge.images build
	@.venv/bin/python -m tests.benchmarks $(KEYS) $(if $(HARBOR),--harbor $(HARBOR))

parity:          ## record what Harbor's own agent shows anew; needs HARBOR=DIR
	@bash deployments/setup.sh test
	@.venv/bin/python -m termforge.images build
	@.venv/bin/python -m tests.parity $(HARBOR)

images:          ## the nine images, with any Docker engine
	@bash deployments/setup.sh demo
	@.venv/bin/python -m termforge.images build

golden:          ## write the golden schemas, prompts, forged tasks' hash and the store of this schema version anew
	@.venv/bin/python -m tests.golden.released
	@.venv/bin/python -m tests.golden.forge
	@.venv/bin/python -m tests.golden.synthesis

deploy:          ## work pool and deployments on the Prefect server of PREFECT_API_URL
	@bash deployments/setup.sh demo
	@bash deployments/deploy.sh
