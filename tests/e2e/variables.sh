# SPDX-License-Identifier: Apache-2.0
# Variables of the target by debug information, at entries of functions: every kind of type and of access.
. "$ROOT/tests/lib/e2e.sh"

target variables variables.c gcc -O2 -g || exit 1
target variables4 variables.c clang -O2 -gdwarf-4 || exit 1
mkdir -p "$T/split.d" # the compiler leaves the .dwo files beside the program
target split.d/variables variables.c gcc -O2 -g -gsplit-dwarf || exit 1
target variables-cxx variables.cc g++ -O2 -g || exit 1
SED='s/0x[0-9a-f]\{5,\}/ADDRESS/g'

cat >"$W/plain.stp" <<'S'
probe process.function("plain") {
	println($w->a, " ", $w->b, " ", $w->c, " ", $w->in->q, " ", user_string($w->in->name), " ", user_string($w->pin->name),
		" ", user_string($w->text), " ", $w->d, " ", $w->f)
	println($w->color, " ", $w->y, " ", $w->u->c, " ", $w->p->b, " ", $w->numbers[2], " ", $w->grid[1][2], " ", $w->letter,
		" ", $w->yes, " ", $w->next->a, " ", $w->next->next->a, " ", $w->byte, " ", $w->deep, " ",
		user_string($w->many[1]->name), " ", $w->wide)
	println(user_string($name), " ", $color, " ", $sign, " ", $letter, " ", $s)
	println(@var("everywhere"), " ", @var("here@variables.c")->a, " ", @var("of_thread"), " ", $of_thread, " ", $everywhere,
		" ", @enum("BLUE"), " ", @enumname($color), " ", @enumname(6, "color"))
	println(&$w->numbers[1] - &$w->numbers[0], " ", $w->numbers[$w->yes + 1], " ", $w->many[$w->yes]->q)
}
S
cat >"$W/want" <<'S'
1 5 -3 3 hello inner buffer 4609434218613702656 4612811918334230528
6 -9 65 8 30 6 120 1 2 1 200 77 two 78187493520
a	name 5 -1 113 65535
42 1000 70 70 42 6 GREEN BLUE
4 30 2
S
for one in variables variables4 split.d/variables; do
	t "members-$one"
	launch_same "$T/$one" "$W/plain.stp"
	cmp -s "$W/out" "$W/want" || bad "$(diff "$W/out" "$W/want" | tr '\n' '~')"
	done_t
done

cat >"$W/pretty.stp" <<'S'
probe process.function("plain") {
	println($w$)
	println($w$$)
	println($name$, $letter$, $sign$, $w->text$, $w->numbers$, $w->in$, $w->many$$, $w->next->p$)
	println($$parms)
	println($$parms$)
}
probe process.function("floats") { println($d, " ", $f, " ", $p->a, $p->b, $p$) }
probe process.function("indexes") {
	println($numbers[$i], $numbers[1], " ", $grid[1][$i], " ", user_string($words[1]), $words[0][2], $grid[0][1])
	println($words$, $numbers$, $grid$)
}
S
cat >"$W/want" <<'S'
{.a=1, .b=5, .c=-3, .in={...}, .pin=ADDRESS, .text=[...], .d=?, .f=?, .color=6, <union>={...}, .u={...}, .p={...}, .numbers=[...], .grid=[...], .call=0x0, .letter='x', .yes=1, .next=ADDRESS, .byte='\310', .nothing=0x0, <class>={...}, .many=[...], .wide=78187493520}
{.a=1, .b=5, .c=-3, .in={.q=3, .name="hello"}, .pin=ADDRESS, .text="buffer", .d=?, .f=?, .color=6, <union>={.x=-9, .y=-9}, .u={.i=65, .c='A', .f=?}, .p={.a=7, .b=8}, .numbers=[10, ...], .grid=[1, ...], .call=0x0, .letter='x', .yes=1, .next=ADDRESS, .byte='\310', .nothing=0x0, <class>={.deep=77}, .many=[{.q=1, .name="one"}, ...], .wide=78187493520}
"a\tname"'q'-1"buffer"[10, ...]{.q=3, .name="hello"}[{.q=1, .name="one"}, ...]{.a=0, .b=0}
w=ADDRESS name=ADDRESS color=0x5 sign=ADDRESS letter=0x71 s=0xffff l=ADDRESS
w={.a=1, .b=5, .c=-3, .in={...}, .pin=ADDRESS, .text=[...], .d=?, .f=?, .color=6, <union>={...}, .u={...}, .p={...}, .numbers=[...], .grid=[...], .call=0x0, .letter='x', .yes=1, .next=ADDRESS, .byte='\310', .nothing=0x0, <class>={...}, .many=[...], .wide=78187493520} name="a\tname" color=5 sign=-1 letter='q' s=65535 l=-5
4608308318706860032 4602678819172646912 78{.a=7, .b=8}
3020 6 beta1122
"alpha"10[1, ...]
S
t pretty-printing
launch_same "$T/variables" "$W/pretty.stp"
sed "$SED" "$W/out" >"$W/got"
cmp -s "$W/got" "$W/want" || bad "$(diff "$W/got" "$W/want" | tr '\n' '~')"
done_t

