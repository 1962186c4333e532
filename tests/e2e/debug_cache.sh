# SPDX-License-Identifier: Apache-2.0
# What is kept of files, the index of debug information and tables for stacks: whatever is found there, or cannot be written, the
# answer is the same.
. "$ROOT/tests/lib/e2e.sh"
{
	echo '#include <stdio.h>'
	for i in $(seq 1500); do
		printf 'struct s%d { int a%d, *b%d; struct s%d *next; };\n' "$i" "$i" "$i" "$i"
		printf '__attribute__((noinline)) int f%d(struct s%d *p, int k) { volatile char room[%d]; int t = k * %d; room[k] = 1; return p ? p->a%d + t : t; }\n' \
			"$i" "$i" $((i % 9 * 16 + 200)) "$i" "$i"
	done
	for i in $(seq 300); do # of which nobody says how to unwind from them
		echo "asm(\".text; .type g$i,@function; g$i: push %rbx; sub \$16,%rsp; add \$16,%rsp; pop %rbx; ret; .size g$i,.-g$i\");"
	done
	printf '%s\n' 'int main(void) { printf("%d\n", f7(0, 6)); return 0; }'
} >"$W/many.c"
gcc -g -O1 -w -o "$T/many" "$W/many.c" || exit 1
P=$T/many
ID=$(readelf -nW "$P" | sed -n 's/.*Build ID: //p')
export XDG_CACHE_HOME=$W/cache
mkdir -m 777 "$XDG_CACHE_HOME"
INDEX=$XDG_CACHE_HOME/spile/$ID.index
ask() { as_user env "XDG_CACHE_HOME=$XDG_CACHE_HOME" "$SPILE" -l "process(\"$P\").function(\"f1*\")" >"$W/got" 2>"$W/err"; }
same() { # WHAT
	ask
	is "status, $1" $? 0
	cmp -s "$W/want" "$W/got" || bad "$1: $(diff "$W/want" "$W/got" | head -3 | tr '\n' '~')"
	[ ! -s "$W/err" ] || bad "$1: $(head -3 "$W/err")"
}
whole() { cmp -s "$INDEX" "$W/good" || bad "$1: the file was not made anew"; }

t kept
ask
cp "$W/got" "$W/want"
is "functions" "$(wc -l <"$W/want" | tr -d ' ')" 612
[ -s "$INDEX" ] || bad "no file $INDEX"
cp "$INDEX" "$W/good"
before=$(stat -c %Y.%i "$INDEX")
same again
is "the same file" "$(stat -c %Y.%i "$INDEX")" "$before"
done_t

t damaged
size=$(stat -c %s "$W/good")
for n in 0 1 100 200 $((size / 2)) $((size - 1)); do
	as_user sh -c "head -c $n '$W/good' >'$INDEX'"
	same "cut at $n"
	whole "cut at $n"
done
for at in 3 8 12 40 85 93 130 $((size / 3)) $((size - 5)); do
	as_user sh -c "cp '$W/good' '$INDEX'; printf '\377\376' | dd of='$INDEX' bs=1 seek=$at conv=notrunc 2>/dev/null"
	same "changed at $at"
	whole "changed at $at"
done
as_user sh -c "cat '$W/good' '$W/good' >'$INDEX'"
same "twice as long"
whole "twice as long"
done_t

t other-kinds-of-file
as_user rm "$INDEX"
as_user mkdir "$INDEX"
same "a folder"
as_user rmdir "$INDEX"
as_user mkfifo "$INDEX"
same "a pipe"
as_user rm -f "$INDEX"
as_user ln -s /nowhere/at/all "$INDEX"
same "a link to nothing"
as_user rm -f "$INDEX"
same "none"
whole "none"
done_t

t out-of-date
touch "$P"
same "an older index"
! cmp -s "$INDEX" "$W/good" || bad "the index of the older file was kept"
done_t

t many-at-once
as_user rm -rf "$XDG_CACHE_HOME/spile"
for i in $(seq 8); do
	as_user env "XDG_CACHE_HOME=$XDG_CACHE_HOME" "$SPILE" -l "process(\"$P\").function(\"f1*\")" >"$W/got.$i" 2>&1 &
done
wait
for i in $(seq 8); do cmp -s "$W/want" "$W/got.$i" || bad "number $i: $(diff "$W/want" "$W/got.$i" | head -3)"; done
is "files" "$(ls "$XDG_CACHE_HOME/spile")" "$ID.index"
same "afterwards"
done_t

# What a tool was writing when it was killed goes like what has not been used for long.
t half-written
as_user truncate -s 2G "$XDG_CACHE_HOME/spile/new-killed"
as_user touch -d '2 days ago' "$XDG_CACHE_HOME/spile/new-killed"
as_user rm -f "$INDEX"
same "beside it"
is "files" "$(ls "$XDG_CACHE_HOME/spile")" "$ID.index"
done_t

