# SPDX-License-Identifier: Apache-2.0
# Sourced: $SPILE, a copy of the tool that every user can run, and as_user.
# Needs ROOT, BUILD and WORK.
mkdir -p "$WORK/tool/bin" "$WORK/tmp"
chmod 1777 "$WORK/tmp"
[ -e "$WORK/tool/bin/spile" ] || {
	cp "$BUILD/spile" "$WORK/tool/bin/" 2>/dev/null
	cp -r "$ROOT/tapset" "$WORK/tool/"
	chmod -R a+rX "$WORK/tool"
}
SPILE=$WORK/tool/bin/spile
export SPILE

# The words that make a command run as an ordinary user; a background `"${RUN_AS[@]}" program &` has the program's number in $!.
if [ "$(id -u)" = 0 ]; then
	RUN_AS=(setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all
		env "HOME=$WORK/tmp" "TMPDIR=$WORK/tmp")
else
	RUN_AS=(env)
fi
as_user() { "${RUN_AS[@]}" "$@"; }
