#include "base/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

/* A terminal and a wrapper such as timeout(1) may both pass on one Ctrl-C, and a service
 * manager sends SIGTERM and SIGHUP together. */
#define SAME_MS 500

static atomic_bool pending;
static _Thread_local const struct nf_watch *asked; /* NULL if there is none */
static _Atomic int64_t first_ms; /* time of the first signal; 0 before it */

static _Atomic(void (*)(void)) last_act;

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void on_signal(int sig)
{
	int saved = errno;
	int64_t now = now_ms(), first = 0;
	bool is_first = atomic_compare_exchange_strong(&first_ms, &first, now);
	void (*act)(void) = atomic_load(&last_act);

	atomic_store(&pending, true);
	/* The raised signal is blocked until the handler returns; then it ends the
	 * process. */
	if (!is_first && now - first >= SAME_MS) {
		if (act)
			act();
		signal(sig, SIG_DFL);
		raise(sig);
	}
	errno = saved;
}

void interrupt_install(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction action = { .sa_handler = on_signal };
	struct sigaction old;

	/* Without SA_RESTART, so that blocking calls return EINTR. */
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		/* A signal that the parent ignored (nohup) stays ignored. */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		sigaction(signals[i], &action, NULL);
	}
}

bool interrupt_pending(void)
{
	return atomic_load_explicit(&pending, memory_order_relaxed) ||
	       (asked && asked->is_cancelled(asked->ctx));
}

void interrupt_set_watch(const struct nf_watch *watch)
{
	asked = watch;
}

const struct nf_watch *interrupt_watch(void)
{
	return asked;
}

int interrupt_check(struct nf_err *err)
{
	return interrupt_pending() ? err_set(err, NF_E_INTR, "interrupted") : 0;
}

void interrupt_set_last_act(void (*act)(void))
{
	atomic_store(&last_act, act);
}

void interrupt_set(bool value)
{
	atomic_store(&pending, value);
}
