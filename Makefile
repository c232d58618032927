# Everything a newcomer or CI needs; each target sets up what it stands on.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python
STORES := versitygw minio garage ceph-rgw seaweedfs rustfs
# Those that are built without being asked for.
BUILT := $(filter-out $(if $(RUSTFS),,rustfs),$(STORES))
# The store of `make demo`, `make bench` and `make kind`.
BACKEND ?= versitygw
# How many processes run the tests, each with servers of its own; a file stays in one. One more than
# a small machine has cores, since a third of the tests wait.
WORKERS ?= 3
# In the order of the folders: the long ones come before the short ones, which fill the end up.
PYTEST := $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
# What `make image` builds and `make kind` runs.
IMAGE ?= s3-resource-operator:dev
# Whose facts `make facts` looks at.
FACTS_OF ?= $(BUILT) metacontroller
FACTS_SERVERS = $(patsubst metacontroller,etcd kube-apiserver,$(FACTS_OF))
SERVERS := $(BUILT) etcd kube-apiserver kubectl helm kubeconform promtool prometheus actionlint rclone \
	restic pgbackrest s3cmd s3fs consumers mc registry loki native-floor

# Without its cache every worker would read all tests anew, and every program that they start its code.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup lint format unit test demo demo-svg demo-cluster bench chaos fuzz servers lock clean
.PHONY: docs site-check pictures publish-docs facts facts-newest facts-issue
.PHONY: actionlint chart-readme audit image kind metacontroller title e2e-matrix sign tag-image publish-chart publish-wheel wheel shells chart

help: ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: $(VENV)/.done ## a virtual environment with .venv/bin/s3-resource-operator

$(VENV)/.done: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

lint: setup ## style, types and import direction
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## bring the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

servers: setup ## build the servers of the tests that are missing; RUSTFS=1: RustFS too, 40 minutes
	$(RUN) -m tests.servers build --dispense $(SERVERS)

unit: setup ## the tests that need no server and take no time
	$(PYTEST) -m "not server and not e2e and not long"

test: setup servers ## all tests, against real servers, with coverage
	$(PYTEST) --cov --cov-report=term

demo: setup ## see a Secret become a bucket and a user; BACKEND=minio, garage, ceph-rgw, seaweedfs, rustfs; SEVERAL=1: three at once
ifdef SEVERAL
	@$(RUN) -m tests.servers build versitygw minio garage
	@VERSITYGW_BIN="$$($(RUN) -m tests.servers path versitygw)" MINIO_BIN="$$($(RUN) -m tests.servers path minio)" \
		GARAGE_BIN="$$($(RUN) -m tests.servers path garage)" $(BIN)/s3-resource-operator demo --several
else
	@$(RUN) -m tests.servers build $(BACKEND)
	@$(BIN)/s3-resource-operator demo --backend $(BACKEND) \
		--binary "$$($(RUN) -m tests.servers path $(BACKEND))"
endif

demo-svg: setup ## the demo as a picture for the README
	@$(RUN) -m tests.servers build $(BACKEND)
	@$(BIN)/s3-resource-operator demo --backend $(BACKEND) \
		--binary "$$($(RUN) -m tests.servers path $(BACKEND))" --svg docs/demo.svg

demo-cluster: setup servers ## the same through a real kube-apiserver and Metacontroller
	@$(RUN) -m tests.e2e.demo_cluster

bench: setup servers ## speed, as ratios to bare loops; BASE=commit: beside it; GUARD, SEVERAL, PROCESSES, LATENCY, PLATFORM, GENERATED=1: see CONTRIBUTING
ifdef LATENCY
	@$(RUN) -m tests.bench.latency $(if $(BASE),--base $(BASE)) $(if $(SMALL),--small)
else ifdef PLATFORM
	@$(RUN) -m tests.bench.platform $(if $(filter command line,$(origin BACKEND)),--backend $(BACKEND)) \
		$(if $(LONG),--long) $(if $(SMALL),--small)
else ifdef SEVERAL
	@$(RUN) -m tests.bench.several $(if $(SMALL),--secrets 60 --rounds 2)
	@$(RUN) -m tests.bench.outage $(if $(SMALL),--secrets 5 --rounds 2)
else ifdef PROCESSES
	@$(RUN) -m tests.bench.processes $(if $(SMALL),--secrets 60 --rounds 2)
else ifdef GENERATED
	@$(RUN) -m tests.bench.generated $(if $(SMALL),--tries 2) \
		$(if $(filter command line,$(origin BACKEND)),$(BACKEND))
else ifdef GUARD
	@$(RUN) -m tests.bench.guard $(if $(BASE),--base $(BASE)) $(if $(SMALL),--small)
else ifdef BASE
	@$(RUN) -m tests.bench.beside --base $(BASE) --backend $(BACKEND) $(if $(SMALL),--secrets 50 --rounds 2)
