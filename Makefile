# What people and CI run, with GNU make and any Node from 20 on. The `node` package among the dev dependencies brings the
# version that the code runs on, and node_modules/.bin comes first in PATH for everything below.

BIN := node_modules/.bin
# npm itself runs on the system's Node: `npm ci` takes node_modules away while it works.
SYSTEM_PATH := $(PATH)
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help dev cluster test check bench backends campaign golden proto crds chart fmt install types lint

help: ## show these lines
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

dev: install ## run Packetboat in one process, with a development inbox
	@$(BIN)/node cli/packetboat.ts dev

cluster: install backends ## run two of each program over local MongoDB, NATS and Redis
	@$(BIN)/node test/support/cluster.ts

test: install types lint backends ## everything that CI checks
	@$(BIN)/vitest run

check: install types lint ## the part of it that needs neither backends nor time, in seconds
	@$(BIN)/vitest run --project unit

bench: install backends ## the benchmarks, as ratios against peers
	@$(BIN)/node test/bench/run.ts

backends: install ## get the servers that the tests talk to
	@$(BIN)/node test/backends/get.ts

campaign: install backends ## the two kill campaigns with 100,000 messages each, about an hour; chaos-account/ keeps what came of them
	@CHAOS_MESSAGES=$${CHAOS_MESSAGES:-100000} CHAOS_ROUNDS=$${CHAOS_ROUNDS:-300} CHAOS_ACCOUNT='$(CURDIR)/chaos-account/account.jsonl' \
	  $(BIN)/vitest run --no-file-parallelism -t 'at random moments|embedded mode, killed' \
	  test/chaos/dispatcher-killed.test.ts test/chaos/embedded.test.ts

golden: install backends ## write the golden files anew; read the diff
	@$(BIN)/vitest run --project unit --update
	@$(BIN)/vitest run test/chart/render.test.ts operator/kubectl.test.ts --update
	@$(BIN)/node test/simulation/write-page.ts

proto: install ## generate proto/gen from proto/packetboat
	@$(BIN)/buf generate
	@$(BIN)/buf build --as-file-descriptor-set --exclude-source-info -o proto/gen/descriptors.binpb

crds: install ## generate the CustomResourceDefinitions in the chart from services/core/objects/objects.ts
	@$(BIN)/node operator/api/v1alpha1/write-definitions.ts

chart: install ## write the chart's README from the comments of its values
	@$(BIN)/node charts/write-readme.ts

fmt: install ## format, and mend what the linter can mend
	@$(BIN)/biome check --write

# Compares contents, not times: a checkout touches files without changing them.
install:
	@cmp -s package-lock.json node_modules/.installed.json || { \
	  echo 'Installing npm packages, about half a minute'; \
	  PATH='$(SYSTEM_PATH)' npm ci --loglevel=error && cp package-lock.json node_modules/.installed.json; }

types: install
	@$(BIN)/tsc

# The proto is compared with the last release: with the commit before, a shallow clone has nothing to compare.
lint: install
	@$(BIN)/biome check --error-on-warnings
	@$(BIN)/buf lint
	@if tag=$$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null); then $(BIN)/buf breaking --against ".git#tag=$$tag"; fi
