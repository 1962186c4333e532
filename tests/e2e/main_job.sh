# SPDX-License-Identifier: Apache-2.0
# The commands of the README, on programs nobody here wrote.
. "$ROOT/tests/lib/e2e.sh"
PY=/usr/bin/python3

if [ -x $PY ] && readelf -n $PY 2>/dev/null | grep -q function__return; then
	t python-marks
	spile -e 'probe process.mark("*") { println($$name) }' -c "$PY -c \"print(sum(range(9)))\""
	ok_rc
	is target "$(cat "$W/target")" 36
	has "$W/out" '^function__return$'
	has "$W/out" '^import__find__load__start$'
	is "begun imports" "$(grep -c load__start "$W/out")" "$(grep -c load__done "$W/out")"
	done_t

	t python-functions
	spile -e 'global c; probe process.mark("function__return") { c[user_string($arg2)] <<< 1 }
		probe end { foreach (f in c- limit 10) printf("%6d %s\n", @count(c[f]), f) }' -c "$PY -m timeit -n 5 pass"
	ok_rc
	is lines "$(wc -l <"$W/out" | tr -d ' ')" 10
	sort -srn -k1,1 "$W/out" | cmp -s - "$W/out" || bad "not in descending order"
	done_t
else
	skip_t python "python3 has no markers here"
fi

t bash-function
spile -e 'probe process("/bin/bash").function("execute_command") { n++ } global n probe end { println(n) }' -c 'bash -c "true; true"'
ok_rc
between calls "$(cat "$W/out")" 1 10
done_t

if have g++; then
	t libstdcxx-marks
	target thrower thrower.cpp g++ -O1 || exit 1
	spile -e 'probe process.library("libstdc++.so.6").mark("throw") { printf("%s %d\n", $$name, tid()) }' -c "$T/thrower"
	ok_rc
	is throws "$(grep -cE '^throw [0-9]+$' "$W/out")" 7
	is target "$(cat "$W/target")" "caught 7"
	done_t
fi

t shell
spile -e 'probe process("/usr/bin/env").function("*")? { next } probe begin { println("b") } probe end { println("e") }' -c 'echo one | cat; exit 0'
ok_rc
is target "$(cat "$W/target")" one
done_t

t status
spile -e 'probe begin { println(1) }' -c 'sh -c "exit 3"'
is "status of a command that failed" "$RC" 1
has "$W/err" 'exited with status 3'
done_t
