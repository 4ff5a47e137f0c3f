#include "cmd/doctor_machine.h"

#include <errno.h>
#include <fcntl.h>
#include <nixferry/version.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/free_space.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/subprocess.h"
#include "cmd/human.h"
#include "pool/pool.h"
#include "store/daemon_conn.h"
#include "store/local_store.h"

#define NIX_VERSION_MAX KIB
/* 2026-01-01: no clock that is right is earlier. */
#define CLOCK_MIN	1767225600
#define SPACE_MIN	(2 * GIB)
#define INODES_MIN	10000
#define OPEN_FILES_MIN	1024
#define USER_NAMESPACES "/proc/sys/user/max_user_namespaces"

/* ---- versions ---- */

static void find_nix(struct doctor_findings *f)
{
	static const char *const command[] = { "nix", "--version", NULL };
	AUTO_BUF struct buf out = { 0 };
	struct nf_err why;
	int rc;

	buf_init(&out, NIX_VERSION_MAX);
	rc = subprocess_run(command, &out, &why);
	if (rc == -NF_E_MISSING)
		doctor_findings_note(
			f, "nix",
			"without it, installables are store paths, links and derivations: name no flakes",
			"there is no nix in PATH");
	else if (rc)
		doctor_findings_note(f, "nix", "run 'nix --version'", "%s", why.text);
	else
		doctor_findings_ok(f, "nix", "%.*s", (int)strcspn(out.ptr, "\n"),
				   out.ptr);
}

void doctor_machine_versions(struct doctor_findings *f)
{
	struct utsname u;

	doctor_findings_ok(f, "version", "nixferry %s", NF_VERSION);
	if (uname(&u) == 0)
		doctor_findings_ok(f, "system", "%s %s, %s", u.sysname, u.release,
				   u.machine);
	find_nix(f);
}

/* ---- the clock ---- */

void doctor_machine_clock(struct doctor_findings *f)
{
	time_t now = time(NULL);
	struct timex t = { 0 };
	char text[32];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
	if (now < CLOCK_MIN)
		doctor_findings_problem(
			f, "clock", NF_E_USAGE,
			"set the clock, or start a time service: certificates of caches count as not yet valid",
			"%s is in the past", text);
	else if (adjtimex(&t) >= 0 && t.status & STA_UNSYNC)
		doctor_findings_note(
			f, "clock",
			"if it is wrong, certificates and the last days of bundles are misjudged: timedatectl set-ntp true",
			"%s; no time service keeps it right", text);
	else
		doctor_findings_ok(f, "clock", "%s", text);
}

/* ---- the disk ---- */

/* PATH, or the directory in which it would be created (free()). */
static char *existing_part(const char *path)
{
	AUTO_FREE char *at = mem_strdup(path);
	struct stat st;

	while (stat(at, &st) < 0) {
		char *slash = strrchr(at, '/');

		if (!slash)
			return mem_strdup(".");
		if (slash == at)
			return mem_strdup("/");
		*slash = '\0';
	}
	return TAKE_PTR(at);
}

static void check_space(struct doctor_findings *f, const char *dir)
{
	struct free_space space;
	char size[HUMAN_MAX];
	struct nf_err why;

	if (free_space_of_path(&space, dir, &why))
		doctor_findings_problem(f, "disk", NF_E_SYS, NULL, "%s", why.text);
	else if (space.bytes < SPACE_MIN || space.inodes < INODES_MIN)
		doctor_findings_problem(
			f, "disk", NF_E_NOSPACE,
			"'nixferry pool gc' frees space; --pool DIR uses another disk",
			"only %s and %llu inodes are free in '%s'",
			human_size(size, space.bytes), (unsigned long long)space.inodes,
			dir);
	else
		doctor_findings_ok(f, "disk", "%s free in '%s'",
				   human_size(size, space.bytes), dir);
}

void doctor_machine_pool(struct doctor_findings *f, const char *dir)
{
	AUTO_FREE char *there = existing_part(dir);
	AUTO(pool_freep) struct pool *pool = NULL;
	struct nf_err why;
	int rc = pool_open_read(&pool, dir, &why);

	if (rc)
		doctor_findings_problem(f, "pool", rc, NULL, "%s", why.text);
	else if (faccessat(AT_FDCWD, there, W_OK | X_OK, AT_EACCESS) < 0)
		doctor_findings_problem(
			f, "pool", NF_E_SYS,
			"make it writable for this user, or give --pool DIR",
			"'%s': cannot write to '%s': %s", dir, there, strerror(errno));
	else
		doctor_findings_ok(f, "pool", "'%s'", dir);
	check_space(f, there);
}

/* ---- the store ---- */

static void check_daemon(struct doctor_findings *f)
{
	const char *path = daemon_socket_path();

	if (geteuid() == 0)
		return;
	if (access(path, R_OK | W_OK) == 0)
		doctor_findings_ok(f, "daemon", "'%s'", path);
	else
		doctor_findings_note(
			f, "daemon",
			"only root can import into the running system then: systemctl start nix-daemon.socket",
			"nix-daemon cannot be reached at '%s': %s", path,
			strerror(errno));
}

void doctor_machine_store(struct doctor_findings *f)
{
	AUTO(local_store_freep) struct local_store *store = NULL;
	struct nf_err why;
	int rc = local_store_open(&store, "/", &why);

	if (rc == -NF_E_MISSING) {
		doctor_findings_ok(f, "store",
				   "this machine has no Nix store of its own");
		return;
	}
	if (rc)
		doctor_findings_note(f, "store",
				     "paths of this machine are fetched from caches, too",
				     "the live store cannot be used: %s", why.text);
	else
		doctor_findings_ok(f, "store", "the live store can be read");
	check_daemon(f);
}

/* ---- the kernel ---- */

void doctor_machine_limits(struct doctor_findings *f)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < OPEN_FILES_MIN)
		doctor_findings_note(
			f, "limits", "raise it: ulimit -Hn 65536",
			"at most %llu files can be open: fewer connections are used",
			(unsigned long long)limit.rlim_max);
}

static bool has_user_namespaces(void)
{
	AUTO_FD int fd = open(USER_NAMESPACES, O_RDONLY | O_CLOEXEC);
	char digit = '0';

	/* The number has no leading zeros. */
	return fd >= 0 && read(fd, &digit, 1) == 1 && digit != '0';
}

void doctor_machine_namespaces(struct doctor_findings *f)
{
	if (has_user_namespaces())
		doctor_findings_ok(f, "kernel", "user namespaces");
	else
		doctor_findings_note(
			f, "kernel",
			"Nix needs them to build in a sandbox without root: sysctl user.max_user_namespaces=10000",
			"user namespaces are switched off");
}

void doctor_machine_sandbox(struct doctor_findings *f, const struct sandbox_state *state)
{
	if (state->files && state->calls)
		doctor_findings_ok(f, "sandbox",
				   "Landlock restricts files, and seccomp system calls");
	else
		doctor_findings_note(
			f, "sandbox",
			"use Linux 5.19 or later, with 'landlock' among the boot option lsm=, and a container that permits both",
			"this kernel does not restrict %s: a parser that is taken over can do more",
			state->files   ? "system calls (seccomp)"
			: state->calls ? "files (Landlock)"
				       : "files (Landlock) or system calls (seccomp)");
}
