# The commands of the project. What they do is written in scripts/.

LISTEN ?= 127.0.0.1:8066
DATA ?= ./data
ARGS ?=
ONLY ?=
PROFILE ?= release

# Scripts and tests look for what is built here, whatever the machine's own cargo configuration says.
export CARGO_TARGET_DIR := $(CURDIR)/target

.PHONY: help build run plugins test soak fuzz bench lint fmt doc clean

help: ## Show these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the program, optimised, and the plugins
	@scripts/plugins release

run: build ## Build and serve; also LISTEN=127.0.0.1:9000 DATA=/tmp/x ARGS='...'
	@printf '%s\n' '' 'Once it listens, try in another terminal, from this folder:' '' \
	    "  tar -C test_data/metadata-last -c data metadata.txt | curl --data-binary @- http://$(LISTEN)/upload" \
	    "  curl 'http://$(LISTEN)/get_state?job_id=1'         # with the job_id of the answer" \
	    "  curl http://$(LISTEN)/api/jobs/1/report            # what every rule said" '' \
	    "and in a browser the console, http://$(LISTEN)/ui; the token in $(DATA)/admin-token signs in." ''
	@exec target/release/sluice serve --listen $(LISTEN) --data $(DATA) $(ARGS)

plugins: ## Build the plugins into target/plugins; PROFILE=dev takes the quickly built program
	@scripts/plugins $(PROFILE)

test: ## Run all tests
	@scripts/test

soak: ## Run what takes minutes: hundreds of crashes, swaps under load, memory, a bundle of 4 GiB
	@scripts/soak

fuzz: ## Run the fuzz targets for a minute each; also SECONDS=600 ONLY=metadata
	@scripts/fuzz $(if $(SECONDS),-s $(SECONDS)) $(ONLY)

bench: build ## Measure, and write the figures to bench/results; also ONLY=small
	@cargo bench --locked --bench gate -- $(ONLY)

lint: ## Check format, lints, documentation, dependencies and scripts
	@scripts/lint

fmt: ## Format all Rust code
	@cargo fmt --all
	@cargo fmt --all --manifest-path plugins/Cargo.toml
	@cargo fmt --manifest-path host/fuzz/Cargo.toml

doc: ## Build the documentation of the program and of the plugin SDK
	@cargo doc --locked --no-deps
	@cargo doc --locked --no-deps --workspace --manifest-path plugins/Cargo.toml --target-dir target/guests-native

clean: ## Remove everything that was built; ./data stays
	rm -rf target