t types-of-script-variables
cat >"$W/auto.stp" <<'S'
function next_of(w) { return @cast(w, "struct whole")->next }
function second() { return $w->next }
global kept
probe process.function("plain") {
	p = $w
	println(p->a, " ", p->next->a, p->in$, &p->in - p, " ", next_of(p)->a, " ", second()->next->a)
	kept[1] = $w
	println(kept[1]->numbers[3], " ", (1 ? p : $w)->p->b)
	println(@cast($w, "struct whole")->a, " ", @cast(&$w->p, "pair")->b, " ", @cast($w->in->name, "char"))
	println(@defined($w->a), @defined($w->zz), @defined($nosuch), @defined(@cast(0, "struct none")->x), @defined(p->a), @defined(p->nn))
	if (@defined($nosuch)) println($nosuch->x); else println("none")
	println(@cast_sizeof("pair"), " ", @offsetof("struct whole", p) == &$w->p - $w, " ", @container_of(&$w->p, "struct whole", p)->a, " ",
		@type_defined("struct whole"), @type_defined("struct none"), @type_member_defined("struct whole", grid),
		@type_member_defined("struct whole", none), " ", @cast($w->many, "struct inner")[1]->q, " ",
		@cast_module_sizeof("<stdlib.h>", "div_t"), @module_offsetof("<stdlib.h>", "div_t", rem))
	println(@cast(&$w->in, "div_t", "<stdlib.h>")->quot, " ", @uregister(5) == $w, " ", @uderef(4, $w))
	println(@module_type_defined("<stdlib.h>", "div_t"), @module_type_defined("<stdlib.h>", "no_t"), @module_type_member_defined("<stdlib.h>", "div_t", rem),
		@module_type_member_defined("<stdlib.h>", "div_t", none), " ",
		@module_container_of(&@cast(&$w->in, "div_t", "<stdlib.h>")->rem, "<stdlib.h>", "div_t", rem)->quot)
}
S
printf '%s\n' '1 2{.q=3, .name="hello"}8 2 1' '40 8' '1 8 104' 100010 none '8 1 1 1010 2 84' '3 1 1' '1010 3' >"$W/want"
launch_same "$T/variables" "$W/auto.stp"
cmp -s "$W/out" "$W/want" || bad "$(diff "$W/out" "$W/want" | tr '\n' '~')"
done_t

t faults
spile -e 'probe process.function("bad") { try { println($w->in->q) } catch (m) { println(m) } println($w$, $w); println($w->next->a) }' -c "$T/variables"
is status "$RC" 1
has "$W/out" '^read fault \[man error::fault\] at 0x8$'
has "$W/out" '^ERROR0$'
has "$W/err" 'read fault \[man error::fault\] at 0x'
is "the target's own output" "$(tr '\n' '~' <"$W/target")" "66865~16.75~133~1~10~"
done_t

