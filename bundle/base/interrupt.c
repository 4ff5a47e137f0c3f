#include "base/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>

static atomic_bool pending;

static void on_signal(int sig)
{
	int saved = errno;

	/* The raised signal is blocked until the handler returns, then it ends us. */
	if (atomic_exchange(&pending, true)) {
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

	/* Without SA_RESTART: calls that block return EINTR. */
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		/* What the parent had ignored (nohup) stays so. */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_IGN)
			continue;
		sigaction(signals[i], &action, NULL);
	}
}

bool interrupt_pending(void)
{
	return atomic_load_explicit(&pending, memory_order_relaxed);
}

int interrupt_check(struct nf_err *err)
{
	return interrupt_pending() ? err_set(err, NF_E_INTR, "interrupted") : 0;
}

void interrupt_set(bool value)
{
	atomic_store(&pending, value);
}
