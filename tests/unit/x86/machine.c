/* SPDX-License-Identifier: Apache-2.0 */
/* machine: runs pieces of code with all registers given and all registers taken. */
#include "machine.h"

#include <cpuid.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <ucontext.h>

extern uint32_t machine_components;
void machine_enter(void);

#define HWCAP2_FSGSBASE_BIT 2u
#define X87 1u
#define SSE 2u
/* Bits of XCR0 that ordinary instructions change: x87, SSE, AVX, AVX-512; no keys, no tiles. */
#define WANTED_COMPONENTS 0xe7u
/* Of the XSAVE area (Intel SDM volume 1, "XSAVE-managed state"). */
#define LEGACY_FCW 0
#define LEGACY_POINTERS 6 /* opcode, instruction and data pointers */
#define LEGACY_MXCSR 24
#define LEGACY_ST 32
#define LEGACY_XMM 160
#define LEGACY_END 416
#define HEADER 512
#define EXTENDED 576

static struct {
	uint32_t offset, size;
} components[32];
static uint32_t vector_size;
static struct machine_stop stopped;
static volatile bool running;

/* Runs on the code's fs base and with its registers: no library calls here. */
static void on_signal(int number, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	if (!running) { /* our own fault: again, with the default action */
		signal(number, SIG_DFL);
		return;
	}
	running = false;
	stopped.signal = number;
	stopped.pc = (uint64_t)u->uc_mcontext.gregs[REG_RIP];
	stopped.address = number == SIGSEGV || number == SIGBUS ? (uint64_t)info->si_addr : 0;
	u->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)machine_leave;
}

static void catch_signals(void)
{
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP };
	static uint8_t stack[65536];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
	struct sigaction action = { .sa_sigaction = on_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };

	sigaltstack(&alternate, NULL);
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		sigaction(signals[i], &action, NULL);
}

void machine_init(void)
{
	uint32_t low, high, a, b, c, d;

	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	machine_components = low & WANTED_COMPONENTS;
	machine_has_fsbase = (getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE_BIT) != 0;
	vector_size = EXTENDED;
	for (uint32_t i = 2; i < 32; i++) {
		if (!(machine_components >> i & 1))
			continue;
		__cpuid_count(0xd, i, a, b, c, d);
		components[i].size = a;
		components[i].offset = b;
		if (a + b > vector_size)
			vector_size = a + b;
	}
	catch_signals();
}

uint64_t machine_random(uint64_t *seed)
{
	uint64_t x = *seed;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*seed = x;
	return x * 0x2545f4914f6cdd1dull;
}

void machine_randomize_vector(uint64_t *seed, bool small)
{
	static const uint16_t control = 0x37f;
	static const uint32_t mxcsr = 0x1f80;
	uint64_t active = machine_components, number;

	for (uint32_t i = 0; i < vector_size; i += 8) {
		number = machine_random(seed);
		number = small ? number & 0xff : number;
		memcpy(machine_vector_in + i, &number, 8);
	}
	memset(machine_vector_in, 0, LEGACY_ST);
	memset(machine_vector_in + HEADER, 0, EXTENDED - HEADER);
	memcpy(machine_vector_in + LEGACY_FCW, &control, sizeof control);
	machine_vector_in[4] = (uint8_t)machine_random(seed); /* which st registers are full */
	memcpy(machine_vector_in + LEGACY_MXCSR, &mxcsr, sizeof mxcsr);
	memcpy(machine_vector_in + HEADER, &active, sizeof active);
}

void machine_execute(struct machine_stop *stop)
{
	memset(machine_vector_out, 0, vector_size);
	stopped = (struct machine_stop){ 0 };
	running = true;
	machine_enter();
	running = false;
	*stop = stopped;
}

void machine_normalize_vector(uint8_t *vector)
{
	static const uint16_t control = 0x37f;
	uint64_t active;

	memcpy(&active, vector + HEADER, sizeof active);
	/* A component in its initial state may be left out. */
	if (!(active & X87)) {
		memset(vector, 0, LEGACY_MXCSR);
		memset(vector + LEGACY_ST, 0, LEGACY_XMM - LEGACY_ST);
		memcpy(vector + LEGACY_FCW, &control, sizeof control);
	}
	if (!(active & SSE))
		memset(vector + LEGACY_XMM, 0, LEGACY_END - LEGACY_XMM);
	for (int i = 2; i < 32; i++)
		if (!(active >> i & 1) && components[i].size)
			memset(vector + components[i].offset, 0, components[i].size);
	memset(vector + LEGACY_POINTERS, 0, LEGACY_MXCSR - LEGACY_POINTERS);
	memset(vector + LEGACY_END, 0, EXTENDED - LEGACY_END);
}
