# SPDX-License-Identifier: Apache-2.0
# What the tool tells of itself without running anything.
. "$ROOT/tests/lib/e2e.sh"

t dump-probe-types
spile --dump-probe-types
ok_rc
for form in 'begin' 'timer.ms(number)' 'process.mark(string)' 'process(string).library(string).function(string)'; do
	grep -qxF "$form" "$W/target" || bad "no form $form"
done
is "forms written twice" "$(sort "$W/target" | uniq -d | head -3)" ""
done_t

t dump-functions
spile --dump-functions
ok_rc
has "$W/target" '^user_string'
has "$W/target" '^tid:long \(\)$'
done_t

t version
spile --version
ok_rc
has "$W/target" '^spile [0-9]+\.[0-9]+\.[0-9]+ '
done_t
