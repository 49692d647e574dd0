# Every target is a line or two; what it takes is in scripts/ and in the crates.
.PHONY: help build run wheel docs-cli test test-wheel test-localstack test-lambda localstack lint fmt check-infra package plan deploy destroy \
	bench bench-silver bench-generate bench-validate bench-marts bench-days bench-adversarial bench-functions
.DEFAULT_GOAL := help

CARGO ?= cargo
ENVIRONMENT ?= dev
RUN_ARGS ?= --from 2026-01-13 --to 2026-01-15 --rows 100000 --late-rate 0.05 --dup-rate 0.02 --corrupt-rate 0.005

# A line that begins with ##@ heads the targets below it in the help.
help: ## list the targets
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' \
		$(firstword $(MAKEFILE_LIST))

##@ Use
build: ## the release binary: target/release/cardlake
	$(CARGO) build --release --locked -p cardlake

run: build ## three days of synthetic card transactions through the whole pipeline
	target/release/cardlake run $(RUN_ARGS)

wheel: ## a Python wheel of the command, for machines without Rust: target/wheels/
	scripts/wheel.sh $(WHEEL_ARGS)

localstack: ## everything on LocalStack, kept until Ctrl-C, with URLs and example commands
	localstack/run.sh serve $(LOCALSTACK_ARGS)

##@ Change
fmt: ## format the code
	$(CARGO) fmt --all

lint: ## formatting, clippy, infrastructure; dependency rules where cargo-deny is installed
	scripts/lint.sh

docs-cli: ## write docs/cli.md from the definitions of the options
	$(CARGO) run --locked -p cardlake -- man --format markdown --out docs

##@ Test
test: ## every test, the end-to-end ones included
	scripts/test.sh

test-localstack: ## the pipeline on LocalStack, end to end; needs Python 3.13 or Docker
	localstack/run.sh test $(LOCALSTACK_ARGS)

test-lambda: ## the functions under `cargo lambda watch`
	tests/lambda/run.sh

test-wheel: wheel ## the wheel in an empty environment
	python3 tests/wheel/test_wheel.py target/wheels/cardlake-*.whl

check-infra: ## Terraform, policies and workflows: arguments, types, plans, security rules
	scripts/check-infra.sh

##@ Measure
bench: bench-generate bench-silver bench-validate bench-marts ## all benchmarks but that of the functions

bench-silver: ## raw files to the Delta table, beside DuckDB and Polars
	bench/silver.sh $(BENCH_SILVER_ARGS)

bench-generate: ## the generator beside one in Python: rows per second of a core
	bench/generate.sh $(BENCH_GENERATE_ARGS)

bench-validate: ## a suite over a table, beside Great Expectations
	bench/validate.sh $(BENCH_VALIDATE_ARGS)

bench-marts: ## the whole build of the dbt project: seconds per model
	bench/marts.sh $(BENCH_MARTS_ARGS)

bench-days: ## days in the local process, and the same days again with nothing new
	bench/days.sh $(BENCH_DAYS_ARGS)

bench-adversarial: ## files made to cost more than they look
	bench/adversarial.sh $(BENCH_ADVERSARIAL_ARGS)

bench-functions: ## package size, cold start and peak memory of the functions
	bench/functions.sh $(BENCH_FUNCTIONS_ARGS)

##@ Deploy
package: ## zips of all functions: target/lambda/<function>/bootstrap.zip
	scripts/package.sh $(PACKAGE_ARGS)

plan: package ## what deploy would change in the account: make plan ENVIRONMENT=dev
	scripts/deploy.sh plan $(ENVIRONMENT)

deploy: package ## plan, and carry it out once agreed to: make deploy ENVIRONMENT=dev
	scripts/deploy.sh deploy $(ENVIRONMENT)

destroy: ## plan the removal of a stack, and carry it out once agreed to
	scripts/deploy.sh destroy $(ENVIRONMENT)
