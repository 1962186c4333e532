# SPDX-License-Identifier: Apache-2.0
# For gdb: stacks at the first `hits` hits of each of some addresses, one JSON object a line. QUESTION is a file:
# {"answer", "addresses", "hits"}; addresses as they are without randomization.
import json
import os

import gdb

Q = json.load(open(os.environ["QUESTION"]))
MOST = 128
for setting in ("pagination off", "confirm off", "width 0", "debuginfod enabled off", "exec-wrapper env -i " + os.environ["SEEDS"], "print thread-events off",
                "backtrace limit 400", "follow-fork-mode parent"):
    gdb.execute("set " + setting)
for signal in ("SIGUSR1", "SIGALRM", "SIGSEGV", "SIGCHLD", "SIGPROF", "SIGURG"):
    gdb.execute("handle %s nostop noprint pass" % signal, to_string=True)


def code():
    """Executable mappings: first address, the one behind, offset in the file, path."""
    for line in open("/proc/%d/maps" % gdb.selected_inferior().pid):
        words = line.split()
        if "x" in words[1]:
            start, end = words[0].split("-")
            yield int(start, 16), int(end, 16), int(words[2], 16), words[5] if len(words) > 5 else ""


def stack():
    """
    Program counters, without frames that gdb makes up for inlined functions and tail calls, and up to the first that
    cannot be one: above the loader's and a thread's first function gdb goes on with whatever is on the stack.
    """
    found, names = [], []
    ranges = list(code())
    frame = gdb.newest_frame()
    stopped = "most"
    while frame is not None and len(found) < MOST:
        pc = frame.pc()
        if not any(start <= pc < end for start, end, _, _ in ranges):
            stopped = "no code"
            break
        if frame.type() in (gdb.NORMAL_FRAME, gdb.SIGTRAMP_FRAME):
            found.append(pc)
            names.append(frame.name())
        try:
            stopped = gdb.frame_stop_reason_string(frame.unwind_stop_reason())
            frame = frame.older()
        except gdb.error as e:
            stopped = str(e)
            break
    # In which file it ended, and where in that.
    at = [(path, found[-1] - start + offset) for start, end, offset, path in ranges if start <= found[-1] < end]
    return {"stack": found, "names": names, "stopped": stopped, "file": at[0][0], "offset": at[0][1]}


gdb.execute("starti", to_string=True)
waiting = set(Q["addresses"])
left = {at: Q["hits"] for at in waiting}
breakpoints = {}


def set_breakpoints():
    """At those whose file is mapped by now."""
    for at in sorted(waiting):
        try:
            gdb.selected_inferior().read_memory(at, 1)
        except gdb.MemoryError:
            continue
        breakpoints[at] = gdb.Breakpoint("*%d" % at)
        waiting.discard(at)


set_breakpoints()
# The loader calls it when its list is whole: only then a probe can be in a library.
try:
    gdb.Breakpoint("_dl_debug_state")
except gdb.error:
    pass
with open(Q["answer"], "w") as answer:
    while left:
        try:
            gdb.execute("continue", to_string=True)
            frame = gdb.newest_frame()
        except gdb.error:
            break
        pc = frame.pc()
        if waiting and frame.name() == "_dl_debug_state":
            set_breakpoints()
        if pc in left:
            left[pc] -= 1
            if not left[pc]:
                del left[pc]
                breakpoints[pc].delete()
            answer.write(json.dumps({"pc": pc, **stack()}) + "\n")
            answer.flush()
try:
    gdb.execute("kill")
except gdb.error:
    pass
