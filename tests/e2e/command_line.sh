# SPDX-License-Identifier: Apache-2.0
# Where scripts and options come from, and how mistakes are told.
. "$ROOT/tests/lib/e2e.sh"

# say ARGS...: spile with its output to $W/said and messages to $W/err
say() { as_user timeout -k 5 60 "$SPILE" "$@" >"$W/said" 2>"$W/err" </dev/null; RC=$?; }

t script-from-standard-input
as_user timeout 60 "$SPILE" - one two >"$W/said" 2>"$W/err" <<'S'
probe oneshot { println(@1, $#, argv[2]) }
S
is status $? 0
is output "$(cat "$W/said")" "one2two"
done_t

t script-from-a-pipe
# shellcheck disable=SC2016 # for the shell inside
as_user timeout 60 bash -c 'exec "$0" <(echo "probe oneshot { println(\"piped\") }")' "$SPILE" >"$W/said" 2>"$W/err" </dev/null
is output "$(cat "$W/said" "$W/err")" "piped"
# shellcheck disable=SC2016
as_user timeout 60 bash -c 'echo "probe oneshot { println(\"input\") }" | "$0" /dev/stdin' "$SPILE" >"$W/said" 2>"$W/err" </dev/null
is output "$(cat "$W/said" "$W/err")" "input"
done_t

# No file of ours takes the place of one that is closed, and the command finds it closed.
t closed-files
script='probe timer.ms(10) { println("text") } probe end { warn("warned") }'
as_user timeout 60 "$SPILE" -T 1 -e "$script" >"$W/said" 2>"$W/err" <&-
is "status without input" $? 0
is output "$(sort -u "$W/said" "$W/err" | tr '\n' ' ')" "WARNING: warned text "
as_user timeout 60 "$SPILE" -T 1 -e "$script" 2>"$W/err" >&- </dev/null
is "status without output" $? 1
has "$W/err" '^ERROR: cannot write the output: Bad file descriptor'
as_user timeout 60 "$SPILE" -T 1 -e "$script" >"$W/said" 2>&- </dev/null
is "status without messages" $? 0
is output "$(sort -u "$W/said")" text
as_user timeout 60 "$SPILE" -T 1 -e "$script" <&- >&- 2>&-
is "status without any" $? 1
: >"$W/said"; chmod 666 "$W/said"
as_user timeout 60 "$SPILE" -o "$W/out" -e 'probe process.begin { println("begun") }' -c "sh -c 'ls /proc/\$\$/fd | grep -c ^[02]\$ >$W/said'" <&- >&- 2>&-
is "the command's files" "$(cat "$W/said")" 0
done_t

t script-that-runs-itself
printf '#!%s -w\nprobe oneshot { println("itself ", @1, x + 0) }\n' "$SPILE" >"$W/self.stp"
chmod 755 "$W/self.stp"
as_user timeout 60 "$W/self.stp" word >"$W/said" 2>"$W/err" </dev/null
is output "$(cat "$W/said")" "itself word0"
is messages "$(cat "$W/err")" ""
done_t

t several-scripts
say -e 'global g = 1 probe begin { g++ }' -E 'global g probe begin(1) { println(g) }' -E 'probe begin(2) { exit() }'
is output "$(cat "$W/said")" 2
done_t

t library-of-the-user
mkdir -p "$W/lib/x86_64"
echo 'function mine:string() { return "plain" }' >"$W/lib/mine.stp"
echo 'function own:long() { return @five }' >"$W/lib/x86_64/own.stp"
echo '@define five %( 5 %)' >"$W/lib/five.stpm"
say -I "$W/lib" -e 'probe oneshot { println(mine(), own(), @five) }'
is output "$(cat "$W/said")" plain55
echo 'function broken( { }' >"$W/lib/broken.stp"
say -I "$W/lib" -e 'probe oneshot { println(mine()) }'
is status $RC 1
has "$W/err" 'broken.stp:1:18'
done_t

t options-of-every-day
mkdir -p "$W/dir"
printf '# a comment\n-G n=7 -DMAXACTION=5\n-E "probe end { println(\\"rc\\") }"\n$(echo never)\n' >"$W/dir/rc"
as_user env SYSTEMTAP_DIR="$W/dir" timeout 60 "$SPILE" -e 'global n = 1 probe oneshot { println(n) }' >"$W/said" 2>"$W/err" </dev/null
is output "$(sort "$W/said" | tr '\n' ' ')" "7 rc "
has "$W/err" 'WARNING: .*/rc:4: '
done_t

t compatible
say --compatible 99 -e 'probe oneshot { }'
is status $RC 1
has "$W/err" 'future version 99'
say --compatible 2.9 -e 'probe oneshot { private = 1 println(private, %( systemtap_v == "2.9" %? "old" %: "new" %)) }'
is output "$(cat "$W/said")" 1old
done_t

t warnings
say -e 'probe oneshot { println(x + 1) }'
is status $RC 0
has "$W/err" '^WARNING: never-assigned'
say -w -e 'probe oneshot { println(x + 1) }'
is messages "$(cat "$W/err")" ""
say -W -e 'probe oneshot { println(x + 1) }'
is status $RC 1
has "$W/err" 'never-assigned.*\[warn-never-assigned\]'
done_t

t colour
escape=$(printf '\033')
say --color=always -e 'probe oneshot { println("a" + 1) }'
has "$W/err" "$escape"
say -e 'probe oneshot { println("a" + 1) }'
hasnot "$W/err" "$escape"
if have script; then
	for setting in TERM=xterm TERM=dumb 'TERM=xterm NO_COLOR=1'; do
		# shellcheck disable=SC2086 # words
		as_user env $setting script -qec "'$SPILE' -e 'probe oneshot { println(\"a\" + 1) }'" /dev/null >"$W/said" 2>&1 </dev/null
		if [ "$setting" = TERM=xterm ]; then has "$W/said" "$escape\[1;31m"; else hasnot "$W/said" "$escape\[1;31m"; fi
	done
fi
done_t

t umask-of-the-user
# shellcheck disable=SC2016 # for the shell inside
as_user bash -c 'umask 777; exec "$0" "$@"' "$SPILE" -e 'probe procfs("a/b").read { $value = "1" } probe oneshot { println("good") }' \
	>"$W/said" 2>"$W/err" </dev/null
is status $? 0
is output "$(cat "$W/said")" good
is messages "$(cat "$W/err")" ""
done_t

t values-of-globals
for value in 7 -3 0x10 18446744073709551615; do say -G n=$value -e 'global n = 1 probe oneshot { println(n == '$value') }'; is "$value" "$(cat "$W/said")" 1; done
for value in abc 5x 99999999999999999999 ''; do
	say -G "n=$value" -e 'global n = 1 probe oneshot { println(n) }'
	is "status of '$value'" $RC 1
	has "$W/err" "^ERROR: -G n=$value: the global is a number"
done
say -G n=1 -e 'global n probe oneshot { n <<< 5; println(@count(n)) }'
has "$W/err" "^WARNING: Ignoring unknown module option 'n'"
done_t

t variables-that-are-not-there
target variables variables.c gcc -O2 -g || exit 1
say --skip-badvars -w -e 'probe process("'"$T/variables"'").function("plain") { println($nothing, $w->none, " ", $w->b, " ", @cast(0, "struct whole")->a, @cast(8, "struct whole")->b) exit() }' -c "$T/variables"
is status $RC 0
has "$W/said" '^00 5 00$'
say --skip-badvars -e 'probe process("'"$T/variables"'").function("plain") { println($nothing) }' -c "$T/variables"
has "$W/err" '^WARNING: Bad .context variable being substituted with literal 0'
done_t

t limits-of-time
say -g --suppress-time-limits -e 'probe oneshot { for (i = 0; i < 100000; i++) x++; println(x) }'
is output "$(cat "$W/said")" 100000
say --suppress-time-limits -e 'probe oneshot { println(1) }'
is status $RC 1
has "$W/err" 'without -g'
done_t

t options-without-a-meaning-here
echo 'probe oneshot { println("said") }' >"$W/said.stp"
say -P -R /tmp --check-version --poison-cache --disable-cache --rlimit-cpu=3 --tmpdir=/tmp --use-server --modinfo=a=b "$W/said.stp"
is status $RC 0
is output "$(cat "$W/said")" said
done_t

t the-shells-own-number
spile -e 'probe process.end { printf("%d\n", pid() == target()) }' -c 'exit $(($$ > 0 ? 3 : 4))'
is told "$(cat "$W/out")" 1
spile -e 'probe process.end { printf("%d\n", pid() == target()) }' -c 'kill -USR1 $$'
has "$W/err" 'signal 10'
done_t

# many COUNT TEXT: TEXT so often
many() { awk -v n="$1" -v text="$2" 'BEGIN { for (; n > 0; n--) printf "%s", text }'; }

t deep-scripts
{ echo 'probe oneshot { x = 1'; echo "println(0$(many 10000 ' + x'), \" \", $(many 1000 '(')x$(many 1000 ')'))"; many 5000 'if (x) '; echo 'println("in") }'; } >"$W/deep.stp"
say -DMAXACTION=100000 "$W/deep.stp"
is output "$(tr '\n' ' ' <"$W/said")" "10000 1 in "
echo "probe oneshot { println($(many 100000 '(')1$(many 100000 ')')) }" >"$W/deep.stp"
say "$W/deep.stp"
is status $RC 1
has "$W/err" 'nested too deeply'
echo "probe oneshot { println($(many 990 '(')1$(many 990 ')')) }" >"$W/deep.stp"
for limit in 128 256 512; do
	# shellcheck disable=SC2016 # for the shell inside
	as_user bash -c 'ulimit -s $0; exec "$@"' $limit "$SPILE" "$W/deep.stp" >"$W/said" 2>&1 </dev/null
	between "status with a stack of $limit KB" $? 0 1
done
spile -e 'probe begin { println(1) }' -c 'bash -c "ulimit -s"'
is "the target's limit" "$(cat "$W/target")" "$(ulimit -s)"
done_t
