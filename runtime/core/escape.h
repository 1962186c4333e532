/* SPDX-License-Identifier: Apache-2.0 */
/* Text with what is not printable written as C escapes. */
#ifndef SPILE_RUNTIME_ESCAPE_H
#define SPILE_RUNTIME_ESCAPE_H

#include <stdbool.h>
#include <stdint.h>

/* The letter of c's two-character escape (n for a newline), or 0. */
char rt_escape_letter(unsigned char c);
/* \ooo */
void rt_escape_octal(unsigned char c, char to[4]);
/*
 * Escapes n bytes; UTF-8 sequences become \uXXXX or \UXXXXXXXX. At most `most` bytes go to `to`, no
 * NUL is added; returns how many. quoted: in double quotes, with "..." behind them when something
 * was left out; `most` must then be 5 or more. more: there is more text than the n bytes.
 */
uint32_t rt_escape_text(const char *p, uint32_t n, bool quoted, bool more, char *to, uint32_t most);

#endif
