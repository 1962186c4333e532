# SPDX-License-Identifier: Apache-2.0
# A PostgreSQL back end under load, attached by marker with a semaphore.
. "$ROOT/tests/lib/e2e.sh"
PG=/usr/lib/postgresql/15/bin
[ -x $PG/postgres ] || { skip_t postgres "postgresql-15 is not installed"; exit 0; }
D=$W/db
mkdir -p "$D"
chmod 777 "$D"
as_user $PG/initdb -D "$D/data" -A trust -U nobody >"$W/initdb" 2>&1 || { skip_t postgres "initdb failed: $(tail -1 "$W/initdb")"; exit 0; }
as_user $PG/pg_ctl -D "$D/data" -o "-k $D -c listen_addresses=''" -l "$D/log" -w start >/dev/null 2>&1 || { skip_t postgres "the server does not start"; exit 0; }
as_user $PG/pgbench -h "$D" -U nobody -i -q postgres >/dev/null 2>&1
as_user $PG/pgbench -h "$D" -U nobody -T 20 -c 1 -S postgres >"$W/bench" 2>&1 &
BENCH=$!
sleep 1.5
BACKEND=$(as_user psql -h "$D" -U nobody -At -c "select pid from pg_stat_activity where application_name='pgbench' limit 1" postgres)
t postgres-query-start
PID=$BACKEND
attach_run -e 'global q; probe process("/usr/lib/postgresql/15/bin/postgres").mark("query__start") { q[substr(user_string($arg1), 0, 44)] <<< 1 }
	probe timer.ms(700) { exit() } probe end { foreach (s in q- limit 3) printf("%d %s\n", @count(q[s]), s) }'
ok_rc
has "$W/out" '^[0-9]+ SELECT abalance FROM pgbench_accounts'
done_t
kill $BENCH 2>/dev/null
wait $BENCH 2>/dev/null
as_user $PG/pg_ctl -D "$D/data" -m immediate stop >/dev/null 2>&1
