# What can be done here. "make help" lists it.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Debug or Release, of everything but build/host-service, which is always Release.
CONFIGURATION ?= Debug
export CONFIGURATION

RID := linux-x64
DOTNET_BUILD := dotnet build -c $(CONFIGURATION) --nologo -v quiet
# Whitespace only: code style is checked by every build.
FORMAT := dotnet format whitespace HostService.sln

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  variables: CONFIGURATION=Debug|Release  FILTER=<dotnet test filter>  TESTS='<project>…'"

.PHONY: build
build: ## build/host-service, one self-contained file for linux-x64
	@dotnet publish src/Silo/Silo.csproj -c Release -r $(RID) --self-contained --nologo -v quiet -o artifacts/host-service \
	  -p:PublishSingleFile=true -p:EnableSingleFileAnalyzer=false -p:IncludeNativeLibrariesForSelfExtract=true \
	  -p:PublishReadyToRun=true -p:DebugType=embedded -p:InformationalVersion="$$(eng/version.sh)"
	@mkdir -p build
	@cp -f artifacts/host-service/host-service build/host-service.new && mv -f build/host-service.new build/host-service
	@for settings in artifacts/host-service/appsettings*.json; do [ ! -e "$$settings" ] || cp -f "$$settings" build/; done
	@ls -lh build/host-service | awk '{ print "build/host-service: " $$5 }'

.PHONY: all
all: ## Build the whole solution
	@$(DOTNET_BUILD) HostService.sln

.PHONY: run
run: ## Everything that a mandelbox needs, then the service in LOCALDEV
	@eng/prerequisites.sh run
	@$(MAKE) --no-print-directory build
	@eng/run.sh LOCALDEV

.PHONY: runfleet
runfleet: ## A fleet of HOSTS hosts (2) on this machine, in LOCALDEV
	@eng/prerequisites.sh run
	@$(MAKE) --no-print-directory build
	@eng/fleet.sh

.PHONY: runlocaldevwithdb
runlocaldevwithdb: build ## The service in LOCALDEVWITHDB; set DATABASE_URL
	@eng/run.sh LOCALDEVWITHDB

.PHONY: rundev
rundev: build ## The service in DEV (on EC2 only)
	@eng/run.sh DEV

.PHONY: runstaging
runstaging: build ## The service in STAGING (on EC2 only)
	@eng/run.sh STAGING

.PHONY: runprod
runprod: build ## The service in PROD (on EC2 only)
	@eng/run.sh PROD

.PHONY: unit
unit: ## The quick tests for the inner loop: Unit, Cluster and Gateway, built without analyzers; needs no set-up
	@$(DOTNET_BUILD) QuickTests.slnf -p:RunAnalyzers=false
	@eng/test.sh --at-once Unit Cluster Gateway

# The service under test is build/host-service, as users get it; with TESTS it is the one that was built with the tests.
.PHONY: test
test: ## Set up and run every test but those in the VM
	@eng/prerequisites.sh test
	@if [ -z "$(TESTS)" ]; then $(MAKE) --no-print-directory build && $(DOTNET_BUILD) HostService.sln; fi
	@for name in $(TESTS); do $(DOTNET_BUILD) "tests/$$name/$$name.csproj"; done
	@HOST_SERVICE=$(if $(TESTS),,$(CURDIR)/build/host-service) eng/test.sh $(TESTS)

.PHONY: test-vm
test-vm: ## The tests in a virtual machine with systemd, uinput and AppArmor
	@eng/prerequisites.sh vm
	@$(MAKE) --no-print-directory build
	@$(DOTNET_BUILD) tests/Vm/Vm.csproj
	@HANG_TIMEOUT=25m PROJECT_TIMEOUT=3000 eng/test.sh Vm

