/* SPDX-License-Identifier: Apache-2.0 */
/* mark_loop: steps past a mark behind a semaphore until SIGTERM; then tells the semaphore. */
#define _SDT_HAS_SEMAPHORES 1
#include <signal.h>
#include <stdio.h>
#include <sys/sdt.h>
#include <unistd.h>

__extension__ unsigned short demo_step_semaphore
	__attribute__((unused, section(".probes"), visibility("hidden")));

static volatile sig_atomic_t over;

static void on_term(int sig)
{
	(void)sig;
	over = 1;
}

int main(void)
{
	signal(SIGTERM, on_term);
	puts("ready");
	fflush(stdout);
	for (int i = 0; !over; i++) {
		if (__builtin_expect(*(volatile unsigned short *)&demo_step_semaphore, 0))
			STAP_PROBE1(demo, step, i);
		usleep(1000);
	}
	printf("semaphore=%d\n", demo_step_semaphore);
	return 0;
}
