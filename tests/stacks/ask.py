# SPDX-License-Identifier: Apache-2.0
# For gdb: the stack at the first hit of each of some addresses, one JSON object a line. QUESTION is a file:
# {"answer", "addresses"}; addresses as they are without randomization.
import json
import os

import gdb

Q = json.load(open(os.environ["QUESTION"]))
MOST = 128
for setting in ("pagination off", "confirm off", "width 0", "debuginfod enabled off", "exec-wrapper env -i", "print thread-events off",
                "backtrace limit 400", "follow-fork-mode parent"):
    gdb.execute("set " + setting)
for signal in ("SIGUSR1", "SIGALRM", "SIGSEGV", "SIGCHLD", "SIGPROF", "SIGURG"):
    gdb.execute("handle %s nostop noprint pass" % signal, to_string=True)


def code():
    """Ranges of executable memory."""
    for line in open("/proc/%d/maps" % gdb.selected_inferior().pid):
        words = line.split()
        if "x" in words[1]:
            start, end = words[0].split("-")
            yield int(start, 16), int(end, 16)


def stack():
    """
    Program counters, without frames that gdb makes up for inlined functions and tail calls, and up to the first that
    cannot be one: above the loader's and a thread's first function gdb goes on with whatever is on the stack.
    """
    found, beyond = [], 0
    ranges = list(code())
    frame = gdb.newest_frame()
    while frame is not None and len(found) < MOST:
        if not any(start <= frame.pc() < end for start, end in ranges):
            break
        if frame.type() in (gdb.NORMAL_FRAME, gdb.SIGTRAMP_FRAME):
            found.append(frame.pc())
            if frame.name() == "__libc_start_call_main":
                beyond = frame.pc()
        try:
            frame = frame.older()
        except gdb.error:
            break
    return found, beyond


gdb.execute("starti", to_string=True)
wanted = set(Q["addresses"])
waiting = set(wanted)


def set_breakpoints():
    """At those whose file is mapped by now."""
    for at in sorted(waiting):
        try:
            gdb.selected_inferior().read_memory(at, 1)
        except gdb.MemoryError:
            continue
        gdb.Breakpoint("*%d" % at, temporary=True)
        waiting.discard(at)


set_breakpoints()
# The loader calls it when its list is whole: only then a probe can be in a library.
try:
    gdb.Breakpoint("_dl_debug_state")
except gdb.error:
    pass
with open(Q["answer"], "w") as answer:
    while wanted:
        try:
            gdb.execute("continue", to_string=True)
            frame = gdb.newest_frame()
        except gdb.error:
            break
        pc = frame.pc()
        if waiting and frame.name() == "_dl_debug_state":
            set_breakpoints()
        if pc in wanted:
            wanted.discard(pc)
            found, beyond = stack()
            answer.write(json.dumps({"pc": pc, "stack": found, "beyond": beyond, "name": frame.name()}) + "\n")
            answer.flush()
try:
    gdb.execute("kill")
except gdb.error:
    pass
