# SPDX-License-Identifier: Apache-2.0
# Places and variables by debug information that other tests do not name: statements by address, callees' returns, typed
# arguments of marks, errno, virtual bases, variables in handlers that run in the tool, other roots.
. "$ROOT/tests/lib/e2e.sh"
target typed typed_mark.c gcc -O2 -g -w || exit 1
P=$T/typed

t statements-by-address
main=$(nm "$P" | awk '$3 == "main" { print $1 }')
begins=$(printf 0x%x $((0x$main))) inside=$(printf 0x%x $((0x$main + 1)))
spile -e "probe process(\"$P\").statement($begins) { println(\"here\") }" -c "$P"
ok_rc
is out "$(cat "$W/out")" here
spile -e "probe process(\"$P\").statement($inside) { println(\"here\") }" -c "$P"
is "status inside a statement" "$RC" 1
has "$W/err" "address $inside does not match the beginning of a statement \(try $begins\)"
spile -e "probe process(\"$P\").statement($inside).nearest { println(\"near \", \$argc) }" -c "$P"
ok_rc
is "nearest" "$(cat "$W/out")" "near 1"
next=$(objdump -d --no-show-raw-insn --disassemble=main "$P" | sed -n 's/^ *\([0-9a-f]*\):\t.*/\1/p' | sed -n 2p)
spile -g -e "probe process(\"$P\").statement(0x$next) { println(\"guru\") }" -c "$P"
ok_rc
is "an instruction in guru mode" "$(cat "$W/out")" guru
as_user "$SPILE" -L "process(\"$P\").statement($begins).nearest" >"$W/out" 2>"$W/err"
is "listed" "$(cat "$W/out")" "process(\"$P\").statement($begins).nearest \$argc:int \$argv:char** \$b:struct request \$a:struct request"
done_t

t callees-return
launch_same "$P" -e 'probe process.function("first").callee("leaf").return { println("leaf ", $return, " of first ", @entry($n)) }
	probe process.function("first").callee("leaf").call { println("entry ", $n) }'
is out "$(tr '\n' '~' <"$W/out")" 'entry 1~leaf 6 of first 1~'
done_t

t typed-arguments
launch_same "$P" -e 'probe process.mark("handle"), process.mark("named") { println($arg1->id, user_string($arg1->path), $arg1$) }
	probe process.mark("handle") { println($arg1->next->id, @defined($arg1->nosuch), @defined($arg2->id)) }'
sed 's/0x[0-9a-f]*/ADDRESS/' "$W/out" | sort >"$W/got"
is out "$(tr '\n' '~' <"$W/got")" '1/a{.id=1, .path="/a", .next=ADDRESS}~1/a{.id=1, .path="/a"}~200~'
spile -e 'probe process.mark("plain") { println($arg1->id) }' -c "$P"
has "$W/err" "the module has no type 'plain_arg1'"
done_t

t errno
for where in /usr/lib/debug /nowhere; do
	SYSTEMTAP_DEBUGINFO_PATH=$where launch_same "$P" -e 'probe process.function("failed") { println(@errno, errno_str(@errno)) }'
	is "out with $where" "$(cat "$W/out")" 2ENOENT
done
target typed-static typed_mark.c gcc -O2 -static -w || exit 1
launch_same "$T/typed-static" -e 'probe process.function("failed") { println(@errno) }'
is "in a static program" "$(cat "$W/out")" 2
done_t

t clones
nm "$P" | grep -q 'spelled\.constprop' || bad "no clone was made"
launch_same "$P" -e 'probe process.function("spelled") { println(user_string($text), $n) }'
is out "$(tr '\n' '~' <"$W/out")" 'abc2~abc3~'
done_t

t wide-values
launch_same "$P" -e 'probe process.function("wider").return { println("[", $$return, "]", $$return$, @defined($return), @var("extended")$) }'
is out "$(cat "$W/out")" '[]return=0x000000000000000000000000000000150?' # 21; @defined: it cannot be read as a number
spile -e 'probe process.function("wider") { println($v) }' -c "$P"
has "$W/err" 'cannot process >64-bit values'
done_t

t virtual-bases
for compiler in 'g++ -O1' 'clang++ -O2'; do
	# shellcheck disable=SC2086 # words
	target "bases-${compiler%% *}" bases.cc $compiler -g || exit 1
	launch_same "$T/bases-${compiler%% *}" -e 'probe process.function("use") { println($d->base, " ", $d->left, " ", $d->self->base, " ",
		$l->base, " ", $b->base, " ", $h->left->base, " ", $l$, " ", @cast($l, "Left")->base) l = $l; println(l->base, &$d->base - $d) }'
	is out "$(tr '\n' '~' <"$W/out")" '11 22 11 7 7 7 {.left=22, .base=7} 7~748~'
