/* A netrc file: names and passwords for hosts, read as the newest libcurl reads it.
 *
 *   # a comment, on a line of its own or where a keyword could stand
 *   machine HOST login NAME password PASSWORD
 *   machine HOST password "white space, \" and \n \r \t are escaped"
 *   macdef NAME             ignored, up to the next empty line
 *   default login NAME password PASSWORD    for all other hosts */
#ifndef NETRC_H
#define NETRC_H

#include <nixferry/slice.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "base/err.h"

struct netrc_entry {
	char *host;	/* NULL for any host */
	char *login;	/* or NULL */
	char *password; /* or NULL */
};

struct netrc {
	struct netrc_entry *entries;
	size_t count, cap;
};

#define NETRC_INIT                                                                       \
	{                                                                                \
		.entries = NULL                                                          \
	}

/* Adds the entries of TEXT. NF_E_FORMAT ("line 3: ...", which never quotes TEXT) if it is
 * not a netrc file; the entries before that line are added. */
int netrc_parse(struct netrc *n, struct nf_slice text, struct nf_err *err) MUST_CHECK;
void netrc_release(struct netrc *n);

/* Adds the entries of a file, which must be a regular one or /dev/null, because opening a
 * FIFO may block forever. NF_E_MISSING if it does not exist; *ret_is_public is true if
 * every user can read it. */
int netrc_read(struct netrc *n, const char *path, bool *ret_is_public,
	       struct nf_err *err) MUST_CHECK;

/* The entry for HOST: the first with a password, else the first, else the default. NULL
 * if there is none. */
const struct netrc_entry *netrc_find(const struct netrc *n, const char *host);

#endif
