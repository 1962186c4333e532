# SPDX-License-Identifier: Apache-2.0
"""Where spile and SystemTap 4.8 differ and are meant to: each row is a reason of tests/script/DIFFERENCES.md.

A row: what SystemTap says, what spile says (patterns of the whole judgement), a pattern of the script, the reason.
"""
import re

ROWS = [
    # SystemTap, spile, script, reason
]


def reason(script, asked, own):
    for a, o, s, why in ROWS:
        if re.search(a, asked) and re.search(o, own) and re.search(s, script):
            return why
    return None
