# SPDX-License-Identifier: Apache-2.0
# Text that the program has moved to large pages: anonymous memory, or the pool of huge pages.
. "$ROOT/tests/lib/e2e.sh"

target large large.c gcc -O2 -Wl,-z,max-page-size=0x200000 -Wl,-z,common-page-size=0x200000 || exit 1
read -r at offset size <<<"$(readelf -lW "$T/large" | awk '$1 == "LOAD" && /R E/ { print $3, $2, $5 }')"

# moved_text: what is in the place of the program's text now; $at, $offset, $size: where it was, by the file
moved_text() {
	awk -v path="$T/large" '$6 == path && !base { base = $1; sub(/-.*/, "", base); print base }' "/proc/$PID/maps"
}
text_is_moved_file() {
	python3 - "$PID" "$(moved_text)" "$at" "$offset" "$size" "$T/large" <<-'END' || bad "the moved text differs from the file"
		import sys
		pid, base, at, offset, size = sys.argv[1], *(int(x, 16) for x in sys.argv[2:6])
		memory = open(f"/proc/{pid}/mem", "rb")
		memory.seek(base + at)
		file = open(sys.argv[6], "rb")
		file.seek(offset)
		sys.exit(memory.read(size) != file.read(size))
	END
}

run() {
	t "$1"
	start "$T/large" "$1"
	if ! kill -0 "$PID" 2>/dev/null; then
		NAME=
		skip_t "$1" "there are no huge pages"
		return
	fi
	if ! grep -q "$2" "/proc/$PID/smaps"; then
		NAME=
		skip_t "$1" "the kernel has not given a large page"
		return
	fi
	attach_run -e 'global n, m probe process.function("work") { n++ } probe process.function("work").return { m++ } probe timer.ms(200) { exit() } probe end { println(n > 0, n == m) }'
	ok_rc
	is "hit" "$(cat "$W/out")" 11
	text_is_moved_file
	target_unharmed
	done_t
}
run advised 'AnonHugePages: *2048 kB'
before=$(cat /proc/sys/vm/nr_hugepages 2>/dev/null)
[ "${before:-0}" != 0 ] || echo 2 2>/dev/null >/proc/sys/vm/nr_hugepages
run hugetlb '/anon_hugepage'
[ "${before:-0}" != 0 ] || echo "$before" 2>/dev/null >/proc/sys/vm/nr_hugepages