t nowhere-to-keep-it
as_user rm -rf "$XDG_CACHE_HOME/spile"
chmod 555 "$XDG_CACHE_HOME"
same "read-only"
chmod 777 "$XDG_CACHE_HOME"
XDG_CACHE_HOME=$W/no/such/place same "missing"
XDG_CACHE_HOME=$W/want same "a file"
XDG_CACHE_HOME=relative same "a relative path"
for home in "HOME=" "HOME=/nonexistent" "HOME=/proc"; do
	as_user env -u XDG_CACHE_HOME "$home" "$SPILE" -l "process(\"$P\").function(\"f1*\")" >"$W/got" 2>"$W/err"
	cmp -s "$W/want" "$W/got" || bad "$home: $(head -3 "$W/err")"
	[ ! -s "$W/err" ] || bad "$home: $(head -3 "$W/err")"
done
[ ! -e relative ] || bad "a folder in the current one"
done_t

# Tables for stacks: from files that are there and right, else as they were the first time.
KINDS="unwind symbols lines guesses"
walk() { # WHAT
	as_user env "XDG_CACHE_HOME=$XDG_CACHE_HOME" "$SPILE" -e "probe process(\"$P\").function(\"f7\") { print_ubacktrace_fileline(); println(usymfileline(uaddr())); print_ubacktrace() }" -c "$P" >"$W/got" 2>"$W/err"
	is "status, $1" $? 0
	sed -i 's/0x[0-9a-f]*/0x/g' "$W/got"
	cmp -s "$W/walked" "$W/got" || bad "$1: $(diff "$W/walked" "$W/got" | head -3 | tr '\n' '~')"
	[ ! -s "$W/err" ] || bad "$1: $(head -3 "$W/err")"
}
# kept_again KIND WHAT: the table of that kind was made anew
kept_again() { cmp -s "$XDG_CACHE_HOME/spile/$ID.$1" "$W/good.$1" || bad "$2: the $1 were not made anew"; }
t tables-kept
as_user rm -rf "$XDG_CACHE_HOME/spile"
walk "the first time" 2>/dev/null
BAD=
cp "$W/got" "$W/walked"
is "lines" "$(sed -E 's/^ 0x : //' "$W/got" | tr '\n' ' ')" "42 f7+0x/0x at $W/many.c:15 [$P] main+0x/0x at $W/many.c:3302 [$P] $W/many.c:15 f7+0x/0x [$P] main+0x/0x [$P] "
for k in $KINDS; do
	[ -s "$XDG_CACHE_HOME/spile/$ID.$k" ] || bad "no $k"
	cp "$XDG_CACHE_HOME/spile/$ID.$k" "$W/good.$k"
done
before=$(stat -c %n.%Y.%i "$XDG_CACHE_HOME/spile/$ID".*)
walk again
is "the same files" "$(stat -c %n.%Y.%i "$XDG_CACHE_HOME/spile/$ID".*)" "$before"
done_t

t tables-damaged
for k in $KINDS; do
	file=$XDG_CACHE_HOME/spile/$ID.$k size=$(stat -c %s "$W/good.$k")
	for n in 0 127 200 $((size - 1)); do
		as_user sh -c "head -c $n '$W/good.$k' >'$file'"
		walk "$k cut at $n"
		kept_again "$k" "cut at $n"
	done
	for at in 3 9 13 17 25 33 41 57 65 130 150 $((size / 2)) $((size - 9)); do
		as_user sh -c "cp '$W/good.$k' '$file'; printf '\377\376' | dd of='$file' bs=1 seek=$at conv=notrunc 2>/dev/null"
		walk "$k changed at $at"
		kept_again "$k" "changed at $at"
	done
	as_user sh -c "cat '$W/good.$k' '$W/good.$k' >'$file'"
	walk "$k twice as long"
	kept_again "$k" "twice as long"
	as_user rm -f "$file"
	as_user mkdir "$file"
	walk "a folder for $k"
	as_user rmdir "$file"
	as_user mkfifo "$file"
	walk "a pipe for $k"
	as_user rm -f "$file"
done
as_user cp "$W/good.symbols" "$XDG_CACHE_HOME/spile/$ID.unwind"
walk "one for another"
kept_again unwind "one for another"
as_user touch "$P" 2>/dev/null || touch "$P"
walk "of an older file"
for k in $KINDS; do
	! cmp -s "$XDG_CACHE_HOME/spile/$ID.$k" "$W/good.$k" || bad "the $k of the older file were kept"
done
as_user rm -rf "$XDG_CACHE_HOME/spile"
chmod 555 "$XDG_CACHE_HOME"
walk "read-only"
chmod 777 "$XDG_CACHE_HOME"
done_t

# A full disk: what was written of the index must not be taken for one.
t full-disk
if [ "$(id -u)" = 0 ] && unshare -m true 2>/dev/null; then
	mkdir -p "$W/small"
	unshare -m bash -c "mount -t tmpfs -o size=64k,mode=777 none '$W/small' && for i in 1 2; do XDG_CACHE_HOME='$W/small' '$SPILE' -l 'process(\"$P\").function(\"f1*\")' || exit 1; done; ls '$W/small/spile'" >"$W/got" 2>"$W/err"
	is status $? 0
	is "lines and files left" "$(wc -l <"$W/got" | tr -d ' ')" 1224
	[ ! -s "$W/err" ] || bad "$(head -3 "$W/err")"
	done_t
else
	skip_t full-disk "needs root and unshare"
fi
