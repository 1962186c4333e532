# SPDX-License-Identifier: Apache-2.0
# Kinds of programs x launch and attach x threads: every call is counted, the program is as before.
. "$ROOT/tests/lib/e2e.sh"

build_kind() {
	case $1 in
	pie) target count-pie count.c gcc -O2 -pthread -fPIE -pie ;;
	nopie) target count-nopie count.c gcc -O2 -pthread -fno-pie -no-pie ;;
	static) target count-static count.c gcc -O2 -pthread -static ;;
	static-pie) target count-static-pie count.c gcc -O2 -pthread -static-pie ;;
	stripped) target count-stripped count.c gcc -O2 -pthread -rdynamic -s ;;
	clang) have clang || return 77; target count-clang count.c clang -O2 -pthread ;;
	musl) have musl-gcc || return 77; target count-musl count.c musl-gcc -O2 -pthread ;;
	musl-static) have musl-gcc || return 77; target count-musl-static count.c musl-gcc -O2 -pthread -static ;;
	go) have go || return 77
	    [ -e "$T/count-go" ] || { mkdir -p "$W/go" && cp "$ROOT/tests/e2e/targets/count.go" "$W/go/" &&
		(cd "$W/go" && HOME=$W GOFLAGS=-mod=mod GO111MODULE=off go build -o "$T/count-go" count.go) || return 1
		chmod 755 "$T/count-go"; } ;;
	esac
}

function_of() { case $1 in go) echo main.work ;; *) echo work ;; esac; }

launch() { # KIND THREADS
	local kind=$1 threads=$2 f
	f=$(function_of "$kind")
	t "launch-$kind-$threads"
	launch_same "$T/count-$kind $threads 2000" \
		-e "global c, n, s; probe process(\"$T/count-$kind\").function(\"$f\") { c <<< 1; n++; s[tid() > 0]++ }
		    probe end { printf(\"%d %d %d\n\", @count(c), n, s[1]) }"
	local want
	want=$(sed -n 's/^total=\([0-9]*\) .*/\1/p' "$W/target")
	is "counts" "$(cat "$W/out")" "$want $want $want"
	hasnot "$W/err" '[Ss]kipped|[Ll]ost|ERROR'
	done_t
}

attach() { # KIND THREADS
	local kind=$1 threads=$2 f
	f=$(function_of "$kind")
	t "attach-$kind-$threads"
	RESTLESS=
	[ "$kind" != go ] || RESTLESS=1
	start "$T/count-$kind" "$threads" 0
	attach_run -e "global n, who; probe process.function(\"$f\") { n++; who[tid()]++ }
		probe timer.ms(300) { exit() } probe end { t = 0; foreach (k in who) t++; printf(\"%d %d\n\", n > 0, t) }"
	ok_rc
	has "$W/out" '^1 [1-9]'
	[ "$kind" = go ] || between "threads seen" "$(cut -d' ' -f2 "$W/out")" 1 "$threads"
	target_unharmed
	done_t
}

for kind in pie nopie static static-pie stripped clang musl musl-static go; do
	build_kind $kind
	case $? in
	0) ;;
	77) skip_t "matrix-$kind" "its compiler is not installed"; continue ;;
	*) echo "not ok matrix-$kind cannot be built"; continue ;;
	esac
	for threads in 1 64; do
		launch $kind $threads
		attach $kind $threads
	done
done
