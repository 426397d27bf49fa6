# make check is everything that CI runs.

GO ?= go
STATICCHECK = $(GO) tool -modfile=tools/go.mod staticcheck

.PHONY: check format vet staticcheck layers test cc twin race cross nodl fuzz build

check: format vet staticcheck layers test cc race cross nodl

build:
	CGO_ENABLED=0 $(GO) build -o zmlx ./cmd/zmlx

format:
	@files=$$(gofmt -l .); \
	if [ -n "$$files" ]; then echo "not formatted, run gofmt -w on:"; echo "$$files"; exit 1; fi

vet:
	CGO_ENABLED=0 $(GO) vet ./...

staticcheck:
	CGO_ENABLED=0 $(STATICCHECK) ./...

layers:
	CGO_ENABLED=0 $(GO) test -run '^TestLayers$$' .

test:
	CGO_ENABLED=0 $(GO) test ./...

# What runs on the interpreter above, on compiled C: ops, gradients, MLX's values.
# TestTwins compares all ops and gradients with the interpreter, bit for bit.
cc:
	ZMLX_DEVICE=cc CGO_ENABLED=0 $(GO) test -short -timeout 30m . ./zmlxtest ./classic

# The same, with each launch compared like that.
twin:
	ZMLX_DEVICE=twin CGO_ENABLED=0 $(GO) test -short -timeout 60m . ./zmlxtest ./classic

# The race detector needs cgo, so this is also the test that both ways work.
race:
	CGO_ENABLED=1 $(GO) test -race -short ./...

# Building and vetting, tests included, for the systems that are not here. The
# tests count with ints of 64 bits.
cross:
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) build ./...
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 $(GO) vet ./...
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) build ./...
	CGO_ENABLED=0 GOOS=linux GOARCH=arm64 $(GO) vet ./...
	CGO_ENABLED=0 GOOS=linux GOARCH=386 $(GO) build ./...
	CGO_ENABLED=0 GOOS=linux GOARCH=arm $(GO) build ./...

# Without libraries to load: a static binary, and wasm.
nodl:
	CGO_ENABLED=0 $(GO) build -tags nodl ./...
	CGO_ENABLED=0 $(GO) vet -tags nodl ./...
	@mkdir -p bin && CGO_ENABLED=0 $(GO) build -tags nodl -o bin/zmlx-static ./cmd/zmlx
	@if [ "$$($(GO) env GOOS)" = linux ] && command -v readelf >/dev/null && readelf -l bin/zmlx-static | grep -q INTERP; \
	then echo "the nodl binary is not static"; exit 1; fi
	GOOS=wasip1 GOARCH=wasm $(GO) build -tags nodl ./...
	GOOS=js GOARCH=wasm $(GO) build -tags nodl ./...

FUZZTIME ?= 30s

fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done
