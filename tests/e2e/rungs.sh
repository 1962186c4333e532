# SPDX-License-Identifier: Apache-2.0
# Every rung of the ladder at every alignment, executed by threads at once: counted exactly when launched, and harmless
# when it comes and goes under load. RUNG_SECONDS: how long the latter goes on for each program.
. "$ROOT/tests/lib/e2e.sh"
target shapes-pie shapes.c gcc -O2 -pthread -fPIE -pie
target shapes-nopie shapes.c gcc -O2 -pthread -fno-pie -no-pie

# counting PROGRAM: a script with a counter by function
counting() { printf 'global n probe process("%s").function("shape_*") { n[ppfunc()]++ } probe end { foreach (f in n) println(f, " ", n[f]) }' "$1"; }

for kind in pie nopie; do
	program=$T/shapes-$kind
	t "counts-$kind"
	launch_same "$program 8 60" -v -e "$(counting "$program")"
	grep '^shape_' "$W/target" | grep -v tiny | sort >"$W/want"
	sort "$W/out" >"$W/got"
	cmp -s "$W/want" "$W/got" || bad "counts differ: $(diff "$W/want" "$W/got" | head -6 | tr '\n' '~')"
	has "$W/target" '^wrong=0$'
	for rung in nop single several padding island; do has "$W/err" "^  $rung +[1-9]"; done
	has "$W/err" '^  (pun|evict) +[1-9]'
	hasnot "$W/err" 'placed|[Ss]kipped'
	done_t

	t "under-load-$kind"
	start "$program" 8 0
	end=$((SECONDS + ${RUNG_SECONDS:-4}))
	turns=0
	while [ $SECONDS -lt $end ]; do
		attach_run -e 'global n probe process.function("shape_*") { n++ } probe timer.ms(20) { exit() } probe end { println(n > 0) }'
		ok_rc
		is out "$(cat "$W/out")" 1
		[ -z "$BAD" ] || break
		turns=$((turns + 1))
	done
	[ $turns -gt 0 ] || bad "not one turn"
	target_unharmed
	done_t

	t "switched-$kind"
	start "$program" 8 0
	attach_run -D MAXSKIPPED=1000000000 -e 'global n, on, turns probe process.function("shape_*") if (on) { n++ }
		probe timer.ms(5) { on = !on; if (turns++ > '$((${RUNG_SECONDS:-4} * 50))' && n > 0) exit() }
		probe timer.s(40) { exit() } probe end { println(n > 0) }'
	ok_rc
	is out "$(cat "$W/out")" 1
	target_unharmed
	done_t
done

# A branch that nobody can see lands on a byte that traps (int3), or faults where that leads to no free memory.
# Without randomization: the heap may else begin just where the latter leads.
RUN_AS+=(setarch -R)
target unseen-pie unseen.c gcc -O2 -fPIE -pie
target unseen-nopie unseen.c gcc -O2 -fno-pie -no-pie
for kind in pie nopie; do
	t "unseen-$kind"
	launch_same "$T/unseen-$kind" -v -e "global n probe process(\"$T/unseen-$kind\").function(\"function\") { n++ } probe end { println(n) }"
	is count "$(cat "$W/out")" 1000
	has "$W/err" '^  several +1'
	done_t
done
