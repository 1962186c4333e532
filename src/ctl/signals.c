/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals to the tool.
 *
 * The first two of INT, TERM, HUP and what else would kill begin an orderly end, the third
 * ends the tool at once, as QUIT does; what is in targets then stays there, but does nothing
 * any more.  All of them wait while a stop window is open: a process that is
 * left in the middle of a remote call would die.  So do the terminal's stops: the process would stand still with us.
 */
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ctl/procfs.h"
#include "ctl/session.h"

#define ENOUGH 3
#define SLICE 100000 /* ns, the least there is */
#define RESET_ON_FORK 1 /* SCHED_FLAG_RESET_ON_FORK */

static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM, SIGXCPU };
/* The calls say that they failed. */
static const int unwanted[] = { SIGPIPE, SIGXFSZ };
static const int stopping[] = { SIGTSTP, SIGTTIN, SIGTTOU };
static const int all[] = { SIGINT,  SIGTERM, SIGHUP,  SIGUSR1, SIGUSR2, SIGALRM,
			   SIGXCPU, SIGQUIT, SIGCHLD, SIGIO,   SIGPIPE, SIGXFSZ };

static struct abi_region *region; /* for the handlers */
static volatile sig_atomic_t count, rotate;
static volatile sig_atomic_t from_terminal;
static struct sigaction before_all[base_count(all)];

static void wake(void)
{
	if (region)
		__atomic_add_fetch(&region->event, 1, __ATOMIC_SEQ_CST);
}

static _Noreturn void end_at_once(void)
{
	if (region)
		__atomic_store_n(&region->state, ABI_STATE_EXITING, __ATOMIC_SEQ_CST);
	ctl_input_restore();
	_exit(1);
}

static void on_ending(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	from_terminal = info->si_code > 0;
	if (++count >= ENOUGH)
		end_at_once();
	wake();
}

static void on_quit(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	end_at_once();
}

static void on_news(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	wake();
}

static void on_rotate(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	rotate = 1;
	wake();
}

bool ctl_signals_rotate(void)
{
	bool wanted = rotate;

	rotate = 0;
	return wanted;
}

static sigset_t window_set(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < base_count(ending); i++)
		sigaddset(&set, ending[i]);
	for (size_t i = 0; i < base_count(stopping); i++)
		sigaddset(&set, stopping[i]);
	sigaddset(&set, SIGQUIT);
	return set;
}

void ctl_signals_block(sigset_t *before)
{
	sigset_t set = window_set();

	sigprocmask(SIG_BLOCK, &set, before);
}

/* A child, a file or the input wants to be looked at. */
static bool is_news(int sig)
{
	return sig == SIGCHLD || sig == SIGIO;
}

static bool is_unwanted(int sig)
{
	for (size_t i = 0; i < base_count(unwanted); i++)
		if (unwanted[i] == sig)
			return true;
	return false;
}

/* A signal that whoever started us has ignored stays ignored. */
static void take(size_t i, void (*handler)(int, siginfo_t *, void *))
{
	struct sigaction a = { .sa_flags = SA_SIGINFO };

	a.sa_sigaction = handler;
	sigaction(all[i], NULL, &before_all[i]);
	if (is_unwanted(all[i]))
		signal(all[i], SIG_IGN);
	else if (is_news(all[i]) || before_all[i].sa_handler != SIG_IGN)
		sigaction(all[i], &a, NULL);
}

void ctl_signals_take(void)
{
	count = from_terminal = 0;
	for (size_t i = 0; i < base_count(all); i++)
		take(i, is_news(all[i])	    ? on_news
			: all[i] == SIGUSR2 ? on_rotate
			: all[i] == SIGQUIT ? on_quit
					    : on_ending);
}

void ctl_signals_begin(struct abi_region *r)
{
	sigset_t set = window_set();

	region = r;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void ctl_signals_give_back(const sigset_t *before)
{
	for (size_t i = 0; i < base_count(all); i++)
		sigaction(all[i], &before_all[i], NULL);
	region = NULL;
	sigprocmask(SIG_SETMASK, before, NULL);
}

int ctl_signals_count(void)
{
	return count;
}

bool ctl_signals_from_terminal(void)
{
	return from_terminal;
}

/*
 * A short slice lets the tool run soon after it wakes, also where all processors are
 * busy: it sleeps for each stop of a thread, and the window is as long as these sleeps.
 * 0: as usual. Children are scheduled as ever.
 */
static void set_slice(uint64_t ns)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = { .size = sizeof a };

	if (syscall(SYS_sched_getattr, 0, &a, sizeof a, 0) || a.policy != SCHED_OTHER)
		return;
	a.runtime = ns;
	a.flags = RESET_ON_FORK; /* cannot be taken back */
	syscall(SYS_sched_setattr, 0, &a, 0);
}

void ctl_window_open(void)
{
	sigset_t set = window_set();

	sigaddset(&set, SIGCHLD); /* one comes with each stop */
	sigprocmask(SIG_BLOCK, &set, NULL);
	set_slice(SLICE);
}

void ctl_window_close(void)
{
	sigset_t set = window_set();

	sigaddset(&set, SIGCHLD);
	set_slice(0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}
