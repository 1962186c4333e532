# SPDX-License-Identifier: Apache-2.0
# Stacks and names of code: the functions of the library, what lies between frames, and gdb's word for it.
. "$ROOT/tests/lib/e2e.sh"

target chain chain.c gcc -g -O2 -fomit-frame-pointer
target chain-static chain.c gcc -g -O2 -static
target chain.so chain_library.c gcc -O2 -shared -fPIC

# names FILE: the functions of lines of " 0x1 : name+0x1/0x2 ..."
names() { sed -nE '/__pthread_kill_impl/d; s/^ 0x[0-9a-f]+ : ([^+ ]+)\+0x.*/\1/p' "$1" | tr '\n' ' '; }

t printed
launch_same "$T/chain" -e "probe process(\"$T/chain\").function(\"leaf\") { if (ustack(0) != uaddr()) println(\"wrong\"); print_ubacktrace() }"
is "stacks" "$(names "$W/out")" "leaf low mid top_a main leaf low mid top_a main leaf low mid top_b main leaf on_signal __restore_rt raise main leaf lost "
has "$W/out" "^ 0x[0-9a-f]+ : low\+0x[0-9a-f]+/0x[0-9a-f]+ \[$T/chain\]$"
has "$W/out" '^ 0x[0-9a-f]+ : raise\+0x[0-9a-f]+/0x[0-9a-f]+ \[/.*libc.so.6\]$'
hasnot "$W/out" wrong
done_t

t static
launch_same "$T/chain-static" -e "probe process(\"$T/chain-static\").function(\"leaf\") { print_ubacktrace() }"
is "stacks" "$(names "$W/out" | sed 's/__restore_rt [a-z_ ]*main/SIGNAL main/')" \
	"leaf low mid top_a main leaf low mid top_a main leaf low mid top_b main leaf on_signal SIGNAL main leaf lost "
done_t

# Calls about signals are made by the runtime in the program's place.
t through-hooks-of-system-calls
for c in gcc musl-gcc; do
	have $c || continue
	target pending pending.c $c -O2 -static
	launch_same "$T/pending" -e "probe process(\"$T/pending\").function(\"on_signal\") { if (user_uint64(u_register(\"rsp\"))) print_ubacktrace() }"
	is "stacks ($c)" "$(sed -nE 's/^ 0x[0-9a-f]+ : ([a-z_]+)\+0x.*/\1/p' "$W/out" | grep -E '^(on_signal|raise|open_[a-z]*|main)$' | tr '\n' ' ')" \
		"on_signal open_process main on_signal open_thread main "
done
target pending pending.c gcc -O2
launch_same "$T/pending" -e "probe process(\"$T/pending\").function(\"on_signal\") { print_ubacktrace() }"
is "stacks" "$(names "$W/out")" "on_signal __restore_rt pthread_sigmask sigprocmask open_process main on_signal __restore_rt pthread_sigmask open_thread main "
done_t

t other-forms
launch_same "$T/chain" -e "probe process(\"$T/chain\").function(\"leaf\") {
	print_ubacktrace_brief(); print_ubacktrace_fileline(); print(sprint_ubacktrace()) }"
is "brief" "$(sed -n '1,5p' "$W/out" | sed 's/0x[0-9a-f]*$//' | tr '\n' ',')" " leaf+, low+, mid+, top_a+, main+,"
is "inlined" "$(sed -nE 's/^ 0x[0-9a-f]+ : ([a-z_]+)(\+0x[0-9a-f]+\/0x[0-9a-f]+)? at .*\/chain.c:([0-9]+) \[.*\]( \(inlined\))?$/\1\4/p' "$W/out" | head -6 | tr '\n' ',')" \
	"leaf,inlined (inlined),low,mid,top_a,main,"
is "simple" "$(grep -v '^ ' "$W/out" | head -5 | sed 's/+0x[0-9a-f]*//' | tr '\n' ',')" \
	"leaf [chain],low [chain],mid [chain],top_a [chain],main [chain],"
done_t

# Every name of the library for the same thing says the same.
t names-of-functions
cat >"$W/s.stp" <<'END'
function same(what, a, b) { if (a != b) printf("%s: %s, not %s\n", what, a, b) }
probe process(@1).function("leaf") {
	if (n++) next
	all = ubacktrace()
	same("backtrace", backtrace(), all)
	same("ucallers", ucallers(-1), all)
	same("callers", callers(-1), all)
	same("ucallers(0)", ucallers(0), sprintf("%#x", uaddr()))
	same("ucallers(1)", ucallers(1), sprintf("%#x %#x", ustack(0), stack(1)))
	same("caller_addr", sprintf("%x", caller_addr()), sprintf("%x", ustack(1)))
	same("caller", caller(), sprintf("%s %#x", usymname(ustack(1)), ustack(1)))
	same("symname", symname(uaddr()), "leaf")
	same("usymname", usymname(0x10), "0x10")
	same("symdata", symdata(uaddr()), usymdata(uaddr()))
	same("symfile", symfile(uaddr()), usymfile(uaddr()))
	same("symline", symline(uaddr()), usymline(uaddr()))
	same("symfileline", symfileline(uaddr()), usymfile(uaddr()) . ":" . usymline(uaddr()))
	same("usymfileline", usymfileline(uaddr()), usymfile(uaddr()) . ":" . usymline(uaddr()))
	same("usymfileline(1)", usymfileline(1), "0x1")
	same("sprint_backtrace", sprint_backtrace(), sprint_ubacktrace())
	same("sprint_usyms", sprint_usyms(ucallers(0)), usymdata(uaddr()) . "\n")
	same("sprint_syms", sprint_syms(all), sprint_usyms(all))
	same("sprint_stack", sprint_stack(all), sprint_usyms(all))
	same("sprint_ustack", sprint_ustack(all), sprint_usyms(all))
	same("umodname", umodname(uaddr()), "chain")
	if (strlen(umodbuildid(uaddr())) != 40) println("no build-id")
	try { println("no error ", ustack(100)) } catch { }
	try { println("no error ", umodbuildid(1)) } catch { }
	print_stack(all) print_ustack(all) print_syms(all) print_usyms(all) print_backtrace()
	print_ubacktrace(uaddr(), u_register("rsp"), u_register("rbp"))
	println("lines") print_backtrace_fileline()
	print_ubacktrace_fileline(uaddr(), u_register("rsp"), u_register("rbp"))
}
global n
probe end { if (n < 4) println(n) }
probe begin { same("begin", ubacktrace() . sprint_ubacktrace(), "") print_ubacktrace() }
END
launch_same "$T/chain" "$W/s.stp" "$T/chain"
is "differences" "$(grep -v '^ \|lines' "$W/out")" ""
is "printed" "$(sed '/lines/,$d' "$W/out" | sort | uniq -c | awk '{print $1}' | sort -u | tr '\n' ' ')" "6 "
is "with lines" "$(sed '1,/lines/d' "$W/out" | sort | uniq -c | awk '{print $1}' | sort -u | tr '\n' ' ')" "2 "
done_t

