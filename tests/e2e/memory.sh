# SPDX-License-Identifier: Apache-2.0
# Wide strings, the kernel's names of readers, and what guru scripts may do to the target.
. "$ROOT/tests/lib/e2e.sh"

target memory memory.c gcc -O2 || exit 1
cat >"$W/wide.stp" <<'S'
probe process.function("visit") {
	w = pointer_arg(1) x = pointer_arg(2) b = pointer_arg(3) c = pointer_arg(4) n = pointer_arg(5)
	println(user_string_utf16(w), "|", user_string_utf32(x), "|", kernel_string_utf16(w), "|", kernel_string_utf32(x))
	println(user_string_quoted_utf16(w), kernel_string_quoted_utf16(w), kernel_or_user_string_quoted_utf16(w))
	println(user_string_quoted_utf32(x), kernel_string_quoted_utf32(x), kernel_or_user_string_quoted_utf32(x))
	println(user_string_utf16(16, "none"), user_string2_utf16(16, "none"), user_string_utf32(16, "none"), user_string2_utf32(16, "none"),
		kernel_string_utf16(16, "none"), kernel_string2_utf16(16, "none"), kernel_string_utf32(16, "none"), kernel_string2_utf32(16, "none"))
	println(user_string_quoted_utf16(16), user_string_quoted_utf32(16))
	try { user_string_utf16(b) println("no") } catch (m) { println(m) }
	try { println(user_string_utf32(c)) } catch (m) { println(m) }
	try { println(user_string_utf16(b)) } catch (m) { println(m) }
	println(kernel_char(n), " ", kernel_short(n + 2), " ", kernel_int(n + 4), " ", kernel_long(n + 8), " ", kernel_pointer(n + 8) == -4)
	println(kernel_string(n + 16), "|", kernel_string(16, "none"), "|", kernel_string2(16, "none"), "|", kernel_string_n(n + 16, 2), "|",
		kernel_string_quoted(n + 16), kernel_or_user_string_quoted(n + 16))
	println(kernel_buffer_quoted(n + 16, 11, 40), kernel_buffer_quoted(n + 16, 2), kernel_buffer_quoted_error(n + 16, 2, 40), atomic_read(n + 4), atomic_long_read(n + 8))
	try { println(kernel_int(16)) } catch { println("fault") }
	try { println(atomic_read(16)) } catch { println("fault") }
}
S
t wide-strings
launch_same "$T/memory" "$W/wide.stp"
cat >"$W/want" <<'S'
wïde € 😀|wïde € 😀|wïde € 😀|wïde € 😀
"w\u00EFde \u20AC \U0001F600""w\u00EFde \u20AC \U0001F600""w\u00EFde \u20AC \U0001F600"
"w\u00EFde \u20AC \U0001F600""w\u00EFde \u20AC \U0001F600""w\u00EFde \u20AC \U0001F600"
nonenonenonenonenonenonenonenone
0x100x10
no
invalid character in a wide string
invalid character in a wide string
-1 -2 -3 -4 1
as it was|none|none|as|"as it was""as it was"
"as it was\000\000""as""as"-3-4
fault
fault
S
cmp -s "$W/want" "$W/out" || bad "$(diff "$W/want" "$W/out" | head -20 | tr '\n' '~')"
done_t

cat >"$W/write.stp" <<'S'
probe process.function("visit") {
	n = pointer_arg(5)
	set_user_char(n, 300) set_user_short(n + 2, 70000) set_user_int(n + 4, 5000000000) set_user_long(n + 8, 1 << 40)
	set_user_pointer(n + 8, 77)
	set_user_string(n + 16, "a longer text")
	set_user_string_n(n + 16, 1, "A")
	set_user_string_arg(n + 20, "x")
	try { set_user_int(16, 1) } catch (m) { println(m) }
	try { set_user_string(16, "x") } catch (m) { println(m) }
	try { set_user_string_n(16, 1, "x") } catch (m) { println(m) }
	try { set_user_char(pointer_arg(1), 1) println("wrote constants") } catch { println("read-only") }
}
S
t guru-writes
spile -g "$W/write.stp" -c "$T/memory"
ok_rc
is "the target" "$(cat "$W/target")" "44 4464 705032704 77 A lox -"
is "one fault each" "$(grep -c '^write fault \[man error::fault\] at 0x0*10' "$W/out")" 3
is "constants" "$(tail -1 "$W/out")" "read-only"
spile "$W/write.stp" -c "$T/memory"
is "refused without -g" "$RC" 1
has "$W/err" "guru"
done_t

t raise-and-delay
spile -g -e 'global n probe process.function("visit") { if (!n++) raise(10) } probe end { println(n) }' -c "$T/memory 4 slow"
ok_rc
has "$W/target" "signal"
is hits "$(cat "$W/out")" 4
spile -g -e 'probe process.function("visit") { a = gettimeofday_us() udelay(3000) mdelay(4) println(gettimeofday_us() - a >= 7000) udelay(-1)
	try { raise(0) } catch (m) { println(m) } try { raise(65) } catch { println("no") } }' -c "$T/memory"
ok_rc
is delays "$(head -1 "$W/out")" 1
is refused "$(sed -n 2p "$W/out")" "no such signal, or no process to send it to"
done_t

t attached
start "$T/memory" 1000 slow
attach_run -g -e 'probe process.function("visit") { set_user_string(pointer_arg(5) + 16, "changed") println(user_string_utf16(pointer_arg(1))) exit() }'
ok_rc
has "$W/out" "^w.*de"
sleep 0.5
has "$W/bg" "changed"
kill "$PID"
done_t
