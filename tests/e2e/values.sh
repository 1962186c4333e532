# SPDX-License-Identifier: Apache-2.0
# What scripts read of optimized programs against what gdb reads at the same hit; `make values` compares many more.
. "$ROOT/tests/lib/e2e.sh"

if ! have gdb || ! have python3; then
	skip_t values "gdb or python3 is missing"
	exit 0
fi
t values-as-gdb-has-them
"$ROOT/tests/values/compare" "$BUILD" --short >"$W/values" 2>&1 || bad "$(tail -12 "$W/values" | tr '\n' '~')"
has "$W/values" '^[0-9]+ programs, [0-9]+ stops: [1-9][0-9]{2,} values compared, 0 differ'
done_t