else
	@$(RUN) -m tests.bench --backend $(BACKEND) $(if $(LONG),--secrets 10000)
endif

chaos: setup ## faults at random under load, then an audit; LONG=1: more
	@$(RUN) -m tests.servers build etcd kube-apiserver versitygw
	@$(RUN) -m tests.chaos $(if $(LONG),--rounds 20 --secrets 2000,--limit 330)

docs: setup ## the documents as a site, in build/site; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

site-check: setup ## each page of the site in a real browser; PICTURES=folder keeps what it shows
	@.github/scripts/chromium.sh
	$(BIN)/pytest tests/site
	@$(RUN) -m tests.site $(if $(PICTURES),--pictures $(PICTURES)) $(PAGES)

pictures: setup ## the pictures in docs/dashboard, of a real Prometheus, and docs/site.png; more of the site in build/pictures
	@$(RUN) -m tests.servers build versitygw prometheus
	@$(RUN) -m tests.chart.pictures
	@.github/scripts/chromium.sh
	@$(RUN) -m tests.site --unchecked --pictures build/pictures /latest/ $(or $(PAGES),/latest/stores/minio/)
	@cp build/pictures/latest-1280-light.png docs/site.png

facts: setup ## what docs/stores tells, on the real servers; FACTS_OF=minio, MINIO_VERSION=…
	@$(RUN) -m tests.servers build --dispense $(FACTS_SERVERS)
	@$(RUN) -m tests.facts $(FACTS_OF) $(if $(REPORT),--report $(REPORT))

facts-newest: setup ## the same with each store's newest release
	@versions="$$($(RUN) -m tests.servers newest $(filter $(STORES),$(FACTS_OF)))" && \
		env $$versions $(MAKE) --no-print-directory facts

fuzz: setup ## the readers of foreign bytes, a minute each
	@$(RUN) -m tests.fuzz

lock: setup ## resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --upgrade \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --upgrade \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --extra dev --extra demo --extra docs \
		pyproject.toml -o requirements-dev.lock
	$(RUN) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' | \
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --upgrade \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		--constraint requirements-dev.lock - -o requirements-build.lock

chart: setup ## the chart: lint, templates, schemas, alerts, real upgrades
	@$(RUN) -m tests.servers build helm kubeconform promtool prometheus etcd kube-apiserver kubectl versitygw
	"$$($(RUN) -m tests.servers path helm)" lint --strict helm
	$(RUN) -m tests.chart.readme --check
	$(PYTEST) tests/chart

chart-readme: setup ## the values table of helm/README.md, from helm/values.yaml
	$(RUN) -m tests.chart.readme

actionlint: setup ## the workflows, their scripts and the Dockerfile
	@$(RUN) -m tests.servers build actionlint helm
	$(BIN)/pytest tests/delivery/test_workflows.py tests/delivery/test_github.py tests/delivery/test_dockerfile.py

audit: setup ## what is known of the locked packages' weaknesses
	$(BIN)/pip-audit --require-hashes --disable-pip --requirement requirements.lock

image: ## the container image, for this machine; needs docker
	docker build --tag $(IMAGE) \
		--build-arg VERSION="$$(sed -n 's/^__version__ = "\([^"]*\)".*/\1/p' hooks/__init__.py)" \
		--build-arg REVISION="$$(git rev-parse HEAD)" .

kind: setup ## end to end on the kind cluster e2e, with the image; needs docker
	@$(RUN) -m tests.servers build $(BACKEND)
	@BACKEND=$(BACKEND) IMAGE=$(IMAGE) STORE="$$($(RUN) -m tests.servers path $(BACKEND))" \
		.github/e2e/run.sh

wheel: setup ## the Python package and krew's archive, in dist, as released
	rm -rf dist
	$(BIN)/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	tar --create --gzip --file dist/kubectl-s3_resource_operator.tar.gz --owner=0 --group=0 \
		--directory=dist "$$(cd dist && echo *.whl)" \
		--directory=.. LICENSE --directory=.github/krew kubectl-s3_resource_operator

shells: ## zsh and fish, for the tests of completion
	.github/scripts/shells.sh

metacontroller: ## Metacontroller for the tests, of its release; needs docker, helm
	.github/scripts/metacontroller.sh

# Only for workflows.
e2e-matrix:
	@printf 'matrix=%s\n' "$$(jq --compact-output . .github/e2e/matrix.json)"

title:
	@.github/scripts/check-title.sh

sign tag-image publish-chart publish-wheel facts-issue:
	@.github/scripts/$@.sh

publish-docs: setup
	@.github/scripts/publish-docs.sh

clean: ## remove what is built here; the servers stay in your cache folder
	rm -rf $(VENV) .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache build dist