t writes
spile -g -e 'probe process.function("changed") { $n = 30; $w->a = 100; $w->b = 2; $w->p->a++; p = $w; println($n, " ", $w->p->a, " ", $w->a, $w->b); p->a = 1000 }' -c "$T/variables"
ok_rc
is output "$(cat "$W/out")" "30 8 1002"
is "what the target says" "$(tail -1 "$W/target")" 1033
spile -e 'probe process.function("changed") { $n = 30 }' -c "$T/variables"
is "status without -g" "$RC" 1
has "$W/err" 'write to target variable not permitted; need stap -g'
done_t

t classes
cat >"$W/classes.stp" <<'S'
probe process.function("_Z3useRN2ns7DerivedEPKS0_RibNS_4KindE") {
	println($r->x, $r->id, $r->o, $r->self->x, $p->link->big[3], " ", @cast($number, "int"), $flag, $kind)
	println($number$, $flag$, $kind$, $r->count)
	println(@var("ns::inside"), @var("Base::count"), @cast($p, "ns::Derived")->x, @cast($p, "class Derived")->x, @var("inside@variables.cc"))
	println($r$)
}
probe process.function("_ZN2ns7Derived6methodEi") { println($this->x, $k, $this->id, $inside) }
probe process.function("_ZN2ns5twice*") { println($v, " ", $v$, " ", $$vars) }
S
sort >"$W/want" <<'S'
54650 401-1
401-13
1135511
{.x=5, .kind=2, .name="cxx", .link=ADDRESS, .self=ADDRESS, .big=[...], .id=4, .o=6}
53411
4 4 v=0x4
5 5 v=0x5
S
launch_same "$T/variables-cxx" "$W/classes.stp"
sed "$SED" "$W/out" | sort >"$W/got"
cmp -s "$W/got" "$W/want" || bad "$(diff "$W/got" "$W/want" | tr '\n' '~')"
done_t

