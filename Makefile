# The commands of developers and CI. They need GNU make and any Node from 20 on. The dev dependency
# `node` has the version that the code runs on; node_modules/.bin comes first in PATH for all
# targets.

BIN := node_modules/.bin
# npm runs on the system's Node, because `npm ci` deletes node_modules while it works.
SYSTEM_PATH := $(PATH)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help dev cluster test check bench bench-quick backends campaign golden proto crds chart fmt install types lint

help: ## show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' Makefile

dev: install ## run Packetboat in one process, with a development inbox
	@$(BIN)/node cli/packetboat.ts dev

cluster: install backends ## run two of each program over local MongoDB, NATS and Redis
	@$(BIN)/node test/support/cluster.ts

test: install types lint backends ## run everything that CI checks
	@$(BIN)/vitest run

check: install types lint ## run types, lint and unit tests; needs no backends and takes seconds
	@$(BIN)/vitest run --project unit

bench: install backends ## run the benchmarks against comparable systems
	@$(BIN)/node test/bench/run.ts

bench-quick: install backends ## print the ratio to BullMQ + nodemailer and to Postfix, in at most 90 s
	@$(BIN)/node test/bench/quick.ts

backends: install ## download or build the servers that the tests use
	@$(BIN)/node test/backends/get.ts

campaign: install backends ## run the two kill campaigns with 100,000 messages each into chaos-account/; takes about an hour
	@CHAOS_MESSAGES=$${CHAOS_MESSAGES:-100000} CHAOS_ROUNDS=$${CHAOS_ROUNDS:-300} CHAOS_ACCOUNT='$(CURDIR)/chaos-account/account.jsonl' \
	  $(BIN)/vitest run --no-file-parallelism -t 'at random moments|embedded mode, killed' \
	  test/chaos/dispatcher-killed.test.ts test/chaos/embedded.test.ts

golden: install backends ## rewrite the golden files; read the diff
	@$(BIN)/vitest run --project unit --update
	@$(BIN)/vitest run test/chart/render.test.ts operator/kubectl.test.ts --update
	@$(BIN)/node test/simulation/write-page.ts

proto: install ## generate proto/gen from proto/packetboat
	@$(BIN)/buf generate
	@$(BIN)/buf build --as-file-descriptor-set --exclude-source-info -o proto/gen/descriptors.binpb

crds: install ## generate the CustomResourceDefinitions in the chart from services/core/objects/objects.ts
	@$(BIN)/node operator/api/v1alpha1/write-definitions.ts

chart: install ## generate the README of the chart from the comments in values.yaml
	@$(BIN)/node charts/write-readme.ts

fmt: install ## format, and apply the fixes of the linter
	@$(BIN)/biome check --write

# Compares contents, not times, because a checkout changes the times of unchanged files.
install:
	@cmp -s package-lock.json node_modules/.installed.json || { \
	  echo 'Installing npm packages, about half a minute'; \
	  PATH='$(SYSTEM_PATH)' npm ci --loglevel=error && cp package-lock.json node_modules/.installed.json; }

types: install
	@$(BIN)/tsc

# Compares the proto files with the last release. A shallow clone has no previous commit to compare
# with.
lint: install
	@$(BIN)/biome check --error-on-warnings
	@$(BIN)/buf lint
	@if tag=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then $(BIN)/buf breaking --against ".git#tag=$$tag"; fi
