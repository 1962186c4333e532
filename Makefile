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
	meson install -C $(BUILD)
asan:            ## unit tests with address and undefined-behaviour sanitizers
	[ -f build-asan/build.ninja ] || meson setup build-asan -Db_sanitize=address,undefined -Db_lundef=false
	ninja -C build-asan
	tests/run build-asan unit script
clang:
	[ -f build-clang/build.ninja ] || CC=clang meson setup build-clang
	ninja -C build-clang
lint: all
	tools/check-floors && tools/check-sizes && tools/check-runtime $(BUILD)/runtime/spile-runtime
bench: all
	bench/run $(BUILD)/spile
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
clean:
	rm -rf build build-asan build-clang
.PHONY: all deps deps-test demo check install asan clang lint bench format clean
