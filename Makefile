# SPDX-License-Identifier: Apache-2.0
# A short front to meson: `make` leaves build/spile, which runs from there.
BUILD ?= build
MESON_FLAGS ?=

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD) $(MESON_FLAGS)

deps:            ## install what building and running need (root)
	tools/install-dependencies build
deps-test:       ## install what the tests need as well (root)
	tools/install-dependencies test
demo: deps
	$(MAKE) all
	tools/demo $(BUILD)/spile
check: deps-test
	$(MAKE) all
	tests/run $(BUILD)
install: all
	meson install -C $(BUILD) --no-rebuild
asan:            ## unit and script tests with address and undefined-behaviour sanitizers
	[ -f build-asan/build.ninja ] || meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false
	ninja -C build-asan
	tests/run build-asan unit script
oracle: all      ## what SystemTap says of the cases of tests/oracle is what is recorded there
	tests/oracle/run $(BUILD)/spile --oracle
ORACLE_COUNT ?= 10000
ORACLE_SEED ?= 0
oracle-random: all ## random scripts, judged by SystemTap and by spile; about half an hour
	tests/oracle/generate $(BUILD)/spile $(ORACLE_COUNT) --seed $(ORACLE_SEED)
FUZZ_TIME ?= 3600
FUZZ_TARGETS ?=
fuzz:            ## coverage-guided fuzzing, each target of tests/fuzz for FUZZ_TIME seconds
	[ -f build-fuzz/build.ninja ] || CC=clang meson setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined \
		-Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link -Doptimization=1
	ninja -C build-fuzz fuzz
	tests/fuzz/run build-fuzz $(FUZZ_TIME) $(FUZZ_TARGETS)
clang:
	[ -f build-clang/build.ninja ] || CC=clang meson setup build-clang
	ninja -C build-clang
programs: all    ## 100000 random programs, interpreted and as generated code; the tests run 2000
	SPILE_PROGRAMS=100000 $(BUILD)/tests/unit/gen/test-gen-programs
.PHONY: syscalls programs
storm: all       ## 10000 processes, 100 at a time, some killed; minutes
	tests/storm.sh $(BUILD)/spile
builds: all      ## real C projects built under probes: same files, counts as strace has them; minutes, fetches sources
	tests/builds $(BUILD)/spile
.PHONY: storm builds
lint: all        ## what the compiler does not see; part of the continuous integration
	tools/check-floors
	tools/check-sizes
	tools/check-runtime $(BUILD)/runtime/spile-runtime
	tools/check-spdx
	tools/check-tags
	tools/check-coverage
	tools/check-scripts
	tools/check-manual $(abspath $(BUILD)/spile)
	tools/tapset-manual check $(abspath $(BUILD)/spile)
tidy: all        ## advice
	clang-tidy -p $(BUILD) --quiet $$(git ls-files 'src/*.c')
coverage: all    ## probe sites of the system by rung
	nice $(BUILD)/tests/coverage/rungs /usr/bin /usr/lib
relocation: all  ## every instruction form of the system, displaced and in place; long
	SPILE_LONG=1 nice $(BUILD)/tests/unit/x86/relocate_differential
sweep: all       ## every function of real programs counted; long
	SWEEP=long E2E_LIMIT=7200 tests/run $(BUILD) e2e -k sweep
syscalls: all       ## counts and arguments of system calls against strace; long
	tests/syscalls/counts $(BUILD)/spile
	tests/syscalls/arguments $(BUILD)/spile -v
values: all         ## what scripts read of variables against gdb, over 75 programs; long
	tests/values/compare $(BUILD)
stacks: all      ## stacks against gdb's, 36 programs; long
	nice tests/stacks/compare $(BUILD)
torture: all     ## install and remove at full speed, servers under load; TORTURE seconds each
	TORTURE=$${TORTURE:-200} ROUNDS=100 E2E_LIMIT=7200 tests/run $(BUILD) e2e -k torture
	KILLS=$${KILLS:-300} E2E_LIMIT=7200 tests/run $(BUILD) e2e -k kills
	TORTURE=1 ROUNDS=30 E2E_LIMIT=7200 tests/run $(BUILD) e2e -k servers
bench: all
	bench/run $(BUILD)/spile
	bench/frontend $(BUILD)/spile
	bench/language $(BUILD)/spile
	bench/every $(BUILD)/spile
	bench/syscalls $(BUILD)/spile
	bench/stacks $(BUILD)/spile
	bench/profile $(BUILD)/spile
	bench/counters $(BUILD)/spile
	bench/processes $(BUILD)/spile
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
format-check:    ## advice: tells files that are not as clang-format would have them
	@for f in $$(git ls-files '*.c' '*.h'); do \
		clang-format "$$f" | cmp -s - "$$f" || echo "$$f"; \
	done
clean:
	rm -rf build build-asan build-clang build-fuzz
.PHONY: stacks torture values coverage relocation sweep all deps deps-test demo check install asan clang lint tidy bench format format-check clean oracle oracle-random fuzz
