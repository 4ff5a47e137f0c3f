/* What a process gives up, for good, before it parses what others made: files that it was
 * not granted (Landlock), system calls that it never makes (seccomp), and capabilities.
 * It holds for the calling thread and the threads that it starts from then on: enter it
 * before the first worker. What is open stays usable. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/err.h"

struct sandbox;

enum sandbox_use {
	SANDBOX_LIST,	 /* open directories, and see what is in them */
	SANDBOX_READ,	 /* read files too */
	SANDBOX_REPLACE, /* create, write, rename and remove files too */
	SANDBOX_WRITE,	 /* all that unpacking a tree needs */
};

/* Nothing is granted yet. */
struct sandbox *sandbox_new(void);
void sandbox_free(struct sandbox *s);
DEFINE_CLEANUP(struct sandbox *, sandbox_free)

/* Grants USE of PATH and of all below it, as it is now: what takes its place later is
 * another object. What does not exist, or cannot be looked up, is passed over.
 * Where the system fails, sandbox_enter reports it. */
void sandbox_grant(struct sandbox *s, const char *path, enum sandbox_use use);
/* Grants connections to other hosts, and what looking up their names needs. */
void sandbox_grant_network(struct sandbox *s);
/* Grants connections to services of this machine. */
void sandbox_grant_local_services(struct sandbox *s);
/* Grants root what writing into directories of other users needs: CAP_CHOWN,
 * CAP_DAC_OVERRIDE and CAP_FOWNER. */
void sandbox_grant_owners(struct sandbox *s);

/* What the kernel does not offer is not in force, and that is no failure. */
struct sandbox_state {
	bool files; /* restricted */
	bool calls;
};

int sandbox_enter(const struct sandbox *s, struct sandbox_state *ret,
		  struct nf_err *err) MUST_CHECK;

#endif
