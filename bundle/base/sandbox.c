#include "base/sandbox.h"

#include <errno.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "base/mem.h"
#include "base/sandbox_calls.h"
#include "base/sandbox_checkers.h"
#include "base/sandbox_files.h"

struct sandbox {
	int rules_fd; /* -1: the kernel has none */
	enum sandbox_sockets sockets;
	bool owners;
	int rc; /* of the first grant for which the system failed */
	struct nf_err err;
};

static const char *const always[] = {
	"/sys/devices/system/cpu/online", /* for the number of workers */
	"/proc/self/status",		  /* for the umask */
	"/dev/urandom",			  /* SQLite's */
};

struct sandbox *sandbox_new(void)
{
	struct sandbox *s = mem_calloc(1, sizeof(*s));

	s->rules_fd = sandbox_files_new();
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		sandbox_grant(s, always[i], SANDBOX_READ);
#if SANDBOX_HAS_CHECKER
	sandbox_grant(s, "/proc", SANDBOX_READ);
#endif
#ifdef SANDBOX_COVERAGE_DIR
	sandbox_grant(s, SANDBOX_COVERAGE_DIR, SANDBOX_WRITE);
#endif
	return s;
}

void sandbox_free(struct sandbox *s)
{
	if (!s)
		return;
	cleanup_fd(&s->rules_fd);
	free(s);
}

void sandbox_grant(struct sandbox *s, const char *path, enum sandbox_use use)
{
	if (s->rules_fd >= 0 && !s->rc && !sandbox_files_grant(s->rules_fd, path, use))
		s->rc = err_sys(&s->err, "cannot open '%s'", path);
}

void sandbox_grant_network(struct sandbox *s)
{
	s->sockets = SANDBOX_NETWORK;
}

void sandbox_grant_local_services(struct sandbox *s)
{
	if (s->sockets == SANDBOX_NO_SOCKETS)
		s->sockets = SANDBOX_LOCAL;
}

void sandbox_grant_owners(struct sandbox *s)
{
	s->owners = true;
}

/* Drops the capabilities of this thread, and of programs that it might start. */
static int drop_capabilities(bool owners, struct nf_err *err)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };
	uint32_t keep = 0;

	if (owners)
		keep = 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER;
	/* Ends at the first number without a capability, or at once without CAP_SETPCAP.
	 */
	for (int cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
		;
	if (syscall(SYS_capget, &head, data))
		return err_sys(err, "cannot read the capabilities of this process");
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= i ? 0 : keep;
		data[i].effective &= data[i].permitted;
		data[i].inheritable = 0;
	}
	if (syscall(SYS_capset, &head, data))
		return err_sys(err, "cannot drop the capabilities of this process");
	return 0;
}

int sandbox_enter(const struct sandbox *s, struct sandbox_state *ret, struct nf_err *err)
{
	int rc = s->rc;

	if (rc && err)
		*err = s->err;
	if (!rc)
		rc = drop_capabilities(s->owners, err);
	if (rc)
		return rc;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return err_sys(err, "cannot set no_new_privs");
	ret->files = s->rules_fd >= 0 && sandbox_files_enter(s->rules_fd);
	ret->calls = sandbox_calls_enter(s->sockets);
	return 0;
}
