/* SPDX-License-Identifier: Apache-2.0 */
/* format: instructions as text, AT&T syntax, for listings. */
#include "x86/x86.h"

#include <string.h>

#include "x86/zydis.h"

static const ZydisFormatter *formatter(void)
{
	static const struct {
		ZydisFormatterProperty property;
		ZyanUPointer value;
	} settings[] = {
		{ ZYDIS_FORMATTER_PROP_FORCE_RELATIVE_RIPREL, true },
		{ ZYDIS_FORMATTER_PROP_HEX_UPPERCASE, false },
		{ ZYDIS_FORMATTER_PROP_ADDR_PADDING_ABSOLUTE, ZYDIS_PADDING_DISABLED },
		{ ZYDIS_FORMATTER_PROP_DISP_PADDING, ZYDIS_PADDING_DISABLED },
		{ ZYDIS_FORMATTER_PROP_IMM_PADDING, ZYDIS_PADDING_DISABLED },
	};
	static ZydisFormatter f;
	static bool ready;

	if (!ready) {
		ZydisFormatterInit(&f, ZYDIS_FORMATTER_STYLE_ATT);
		for (size_t i = 0; i < base_count(settings); i++)
			ZydisFormatterSetProperty(&f, settings[i].property, settings[i].value);
		ready = true;
	}
	return &f;
}

/* ", " to ",": the assembler's own style. */
static void close_up(char *text)
{
	char *to = text;

	for (const char *from = text; *from; from++)
		if (*from != ' ' || from == text || from[-1] != ',')
			*to++ = *from;
	*to = '\0';
}

void x86_format(const struct x86_ins *ins, char *text, size_t size)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction z;
	char line[128], target[32] = "", *operand;
	bool indirect = ins->class == X86_JUMP_INDIRECT || ins->class == X86_CALL_INDIRECT;

	if (ZYAN_FAILED(ZydisDecoderDecodeFull(x86_decoder(false), ins->bytes, ins->length, &z,
					       operands)) ||
	    ZYAN_FAILED(ZydisFormatterFormatInstruction(formatter(), &z, operands,
							z.operand_count_visible, line, sizeof line,
							ins->address, NULL))) {
		snprintf(text, size, "(bad)");
		return;
	}
	close_up(line);
	operand = indirect ? strrchr(line, ' ') : NULL;
	if (operand)
		*operand++ = '\0';
	if (ins->rip_relative)
		snprintf(target, sizeof target, " # 0x%llx", (unsigned long long)ins->rip_target);
	snprintf(text, size, "%s%s%s%s", line, operand ? " *" : "", operand ? operand : "", target);
}
