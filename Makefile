# traceledger. `make run` needs Go, git and make; `make test` installs the Debian
# packages it needs when it is root, and says what to install when it is not.

ADDR ?= 127.0.0.1:8080
DATA ?= data
SCANNER_ADDR ?= 127.0.0.1:8081
ONLY ?=
GO   ?= go
BIN  := bin/traceledger

# Without cgo no C compiler is needed. Without the MessagePack codec, which nothing here
# speaks, a first build is a sixth shorter, and another tenth when the compiler collects
# its garbage less often.
BUILD := CGO_ENABLED=0 GOGC=400 $(GO) build -ldflags "-s -w"
TAGS  := nomsgpack

# Packages whose tests need neither a browser, nor a Fabric network, nor more than
# a few seconds: what `make check` runs.
QUICK := ./chaincode/... ./network/block/... ./network/validation/... \
         ./gateway/api/... ./gateway/archive/... ./gateway/wallet/... ./gateway/ingest/... ./gateway/label/... ./gateway/wording/... ./fixtures/...

.PHONY: run build network contracts check test bench soak packages fabric clean

# A first build compiles everything below it too, and a third of that time goes into
# inlining. Whoever tries the house out waits less without; its pages are as fast, its
# writes a fifth slower. Neither does it need debugging symbols, the assembler's variants
# of compression, HTTP/2 of net/http (gRPC brings its own) and gRPC's trace pages. make
# build makes the program to keep.
run:
	$(BUILD) -tags $(TAGS),noasm,nethttpomithttp2,grpcnotrace -gcflags=all='-l -dwarf=false' -o bin/traceledger-run ./cmd/traceledger
	bin/traceledger-run run --addr $(ADDR) --data $(DATA)

build:
	$(BUILD) -tags $(TAGS) -o $(BIN) ./cmd/traceledger

# The demonstration on a real Fabric network, whose nodes go on when this ends:
# bin/traceledger network status, … down. Needs a C compiler for the Fabric CAs.
network: build contracts
	$(BIN) network demo -dir $(DATA)/network -addr $(ADDR) -scanner-addr $(SCANNER_ADDR)

contracts:
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-s -w" -o bin/tracecc ./chaincode/cmd/tracecc

check:
	@files=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); test -z "$$files" || { echo "not gofmt'd: $$files"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test $(QUICK)

test: packages fabric
	@files=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); test -z "$$files" || { echo "not gofmt'd: $$files"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) test -timeout 60m ./...

# The Fabric programs, built once into the user's cache.
fabric:
	$(GO) run ./network/fabric/cmd/fabricbin

# All figures, or ONLY those of a name or a first word: submit-64, net, net-origin. Those
# of the real network need its programs, and Node.js for Caliper.
bench: build contracts $(if $(filter-out net%,$(ONLY)),,packages fabric)
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -ldflags "-s -w" -o bin/putcc ./network/fabric/cmd/putcc
	$(BIN) bench -only '$(ONLY)'

# The long runs: every sync removed in turn, the house killed dozens of times under 64
# writers, a real network from which everything is taken that it can lose, another whose
# nodes are killed a hundred times, and each parser fuzzed for FUZZTIME. One package after the
# other (-p 1): they measure how long writers stand still.
FUZZTIME ?= 60s
FUZZ := chaincode/trace:FuzzReadings chaincode/rules:FuzzSegment chaincode/rules:FuzzSerial \
        chaincode/contract:FuzzArguments chaincode/evidence:FuzzRead chaincode/state:FuzzKey network/block:FuzzParseEnvelope \
        gateway/index:FuzzEnvelope gateway/ingest/sheet:FuzzCSV gateway/ingest/sheet:FuzzXLSX \
        gateway/ingest/jt808:FuzzFrame gateway/ingest/jt808:FuzzMessage gateway/ingest/jt808:FuzzStream \
        gateway/monitor/speech:FuzzCheck gateway/monitor/speech:FuzzLexicon scanner-api:FuzzAddresses
soak: packages fabric
	$(GO) test -tags soak -timeout 300m -count 1 -p 1 -run 'Soak|Mutation' -v ./cmd/traceledger ./network/fabric
	@for target in $(FUZZ); do echo "fuzz $$target"; \
	  $(GO) test ./$${target%%:*} -run '^$$' -fuzz "^$${target##*:}$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x || exit 1; done

# Debian packages: a browser for the pages, fonts for what it draws, a renderer for
# printed labels, Node.js for the Fabric client of that language, a C compiler for
# Fabric CA's database, jq for the commands of docs/operations.md.
packages:
	@missing=""; \
	command -v chromium >/dev/null 2>&1 || missing="$$missing chromium"; \
	command -v pdftoppm >/dev/null 2>&1 || missing="$$missing poppler-utils"; \
	command -v node >/dev/null 2>&1 || missing="$$missing nodejs"; \
	command -v "$$($(GO) env CC | cut -d' ' -f1)" >/dev/null 2>&1 || missing="$$missing gcc libc6-dev"; \
	command -v npm >/dev/null 2>&1 || missing="$$missing npm"; \
	command -v jq >/dev/null 2>&1 || missing="$$missing jq"; \
	dpkg -s fonts-noto-cjk >/dev/null 2>&1 || fc-list :lang=zh 2>/dev/null | grep -q . || missing="$$missing fonts-droid-fallback fontconfig"; \
	test -z "$$missing" && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else echo "make test needs these Debian packages:$$missing (apt-get install$$missing)"; exit 1; fi

clean:
	rm -rf bin
