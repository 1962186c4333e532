/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program with markers written out note by note, so that each operand form
 * is known, and with functions of every kind of symbol.
 */
#define NOTE(provider, name, semaphore, operands)                                \
	__asm__ volatile("990: nop\n"                                            \
			 ".pushsection .note.stapsdt,\"\",\"note\"\n"            \
			 ".balign 4\n.4byte 992f-991f, 994f-993f, 3\n"           \
			 "991: .asciz \"stapsdt\"\n992: .balign 4\n"             \
			 "993: .8byte 990b, _.stapsdt.base, " semaphore "\n"     \
			 ".asciz \"" provider "\"\n.asciz \"" name "\"\n"        \
			 ".asciz \"" operands "\"\n994: .balign 4\n.popsection\n" \
			 ".ifndef _.stapsdt.base\n"                              \
			 ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
			 ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n"        \
			 "_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n"   \
			 ".popsection\n.endif\n")

unsigned short fixture_semaphore __attribute__((section(".probes")));
long fixture_data[4] = { 1, 2, 3, 4 };
static volatile int local_data = 7;

void fixture_marks(void);
int fixture_function(int x);
int fixture_alias(int x) __attribute__((alias("fixture_function")));
int fixture_weak(int x);

__attribute__((noinline)) void fixture_marks(void)
{
	NOTE("fixture", "none", "0", "");
	NOTE("fixture", "guarded__mark", "fixture_semaphore", "-4@%eax 8@fixture_data(%rip)");
	NOTE("other", "none", "0", "-8@8+fixture_data(%rip) 1@$5 4@-20(%rbp)");
	NOTE("other", "strange", "0", "8@%xmm0 8@no_such_symbol(%rip) 2@%ah");
}

__attribute__((noinline)) int fixture_function(int x)
{
	return x + local_data;
}

__attribute__((weak, noinline)) int fixture_weak(int x)
{
	return x * 3;
}

static __attribute__((noinline)) int fixture_local(int x)
{
	return x * local_data;
}

/* No size and no unwind entry: only the next symbol ends it. */
__asm__(".text\n.globl fixture_sizeless\n.type fixture_sizeless, "
	"@function\nfixture_sizeless:\nnop\nnop\nret\n"
	".globl fixture_behind\n.type fixture_behind, @function\nfixture_behind:\nret\n.size "
	"fixture_behind, 1\n");

int main(int argc, char **argv)
{
	(void)argv;
	fixture_marks();
	return fixture_function(argc) + fixture_local(argc) + fixture_weak(argc) == -1;
}