# A stack is a key; its names are found at the end, when the process has gone.
t keys
launch_same "$T/chain 5000" -DMAXACTION=100000 -e "global n
	probe process(\"$T/chain\").function(\"leaf\") { n[ubacktrace()] <<< 1 }
	probe end { foreach (s in n- limit 3) { printf(\"%d \", @count(n[s])) println(usymname(strtol(tokenize(s, \" \"), 16))) print_usyms(s) } }"
is "counts" "$(grep -E '^[0-9]' "$W/out" | tr '\n' ',')" "5000 leaf,5000 leaf,5000 leaf,"
is "names" "$(names "$W/out" | sed 's/leaf/\nleaf/g' | sort | tr '\n' ',')" ",leaf low mid top_a main ,leaf low mid top_a main ,leaf low mid top_b main ,"
done_t

t maxbacktrace
launch_same "$T/chain" -DMAXBACKTRACE=2 -e "probe process(\"$T/chain\").function(\"leaf\") { print_ubacktrace() println(ubacktrace()) }"
is "lines and words" "$(head -3 "$W/out" | awk '{print /^ /, NF}' | tr '\n' ',')" "1 4,1 4,0 2,"
done_t

# Frames that probed returns put between those of the program are not shown, nor is a return's own.
t returns
launch_same "$T/chain" -e "probe process(\"$T/chain\").function(\"*\").return { n++ } global n probe end { if (!n) println(n) }
	probe process(\"$T/chain\").function(\"leaf\") { print_ubacktrace() }"
is "stacks" "$(names "$W/out")" "leaf low mid top_a main leaf low mid top_a main leaf low mid top_b main leaf on_signal __restore_rt raise main leaf lost "
launch_same "$T/chain" -e "probe process(\"$T/chain\").function(\"low\").return { print_ubacktrace() println(@entry(ubacktrace())) }
	probe process(\"$T/chain\").function(\"mid\").return { n++ } global n probe end { if (!n) println(n) }"
is "at the return" "$(names "$W/out")" "mid top_a main mid top_a main mid top_b main "
is "at the entry" "$(grep -v '^ ' "$W/out" | awk '{print NF}' | tr '\n' ' ')" "4 4 4 "
done_t

t late-library
launch_same "$T/chain 1 $T/chain.so" -e "probe process(\"$T/chain\").function(\"called_back\") { print_ubacktrace() }"
is "stack" "$(names "$W/out")" "called_back call_back main "
launch_same "$T/chain 1 $T/chain.so" -e "probe process(\"$T/chain.so\").function(\"call_back\") { print_ubacktrace() }"
is "stack" "$(names "$W/out")" "call_back main "
done_t

# Samples bring registers and a piece of the stack with them; the process itself is left alone.
t profile
launch_same "$T/chain 30000000" -DMAXMAPENTRIES=10000 -e "global n, all, ways
	probe timer.profile { if (pid() == target() && user_mode()) { all++; n[usymname(uaddr())]++; ways[ubacktrace()]++ } }
	probe end { foreach (s in ways- limit 1) { println(ways[s] > 0) print_usyms(s) } println(all > 5) foreach (f in n- limit 1) println(f) }"
if grep -q 'perf_event_paranoid\|not permitted\|ermission' "$W/err"; then
	skip_t profile "performance events are not allowed here"
else
	has "$W/out" '^ 0x[0-9a-f]+ : main\+0x'
	has "$W/out" '^(leaf|low|mid|top_a|top_b|main)$'
	is "enough" "$(grep -c '^1$' "$W/out")" 2
	done_t
fi

t as-gdb-has-them
if have gdb && have python3; then
	"$ROOT/tests/stacks/compare" "$BUILD" --short >"$W/stacks" 2>&1 || bad "$(tail -12 "$W/stacks" | tr '\n' '~')"
	has "$W/stacks" '^3 programs, [1-9][0-9]+ stops, [1-9][0-9]{2,} frames compared, [0-9]+ stops where gdb does not know, 0 differ'
	done_t
else
	skip_t as-gdb-has-them "gdb or python3 is missing"
fi
