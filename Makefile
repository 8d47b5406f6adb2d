# The commands a person needs. Each installs what is missing, builds, and does its whole job.

PREFIX ?= /usr/local
RELEASE := .build/release/sluice
# The package manager builds everything anew when any variable of its environment differs, so it
# gets the same few from every shell.
SWIFT_BUILD := env -i HOME="$(HOME)" PATH="$(PATH)" LANG=C.UTF-8 swift build
BUILD_RELEASE := $(SWIFT_BUILD) -c release --product sluice --static-swift-stdlib

.PHONY: demo test lint bench soak fuzz install build setup format clean

# Opens the console on the sample endpoint; without a terminal it runs the scenario and reports.
demo: build
	@$(RELEASE) demo $(ARGS)

# What every change must pass: all modules on the debug build, then the built program itself, whose
# screen and figures are tested on the release build.
test: build
	@$(SWIFT_BUILD) --build-tests
	@swift test --skip-build --skip EndToEndTests
	@swift test --skip-build --filter EndToEndTests

build: setup
	@$(BUILD_RELEASE)

setup:
	@scripts/setup

lint: setup
	@scripts/lint

format:
	@swift format -i -r Package.swift Sources Tests Fuzz

bench: build
	@Benchmarks/run

soak: build
	@scripts/soak

# Feeds made-up files to every decoder; RUNS=1000000 for a long one.
fuzz: setup
	@scripts/fuzz -r $(or $(RUNS),20000)

install: build
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/sluice
	install -m 755 $(RELEASE) $(DESTDIR)$(PREFIX)/bin/sluice
	tar -c --exclude .venv --exclude data samples themes | tar -x -C $(DESTDIR)$(PREFIX)/share/sluice

clean:
	rm -rf .build
