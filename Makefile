# Two targets suffice: `make run` and `make test`. `make` alone lists all.

DATA  ?= ./data
SERVE ?= serve --data $(DATA) --demo

# What stands in `radagora version`; a tree without git has none.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -X main.version=$(VERSION)
CHECK   := .work/bin/check

.DEFAULT_GOAL := help
.PHONY: help run viewer build test lint format generate release soak bench postgres clean $(CHECK)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: viewer build ## build and start with demonstration data; prints the address
	@./bin/radagora $(SERVE)

viewer: ## fetch the image viewer, where npm is installed
	@go run ./tools/viewer -if-npm

build: ## build bin/radagora
	@CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/radagora ./cmd/radagora

test: $(CHECK) ## set up what tests need and run everything
	@$(CHECK)

lint: $(CHECK) ## run the linters
	@$(CHECK) lint

format: ## format the Go code
	@go -C tools/lint build -o ../../.work/bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	@.work/bin/golangci-lint fmt

generate: ## write the generated files anew
	@go generate ./tools

release: ## make dist: programs, packages, image, lists of what is inside
	@go run ./tools/viewer
	@go run ./tools/release -o dist

MINUTES ?= 60
ROUNDS  ?= 50
soak: $(CHECK) ## all fuzz targets for MINUTES in all, the kill test ROUNDS times
	@$(CHECK) -minutes $(MINUTES) -rounds $(ROUNDS) soak

bench: build ## measure beside peers
	@go run ./bench

clean: ## remove what was built, not the data
	@rm -rf bin dist .work

$(CHECK):
	@go build -o $@ ./tools/check