done
done_t

# What a parameter was is known from a call by a pointer that tells where it went, unless that passed the call on.
t entry-values-of-indirect-calls
if have clang; then
	target indirect indirect.c clang -g -O2 || exit 1
	behind() { objdump -d --no-show-raw-insn "--disassemble=$1" "$T/indirect" | awk '/call/ { getline; sub(/:/, "", $1); print $1; exit }'; }
	launch_same "$T/indirect" -g -e "probe process.statement(0x$(behind add)), process.statement(0x$(behind subtract)) {
		try { println(ppfunc(), \$b) } catch (m) { println(ppfunc(), \" \", m) } }"
	is out "$(tr '\n' '~' <"$W/out")" 'add0~add2~subtract0~subtract2~add not known for calls from here: optimized out~add not known for calls from here: optimized out~'
	done_t
else
	skip_t entry-values-of-indirect-calls "no clang"
fi

t in-the-tool
start "$P" long
attach_run -e "probe timer.ms(150) { println(@var(\"counter@typed_mark.c\", \"$P\"), \" \", user_string(@var(\"kept\", \"$P\")->path),
	\" \", @var(\"kept\", \"$P\")->next\$) exit() }"
ok_rc
has "$W/out" '^[0-9]+ /a \{\.id=2, \.path="/b", \.next=0x0\}$'
hasnot "$W/out" '^5 '
kill "$PID" 2>/dev/null
wait "$PID" 2>/dev/null
spile -e "probe end { try { println(@var(\"counter\", \"$P\")) } catch (m) { println(m) } }" -c "$P"
has "$W/out" 'not loaded in this process|read fault'
spile -e "probe begin { println(@var(\"errno\", \"libc.so.6\")) }" -c "$P"
has "$W/err" 'variables of threads cannot be read in probes that do not run in the target'
done_t

# A process that sees other files: in its own mounts, and below another root.
t other-roots
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	target spin count.c gcc -O2 -g -pthread || exit 1
	mkdir -p "$W/mnt" "$W/root/bin" "$W/root/lib64" "$W/root/lib/x86_64-linux-gnu"
	cp "$T/spin" "$W/root/bin/"
	cp -L /lib64/ld-linux-x86-64.so.2 "$W/root/lib64/"
	cp -L /lib/x86_64-linux-gnu/libc.so.6 "$W/root/lib/x86_64-linux-gnu/"
	chmod -R a+rX "$W/root" "$W/mnt"
	script='probe process.function("work") { n[$i >= 0] <<< 1 } global n probe process.library("libc.so.6").function("nanosleep")? { n[5] <<< 1 }
		probe timer.ms(300) { exit() } probe end { println(@count(n[1]) > 0) }'
	unshare -m bash -c "mount -t tmpfs none '$W/mnt' && cp '$T/spin' '$W/mnt/' && chmod a+rx '$W/mnt' && exec $(printf '%q ' "${RUN_AS[@]}") '$W/mnt/spin' 1 0" >/dev/null 2>&1 &
	PID=$! PIDS="$PIDS $!"
	for _ in $(seq 50); do [ "$(readlink "/proc/$PID/exe")" = "$W/mnt/spin" ] && break; sleep 0.1; done
	settle "$PID"
	spile -x "$PID" -e "$script"
	ok_rc
	is "in other mounts" "$(cat "$W/out")" 1
	as_user "$SPILE" -l "process($PID).function(\"work\")" >"$W/out" 2>"$W/err"
	has "$W/out" "/proc/$PID/root$W/mnt/spin\"\).function\(\"work@"
	kill "$PID"
	chroot --userspec="$(stat -c %u:%g "$W/out" 2>/dev/null || echo 65534:65534)" "$W/root" /bin/spin 1 0 >/dev/null 2>&1 &
	PID=$! PIDS="$PIDS $!"
	for _ in $(seq 50); do [ "$(readlink "/proc/$PID/exe")" = "$W/root/bin/spin" ] && break; sleep 0.1; done
	"$SPILE" -o "$W/out" -x "$PID" -e "$script" >/dev/null 2>"$W/err"
	is "below another root ($(head -c 200 "$W/err"))" "$(cat "$W/out")" 1
	kill "$PID"
	done_t
else
	skip_t other-roots "needs root and unshare"
fi
