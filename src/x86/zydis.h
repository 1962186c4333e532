/* SPDX-License-Identifier: Apache-2.0 */
/* zydis: the decoder behind this folder; nothing outside x86/ sees its types. */
#ifndef SPILE_X86_ZYDIS_H
#define SPILE_X86_ZYDIS_H

#include <Zydis/Zydis.h>

/* The one decoder, 64-bit mode. Minimal: lengths, prefixes and mnemonics, no operands. */
const ZydisDecoder *x86_decoder(bool minimal);

#endif