.PHONY: soak
soak: ## Two hours: 100,000 schedules of a mandelbox's life, 100,000 mandelboxes while the engine fails at random, 1,000 on a real one, 100,000 hostile requests, three minutes of dropped packets, SIGKILL at every step, ten times
	@eng/prerequisites.sh test
	@$(MAKE) --no-print-directory build
	@for name in Unit Engine EndToEnd; do $(DOTNET_BUILD) "tests/$$name/$$name.csproj"; done
	@HOST_SERVICE=$(CURDIR)/build/host-service \
	  SCHEDULES=$${SCHEDULES:-100000} SOAK_CYCLES=$${SOAK_CYCLES:-100000} HOSTILE_REQUESTS=$${HOSTILE_REQUESTS:-100000} KILL_POINTS=all KILL_ROUNDS=$${KILL_ROUNDS:-10} \
	  BLACK_HOLE_SECONDS=180 HANG_TIMEOUT=2h PROJECT_TIMEOUT=14400 \
	  FILTER='FullyQualifiedName~ScheduleTests|FullyQualifiedName~SoakTests|FullyQualifiedName~HostileTests|FullyQualifiedName~EndToEnd.BlackHoleTests|FullyQualifiedName~KillTests' \
	  eng/test.sh Unit Engine EndToEnd

# AREAS='pools fleet' narrows.
.PHONY: mutation
mutation: ## An hour: the share of small faults, put into the classes that decide, that the Unit tests find
	@eng/prerequisites.sh test
	@eng/mutation.sh $(AREAS)

.PHONY: format
format: ## Format all code
	@$(FORMAT)

.PHONY: lint
lint: ## Check format, scripts, and what must not be in the code
	@eng/prerequisites.sh lint
	@$(FORMAT) --verify-no-changes || { echo 'not formatted: run "make format"' >&2; exit 1; }
	@eng/lint.sh

.PHONY: check
check: ## Clean, build, format, lint, test, docs
	@for target in clean build format lint test docs; do $(MAKE) --no-print-directory $$target; done

.PHONY: docs
docs: build ## docs/command-line.md from the binary, docs/configuration.md from the options classes, and build/site, all pages and the API as a static site
	@eng/docs.sh

.PHONY: bench
bench: build ## What the README's figures come from; as JSON in build/bench.json
	@eng/prerequisites.sh run
	@eng/engine.sh
	@for image in demo sandbox; do DOCKER_HOST=$${Docker__Endpoint:-unix:///var/run/docker.sock} mandelboxes/$$image/build.sh; done
	@dotnet build bench/Bench.csproj -c Release --nologo -v quiet
	@HOST_SERVICE=$(CURDIR)/build/host-service dotnet run --project bench/Bench.csproj -c Release --no-build -- --json build/bench.json

.PHONY: deb
deb: build ## build/host-service_<version>_amd64.deb, for Debian and Ubuntu
	@eng/deb.sh

.PHONY: sbom
sbom: build ## build/host-service.cdx.json, what the binary is made of (CycloneDX)
	@eng/prerequisites.sh release
	@eng/sbom.py >build/host-service.cdx.json.new && mv -f build/host-service.cdx.json.new build/host-service.cdx.json

.PHONY: release
release: ## build/release: package, bill of materials and SHA256SUMS of this commit
	@[ -z "$$(git status --porcelain)" ] || { echo 'make release: there are uncommitted changes; commit them first' >&2; exit 2; }
	@eng/prerequisites.sh release
	@$(MAKE) --no-print-directory build
	@eng/release.sh

.PHONY: upload
upload: build ## build/host-service to the bucket fractal-host-service, under the commit and under the branch's name
	@eng/upload.sh

.PHONY: install
install: build ## Install service, unit, udev rule, sysctl and AppArmor profile on this machine (root; DESTDIR for elsewhere)
	@deploy/install.sh install

.PHONY: uninstall
uninstall: ## Take all of that away again
	@deploy/install.sh uninstall

.PHONY: clean
clean: ## Remove everything that was built
	@rm -rf build artifacts
