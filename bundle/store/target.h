/* A target store below a root directory: its directories, held open. */
#ifndef TARGET_H
#define TARGET_H

#include <nixferry/err.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/free_space.h"

/* Directory fds, all O_NOFOLLOW|O_CLOEXEC, owned. */
struct target {
	char *root;	  /* as the user wrote it, without slashes at the end */
	const char *name; /* the same for messages; that of the live system is "/" */
	char *state_dir;  /* ROOT/nix/var/nix */
	uid_t owner;	  /* of ROOT, who may also own what is below it */
	int root_fd;
	int store_fd; /* ROOT/nix/store */
	int state_fd; /* ROOT/nix/var/nix */
};

#define TARGET_INIT                                                                      \
	{                                                                                \
		.root_fd = -1, .store_fd = -1, .state_fd = -1                            \
	}

/* Opens ROOT's store and creates what is missing of /nix/store (root:nixbld 01775 as root
 * if that group exists, else 0755) and /nix/var/nix/{db,gcroots,profiles,temproots}. No
 * component below ROOT may be a symbolic link or writable by others (base/owner.h). */
int target_open(struct target *t, const char *root, struct nf_err *err) MUST_CHECK;
/* Fills in the names only; opens and creates nothing. */
void target_init(struct target *t, const char *root);
void target_close(struct target *t);

/* Opens (the caller closes *ret) or creates Nix's directory of links to the files in the
 * store. */
int target_open_links(const struct target *t, int *ret, struct nf_err *err) MUST_CHECK;

/* Opens or creates the directory of remembered series (store/series.h). */
int target_open_series(const struct target *t, int *ret, struct nf_err *err) MUST_CHECK;

/* Free space of the store's file system. */
int target_free_space(const struct target *t, struct free_space *ret,
		      struct nf_err *err) MUST_CHECK;

/* syncfs of the store's file system. */
int target_sync(const struct target *t, struct nf_err *err) MUST_CHECK;

#endif
