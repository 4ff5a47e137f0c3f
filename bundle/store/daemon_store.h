/* nix-daemon's store: queries, and adding paths. */
#ifndef DAEMON_STORE_H
#define DAEMON_STORE_H

#include <nixferry/pathinfo.h>

#include "store/daemon_conn.h"

/* How a store is named that is reached through nix-daemon. */
#define DAEMON_STORE_NAME "daemon"

/* Keeps the garbage collector from the paths, valid or not, as long as the connection is
 * open. */
int daemon_store_add_temp_roots(struct daemon_conn *c, const struct nf_slice *bases,
				size_t count, struct nf_err *err) MUST_CHECK;

/* Sets RET[i] to whether BASES[i] is valid. */
int daemon_store_query_valid(struct daemon_conn *c, const struct nf_slice *bases,
			     size_t count, bool *ret, struct nf_err *err) MUST_CHECK;

/* The daemon's information about a path: NF_E_MISSING if it is not valid. Always
 * initialises INFO. */
int daemon_store_find(struct daemon_conn *c, const struct nf_storepath *path,
		      struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;

/* The same with a temporary root, in one round trip: what is valid stays valid. */
int daemon_store_find_kept(struct daemon_conn *c, const struct nf_storepath *path,
			   struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;
/* The same for COUNT paths, at most DAEMON_STORE_BATCH, in one round trip; all of them
 * must be valid. */
#define DAEMON_STORE_BATCH 64
int daemon_store_find_many(struct daemon_conn *c, const struct nf_storepath *const *paths,
			   size_t count, struct nf_pathinfo *infos,
			   struct nf_err *err) MUST_CHECK;

/* Streams NAR (borrowed), which must verify its bytes by itself, to the daemon, which
 * verifies it again and makes the path valid. What it refers to must be valid. NF_E_TRUST
 * names the keys that signed the path, none of which the daemon trusts. */
int daemon_store_add(struct daemon_conn *c, const struct nf_pathinfo *info,
		     struct nf_source *nar, struct nf_err *err) MUST_CHECK;

/* Adds to a valid path those of INFO's signatures that it lacks; *ret_any says whether
 * there were any. */
int daemon_store_add_sigs(struct daemon_conn *c, const struct nf_pathinfo *info,
			  const struct nf_pathinfo *have, bool *ret_any,
			  struct nf_err *err) MUST_CHECK;

/* Makes the symbolic link LINK, an absolute path, a GC root of the path that it points
 * to. */
int daemon_store_add_root(struct daemon_conn *c, const char *link,
			  struct nf_err *err) MUST_CHECK;

#endif
