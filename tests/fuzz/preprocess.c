/* SPDX-License-Identifier: Apache-2.0 */
/* Lexer, macros and conditions: the tokens of a text to its end, as a script and as a library of macros. */
#include "fuzz.h"
#include "lang/preprocess.h"

static void read_tokens(struct fuzz_script *s)
{
	struct preprocessor pp;
	struct token t;
	uint32_t end = (uint32_t)s->source->length;

	lang_preprocessor_init(&pp, &s->options, s->source, lang_macros_create(s->arena), false);
	do {
		lang_next(&pp, &t);
		if (t.span.source != s->source->id || t.span.offset > end)
			fuzz_found("token beyond the text: %u of %u", t.span.offset, end);
		lang_token_text(&s->options, &t);
		if (t.kind == TOKEN_JUNK)
			lang_report_junk(&s->options, &t);
		else if (t.kind == TOKEN_STRING)
			lang_unescape(s->arena, t.text, t.length, &(uint32_t){ 0 });
	} while (t.kind != TOKEN_END);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_script s;

	fuzz_script_open(&s, data, size);
	read_tokens(&s);
	lang_parse_macros(&s.options, s.source, lang_macros_create(s.arena));
	fuzz_script_close(&s);
	return 0;
}
