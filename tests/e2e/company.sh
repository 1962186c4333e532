# SPDX-License-Identifier: Apache-2.0
# Stacks through the trampolines of other sessions, which came before and after, and leave first and last.
. "$ROOT/tests/lib/e2e.sh"
. "$ROOT/tests/lib/sessions.sh"

target company company.c gcc -g -O2 -pthread || exit 1
P="process(\"$T/company\")"
# Inserted frames, and a return address that is kept aside.
FRAMES="global n probe $P.function(\"leaf\").return, $P.function(\"middle\").return, $P.function(\"outer\").return { n += @entry(1) }
	probe timer.ms(50) { if (n) println(n) } probe end { println(\"end\") }"
# Chains of functions as hits and samples see them; all that are not whole.
STACKS="global hits, samples probe $P.function(\"leaf\") { hits[sprint_ubacktrace()]++ } probe timer.profile { samples[sprint_ubacktrace()]++ }
	probe timer.ms(50) { foreach (s in hits) n++; if (n) println(n) } global n
	probe end { println(\"end\") foreach (s in hits) println(\"hit \", s) foreach (s in samples) println(\"sample \", s, \" times \", samples[s]) }"

# whole NAME MOST: what its stacks are like. Samples end in handlers, and, since they are looked at a moment later, at frames whose return address is kept aside; for the
# same reason up to MOST end at frames of a session that has just left.
whole() {
	local chains cut
	chains=$(sed '1,/^end/d' "$W/out-$1" | tr '\n' ' ' | sed 's/+0x[0-9a-f]* \[[^]]*\]//g; s/ \(hit\|sample\) /\n\1 /g' | grep -v '^$' | sed 's/ *$//' | sort -u)
	is "hits of $1" "$(grep '^hit' <<<"$chains" | sed -E 's/ (main|start_thread.*)$//' | sort -u | tr '\n' ',')" "hit leaf middle outer work,"
	grep -qE '^sample (leaf )?middle outer' <<<"$chains" || bad "no sample of $1 has come through an inserted frame"
	cut=$(sed -nE 's/^sample (leaf|leaf middle|middle) +times ([0-9]+)$/\2/p' <<<"$chains" | awk '{ n += $1 } END { print n + 0 }')
	[ "$cut" -le "$2" ] || bad "$cut samples of $1 are cut"
}

for order in "FRAMES STACKS" "STACKS FRAMES"; do
	read -r first second <<<"$order"
	for leaves in A B; do
		t "$order, $leaves leaves first"
		start "$T/company"
		snapshot "$PID" >"$W/before"
		session A "${!first}"
		session B "${!second}"
		sleep 0.5
		quit "$leaves"
		if [ "$leaves" = A ]; then quit B; else quit A; fi
		stacks=B frames=A
		[ "$first" = FRAMES ] || stacks=A frames=B
		if [ "$frames" = "$leaves" ]; then whole $stacks 100; else whole $stacks 0; fi
		end_target
		done_t
	done
done
