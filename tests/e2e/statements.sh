# SPDX-License-Identifier: Apache-2.0
# Every instruction of a program's own code is a probe: .statement(ADDRESS), each alone and all at once, counts what
# stepping through the program counts.
. "$ROOT/tests/lib/e2e.sh"
target step step.c gcc -O2

instructions() { objdump -d --no-show-raw-insn "$1" --section=.text | sed -n 's/^ *\([0-9a-f]*\):\t.*/\1/p'; }
bounds_of() { # PROGRAM: start and end of its code
	local start size
	read -r start size < <(readelf -SW "$1" | sed -n 's/^ *\[ *[0-9]*\] \.text  *PROGBITS *\([0-9a-f]*\) [0-9a-f]* \([0-9a-f]*\) .*/\1 \2/p')
	printf '%x %x\n' $((0x$start)) $((0x$start + 0x$size))
}

script_of() { # PROGRAM ADDRESS...: one counter per address
	local program=$1 a
	shift
	for a in "$@"; do
		printf 'global c%s; probe process("%s").statement(0x%s) { c%s++ } probe end { if (c%s) println("%s ", c%s) }\n' \
			"$a" "$program" "$a" "$a" "$a" "$a" "$a"
	done
}

kind() { # NAME FLAGS...
	local name=places-$1 program list i a
	shift
	target "$name" places.c gcc "$@" -w
	program=$T/$name
	t "all-$name"
	# shellcheck disable=SC2046 # two words
	"$T/step" $(bounds_of "$program") "$program" | sort >"$W/want"
	list=$(instructions "$program")
	# shellcheck disable=SC2086 # words
	script_of "$program" $list >"$W/all.stp"
	chmod a+r "$W/all.stp"
	launch_same "$program" "$W/all.stp"
	sort "$W/out" >"$W/got"
	cmp -s "$W/want" "$W/got" || bad "counts differ: $(diff "$W/want" "$W/got" | head -6 | tr '\n' '~')"
	hasnot "$W/err" 'placed'
	done_t
	t "alone-$name"
	i=0
	for a in $list; do
		i=$((i + 1))
		[ $((i % ${STATEMENTS_EACH:-16})) = 0 ] || continue
		launch_same "$program" -e "$(script_of "$program" "$a")"
		is "count at $a" "$(cat "$W/out")" "$(grep "^$a " "$W/want")"
	done
	done_t
}

kind O2 -O2
kind Os -Os -fno-pie -no-pie
kind O0 -O0
kind O3 -O3 -fcf-protection=full -march=x86-64-v3

# Exceptions: landing pads are instructions like others.
if have g++; then
	target throws throws.cc g++ -O2
	t all-throws
	# shellcheck disable=SC2046 # two words
	"$T/step" $(bounds_of "$T/throws") "$T/throws" | sort >"$W/want"
	# shellcheck disable=SC2046 # words
	script_of "$T/throws" $(instructions "$T/throws") >"$W/all.stp"
	chmod a+r "$W/all.stp"
	launch_same "$T/throws" "$W/all.stp"
	sort "$W/out" >"$W/got"
	cmp -s "$W/want" "$W/got" || bad "counts differ: $(diff "$W/want" "$W/got" | head -6 | tr '\n' '~')"
	done_t
else
	skip_t all-throws "no g++"
fi

t inside
inside=
for a in $(instructions "$T/places-O2"); do
	[ -z "$inside" ] || [ $((0x$a)) -le $((0x$inside + 1)) ] || break
	inside=$a
done
inside=$(printf %x $((0x$inside + 1)))
launch_same "$T/places-O2" -e "probe process(\"$T/places-O2\").statement(0x${inside}) { println(1) }"
has "$W/err" 'inside an instruction|could not be placed'
done_t

# The same where no function is known: decoded from the begin of the section, or from the function before.
t inside-unknown
target places-bare places.c gcc -O2 -w -fno-asynchronous-unwind-tables
cp "$T/places-bare" "$T/places-stripped" && strip "$T/places-stripped"
chmod 755 "$T/places-stripped"
list=$(instructions "$T/places-bare")
printf 'global n, inside\n' >"$W/inside.stp"
# shellcheck disable=SC2086 # words
for a in $list; do
	printf 'probe process("%s").statement(0x%s) { n[0x%s] <<< 1 }\n' "$T/places-stripped" "$a" "$a" >>"$W/inside.stp"
	next=$(printf %x $((0x$a + 1)))
	case $list in *"$next"*) continue ;; esac
	printf 'probe process("%s").statement(0x%s) { inside++ }\n' "$T/places-stripped" "$next" >>"$W/inside.stp"
done
printf 'probe end { foreach (a+ in n) printf("%%x %%d\\n", a, @count(n[a])); println("inside ", inside) }\n' >>"$W/inside.stp"
chmod a+r "$W/inside.stp"
launch_same "$T/places-stripped" "$W/inside.stp"
# shellcheck disable=SC2046 # two words
"$T/step" $(bounds_of "$T/places-bare") "$T/places-stripped" >"$W/want"
is counts "$(grep -v inside "$W/out" | sort)" "$(sort "$W/want")"
is "hits inside" "$(grep inside "$W/out")" "inside 0"
has "$W/err" 'could not be placed: 0x[0-9a-f]* is inside an instruction'
done_t

# A prefix may have a line of its own: the next one is inside the instruction, so the function's entry is probed.
t behind-prefix
target locked locked.S gcc -g
launch_same "$T/locked" -e 'global n probe process.function("locked") { n++ } probe process.function("locked").call { n++ } probe end { println(n) }'
is hits "$(cat "$W/out")" 4
hasnot "$W/err" placed
done_t

t absolute
target count-pie count.c gcc -O2 -pthread -fPIE -pie
start "$T/count-pie" 1 0
base=$(awk -v p="$T/count-pie" '$6 == p { sub(/-.*/, "", $1); print $1; exit }' "/proc/$PID/maps")
at=$(nm "$T/count-pie" | awk '$3 == "work" { print $1 }')
attach_run -e "global n; probe process($PID).statement($((0x$base + 0x$at))).absolute { n++ } probe timer.ms(200) { exit() }
	probe end { println(n > 0) }"
ok_rc
is out "$(cat "$W/out")" 1
as_user "$SPILE" -e "probe process($PID).statement(0x10).absolute { }" -x "$PID" >"$W/out" 2>"$W/err"
has "$W/err" 'no file is mapped at 0x10'
kill -TERM "$PID"
done_t
