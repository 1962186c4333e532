/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arch: what the runtime's portable part needs of the machine: clock, pause,
 * system calls, loads and stores that may fault.  One folder per architecture
 * implements it.
 */
#ifndef SPILE_RUNTIME_ARCH_H
#define SPILE_RUNTIME_ARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/abi.h"

/* System call numbers used by the runtime (Linux x86-64). */
#define RT_SYS_READ 0
#define RT_SYS_CLOSE 3
#define RT_SYS_MMAP 9
#define RT_SYS_RT_SIGACTION 13
#define RT_SYS_RT_SIGPROCMASK 14
#define RT_SYS_IOCTL 16
#define RT_SYS_ACCESS 21
#define RT_SYS_SCHED_YIELD 24
#define RT_SYS_GETPID 39
#define RT_SYS_READLINK 89
#define RT_SYS_GETRUSAGE 98
#define RT_SYS_GETUID 102
#define RT_SYS_GETGID 104
#define RT_SYS_GETEUID 107
#define RT_SYS_GETEGID 108
#define RT_SYS_GETPPID 110
#define RT_SYS_GETPGID 121
#define RT_SYS_GETSID 124
#define RT_SYS_SIGALTSTACK 131
#define RT_SYS_PRCTL 157
#define RT_SYS_GETTID 186
#define RT_SYS_GETXATTR 191
#define RT_SYS_FUTEX 202
#define RT_SYS_GETDENTS64 217
#define RT_SYS_CLOCK_GETTIME 228
#define RT_SYS_OPENAT 257
#define RT_SYS_NEWFSTATAT 262
#define RT_SYS_FACCESSAT 269
#define RT_SYS_RT_TGSIGQUEUEINFO 297
#define RT_SYS_PERF_EVENT_OPEN 298
#define RT_SYS_PRLIMIT64 302
#define RT_SYS_GETCPU 309
#define RT_SYS_PROCESS_VM_READV 310

static inline uint64_t rt_tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void rt_pause(void)
{
	__asm__ volatile("pause");
}

/* The raw system call: result or -errno; errno itself is not touched. */
static inline long rt_syscall(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/*
 * Eight or fewer bytes of the program's memory; false on a fault. The image's
 * fault table (section rt_fault: pairs of 32-bit self-relative offsets, faulting
 * instruction and fix-up) makes the signal handler resume at the fix-up. The hosted
 * twin asks the kernel instead, which needs no handler.
 */
#ifdef RT_HOSTED
bool rt_host_peek(uint64_t address, void *to, uint64_t size);
bool rt_host_poke(uint64_t address, const void *from, uint64_t size);
#define RT_PEEK(bits)                                                                              \
	static inline bool rt_peek##bits(uint64_t address, uint64_t *out)                          \
	{                                                                                          \
		uint##bits##_t value;                                                              \
		if (!rt_host_peek(address, &value, sizeof value))                                  \
			return false;                                                              \
		*out = value;                                                                      \
		return true;                                                                       \
	}
#define RT_POKE(bits)                                                                              \
	static inline bool rt_poke##bits(uint64_t address, uint64_t value)                         \
	{                                                                                          \
		uint##bits##_t narrow = (uint##bits##_t)value;                                     \
		return rt_host_poke(address, &narrow, sizeof narrow);                              \
	}
#else
#define RT_FAULT_ENTRY ".pushsection rt_fault,\"a\"\n\t.long 1b - .\n\t.long %l[fault] - .\n\t.popsection"
#define RT_PEEK(bits)                                                                              \
	static inline bool rt_peek##bits(uint64_t address, uint64_t *out)                          \
	{                                                                                          \
		uint##bits##_t value;                                                              \
		__asm__ goto("1: mov %1, %0\n\t" RT_FAULT_ENTRY                                    \
			     : "=r"(value)                                                         \
			     : "m"(*(const volatile uint##bits##_t *)address)                      \
			     :                                                                     \
			     : fault);                                                             \
		*out = value;                                                                      \
		return true;                                                                       \
	fault:                                                                                     \
		return false;                                                                      \
	}
#define RT_POKE(bits)                                                                              \
	static inline bool rt_poke##bits(uint64_t address, uint64_t value)                         \
	{                                                                                          \
		__asm__ goto("1: mov %0, (%1)\n\t" RT_FAULT_ENTRY                                  \
			     :                                                                     \
			     : "r"((uint##bits##_t)value), "r"(address)                            \
			     : "memory"                                                            \
			     : fault);                                                             \
		return true;                                                                       \
	fault:                                                                                     \
		return false;                                                                      \
	}
#endif

/*
 * The processor's counter of this number, by rdpmc (Intel SDM volume 2, AMD APM volume 3); its width is the kernel's
 * to know. False where it faults: the thread has come to a processor of another kind, or somebody has just forbidden it.
 */
#ifdef RT_HOSTED
bool rt_pmc(uint32_t number, uint64_t *out);
extern bool (*rt_host_processor)(uint32_t number, uint64_t *out); /* what it does, in tests */
#else
static inline bool rt_pmc(uint32_t number, uint64_t *out)
{
	uint32_t low, high;

	__asm__ goto("1: rdpmc\n\t" RT_FAULT_ENTRY : "=a"(low), "=d"(high) : "c"(number) : : fault);
	*out = (uint64_t)high << 32 | low;
	return true;
fault:
	return false;
}
#endif

RT_PEEK(8)
RT_PEEK(16)
RT_PEEK(32)
RT_PEEK(64)
RT_POKE(8)
RT_POKE(16)
RT_POKE(32)
RT_POKE(64)

/* The process that this copy of the image was put into; NULL when hosted. */
struct abi_process *rt_process(void);

#endif
