# SPDX-License-Identifier: Apache-2.0
# The ways to name a place: paths, PATH, globs, symlinks, process numbers, libraries, providers.
. "$ROOT/tests/lib/e2e.sh"

target marks marks.c gcc -O2 || exit 1
target marks-O0 marks.c gcc -O0 || exit 1
ln -sf marks "$T/marks-link"
for kind in marks marks-O0; do
	t "operands-$kind"
	spile -e "probe process(\"$T/$kind\").provider(\"demo\").mark(\"sizes\") {
			printf(\"%s %s %d %d %d %d %d %d %d %s\n\", \$\$provider, \$\$name, \$arg1, \$arg2, \$arg3, \$arg4, \$arg5, \$arg6, \$arg7, user_string(\$arg8)) }" -c "$T/$kind 2"
	ok_rc
	is first "$(head -1 "$W/out")" "demo sizes -1 250 -300 65000 -70000 4000000000 -5000000000 text"
	is second "$(tail -1 "$W/out")" "demo sizes -2 251 -301 65001 -70001 4000000001 -5000000001 text"
	done_t

	t "semaphore-$kind"
	spile -e "global n probe process(\"$T/$kind\").mark(\"guarded\") { n++ } probe end { println(n) }" -c "$T/$kind 5"
	is "hits" "$(cat "$W/out")" 5
	is "raised" "$(cat "$W/target")" "rounds=5 taken=5"
	spile -e "global n probe process(\"$T/$kind\").mark(\"plain\") { n++ } probe end { println(n) }" -c "$T/$kind 5"
	is "hits of the other" "$(cat "$W/out")" 5
	is "left alone" "$(cat "$W/target")" "rounds=5 taken=0"
	done_t
done

count() { # NAME POINT COMMAND WANT
	t "$1"
	spile -e "global n probe $2 { n++ } probe end { println(n) }" -c "$3"
	ok_rc
	is hits "$(cat "$W/out")" "$4"
	done_t
}
count bare-process 'process.mark("plain")' "$T/marks 4" 4
count symlink "process(\"$T/marks-link\").mark(\"plain\")" "$T/marks 4" 4
count glob-path "process(\"$T/mark[s]\").mark(\"plain\")" "$T/marks 4" 4
count glob-mark 'process.mark("*")' "$T/marks 4" 12
count glob-provider 'process.provider("de*").mark("pl*")' "$T/marks 4" 4
count function-call 'process.function("main").call' "$T/marks 4" 1
count function-exported 'process("bash").function("main").exported' "bash -c true" 1
count by-path 'process("bash").function("main")' "bash -c true" 1
count optional 'process.mark("no_such")?, process.mark("plain")' "$T/marks 4" 4
count shell "process(\"$T/marks\").mark(\"plain\")" "$T/marks 4 > /dev/null; true" 4

t variables
spile -e 'probe process.mark("sizes") { println($$vars) exit() }' -c "$T/marks 1"
has "$W/out" '^\$arg1=0x[f]+ \$arg2=0xfa '
done_t

t listing
as_user "$SPILE" -l "process(\"$T/marks\").mark(\"*\")" >"$W/out" 2>"$W/err"
is status $? 0
is lines "$(wc -l <"$W/out" | tr -d ' ')" 3
as_user "$SPILE" -L "process(\"$T/marks\").mark(\"guarded\")" >"$W/out" 2>"$W/err"
has "$W/out" 'mark\("guarded"\) \$arg1:long$'
as_user "$SPILE" -l "process(\"$T/marks\").mark(\"no_such\")" >"$W/out" 2>"$W/err"
is "status of none" $? 1
done_t

t process-number
target count-pie count.c gcc -O2 -pthread -fPIE -pie || exit 1
start "$T/count-pie" 2 0
OTHER=$PID
start "$T/count-pie" 2 0
attach_run -e "global n probe process($PID).function(\"work\") { n[pid()]++ } probe timer.ms(200) { exit() }
	probe end { foreach (p in n) printf(\"%d\n\", p) }"
ok_rc
is "processes seen" "$(cat "$W/out")" "$PID"
kill "$PID" "$OTHER"
done_t