t other-modules
mkdir -p "$T/settings.d"
target settings.d/libsettings.so settings.c gcc -g -O1 -shared -fPIC && target settings settings.c gcc -g -O1 -DPROGRAM -Wl,--no-as-needed -L"$T/settings.d" -lsettings -Wl,-rpath,"$T/settings.d" || exit 1
launch_same "$T/settings" -e "probe process.function(\"turn\") {
	println(@var(\"first@settings.c\", \"libsettings.so\")->level, user_string(@var(\"first\", \"$T/settings.d/libsettings.so\")->next->name),
		@var(\"hidden\", \"libsettings.so\"), \" \", \$n, \" \", @var(\"of_thread\", \"libsettings.so\")) }
probe process.library(\"libsettings.so\").function(\"bump\") { println(\$x, \$of_thread, \$hidden, \$first\$) }"
sed "$SED" "$W/out" >"$W/got"
is output "$(tr '\n' '~' <"$W/got")" '7second13 0 21~02113{.level=7, .name="first", .next=ADDRESS}~7second14 1 21~12114{.level=7, .name="first", .next=ADDRESS}~'
done_t

t returns
target variables0 variables.c gcc -O0 -g || exit 1
cat >"$W/returns.stp" <<'S'
probe process.function("plain").return {
	p = @entry($w)
	println($return, " ", $$return, " ", p->a, " ", @entry($w->in$), " ", $color, " ", @entry($l))
}
probe process.function("floats").return { println($return, " ", @entry($p->b), @defined($return), @defined($nosuch)) }
probe process.function("main").return { println($return, $$return) }
S
printf '%s\n' '66865 return=0x10531 1 {.q=3, .name="hello"} 5 -5' '4625407923542032384 810' '0return=0x0' >"$W/want"
for one in variables variables0; do
	launch_same "$T/$one" "$W/returns.stp"
	cmp -s "$W/out" "$W/want" || bad "$one: $(diff "$W/out" "$W/want" | tr '\n' '~')"
	has "$W/err" 'confusing usage, value is captured as @entry\(\$color\) in .return probe'
done
spile -e 'probe process.function("inner_name")? {} probe process.function("bad") { println(@defined($return), $$parms) }' -c "$T/variables0"
has "$W/out" '^0w=0x0$'
# of all functions, those of the compiler included, which nothing describes
spile -w -e 'probe process.function("_*").return, process.function("floats").return { printf("%s<%s%s%s>\n", ppfunc(), $$return, $$return$, $$parms) }' -c "$T/variables0"
ok_rc
has "$W/out" '^_fini<>$'
has "$W/out" '^floats<return=0x.*>$'
done_t

t wide
cat >"$W/wide.c" <<'C'
#include <stdio.h>
struct wide { int a; unsigned __int128 bits : 20; __int128 v; long double d; };
__int128 number = ((__int128)5 << 64) | 7;
struct wide all = { 1, 77, -3, 2.5L };
__attribute__((noinline)) long f(__int128 i, long double l, struct wide *w) { __asm__ volatile("" ::: "memory"); return (long)i + (long)l + w->a; }
__attribute__((noinline)) long double returned(long double l) { __asm__ volatile("" ::: "memory"); return l + 1; }
int main(void) { printf("%ld %Lf\n", f(number, 1.5L, &all), returned(2)); return 0; }
C
cat >"$W/wide.stp" <<'S'
probe process.function("f") {
	println($$parms)
	println($w$, " ", $i$, " ", @var("number")$, " ", $w->bits, " ", @defined($i), @defined($w->v), @defined($w->bits), " ", &$w->v - $w)
	println(@cast(&@var("all"), "struct wide")$)
}
S
for level in 0 2; do
	gcc -g "-O$level" -w -o "$W/wide" "$W/wide.c" && chmod 755 "$W/wide"
	launch_same "$W/wide" "$W/wide.stp"
	is "values at -O$level" "$(sed "$SED" "$W/out" | tr '\n' '~')" "i=ADDRESS l=ADDRESS w=ADDRESS~{.a=1, .bits=77, .v=ADDRESS, .d=?} ADDRESS ADDRESS 77 001 16~{.a=1, .bits=77, .v=ADDRESS, .d=?}~"
	has "$W/out" '^i=0x00000000000000050000000000000007 l=0x3fffc000000000000000 w='
	has "$W/out" '.v=0xfffffffffffffffffffffffffffffffd, .d=.} 0x00000000000000050000000000000007 0x00000000000000050000000000000007 77'
done
wide_refused() { # EXPRESSION MESSAGE
	spile -e "probe process.function(\"f\") { println($1) }" -c "$W/wide"
	is "status of $1" "$RC" 1
	has "$W/err" "$2"
}
wide_refused '$i' 'cannot process >64-bit values'
wide_refused '$w->v' 'cannot process >64-bit values'
wide_refused '$l' 'cannot process >64-bit values'
spile -e 'probe process.function("returned").return { println($return$) }' -c "$W/wide"
has "$W/err" 'values in st\(0\) cannot be read'
done_t

t refusals
refused() {
	spile -e "probe process.function(\"plain\") { $1 }" -c "$T/variables"
	is "status of $1" "$RC" 1
	has "$W/err" "$2"
}
refused 'println($w->in)' "'struct inner' \(.*variables.c:[0-9]+\) is being accessed instead of a member such as '->q'"
spile -e 'probe process.function("plain") { println($w->in) }' -c "$T/split.d/variables"
has "$W/err" "'struct inner' .*is being accessed instead of a member such as '->q'"
refused 'println($w->nosuch)' "unable to find member 'nosuch' for struct whole \(alternatives: a, b, "
refused 'println($nosuch)' "unable to find local 'nosuch' .*alternatives: \\\$"
refused 'println($color->x)' "invalid access '->x' vs. enum color"
refused 'println($w->numbers->x)' "invalid access '->x' for array type"
refused 'println($l[0])' "invalid access '\[0\]' vs. long"
refused 'println(&$w->b)' 'cannot take the address of a bit field'
refused 'println(&$w$)' 'cannot take address of pretty-printed variable'
refused 'println(@cast(1, "struct none")->x)' "type definition 'struct none' not found in '"
refused 'println(@var("none@variables.c"))' "unable to find global 'none' in .*, in variables.c"
refused 'x = 5; println(x->a)' 'unknown type in dereference'
done_t
