/* A target store that takes verified paths in, wherever they come from. Each is unpacked
 * beside the store's paths; batches that are closed under references are moved to their
 * places, made durable and registered. Killed at any moment, the store is valid, and what
 * is not registered is not there. */
#ifndef INTAKE_H
#define INTAKE_H

#include <nixferry/import.h>
#include <nixferry/pathinfo.h>
#include <nixferry/stream.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/free_space.h"
#include "base/progress.h"

/* What is whole is to be registered this often, so that a killed run has not much to do
 * again. */
#define INTAKE_REGISTER_SECONDS 20

struct intake;

enum intake_mode {
	INTAKE_WRITE, /* makes the store where there is none; one at a time */
	INTAKE_READ,  /* to ask what is valid, and nothing else; there may be no store */
};

/* The store below ROOT; writing keeps Nix's collectors out of it, so that what is valid
 * stays valid, and waits for one that is at work. What is wrong with it is told now:
 * NF_E_UNSUPPORTED (another schema), NF_E_SYS (not writable, another import is running).
 * PROGRESS is borrowed. */
int intake_open(struct intake **ret, const char *root, enum intake_mode mode,
		struct progress *progress, struct nf_err *err) MUST_CHECK;
/* What is not registered is removed. */
void intake_free(struct intake *in);
DEFINE_CLEANUP(struct intake *, intake_free)
const char *intake_root(const struct intake *in);

/* For whoever needs a file of his own on the store's file system; borrowed. */
int intake_temp_fd(const struct intake *in);

/* What the database says of a path, without its references unless they are asked for:
 * NF_E_MISSING if it is not valid, NF_E_UNSUPPORTED if it is, but what the database says
 * cannot be read. One that the database calls valid and that is missing on the disk is
 * NF_E_MISSING, too: it is lost, which a note tells. INFO is initialised in any case. Any
 * thread. */
int intake_find(struct intake *in, const struct nf_storepath *path, bool with_refs,
		struct nf_pathinfo *info, struct nf_err *err) MUST_CHECK;
int intake_is_valid(struct intake *in, const struct nf_storepath *path, bool *ret,
		    struct nf_err *err) MUST_CHECK;

/* As store_db_check_hash. */
int intake_check_hash(struct intake *in, const struct nf_storepath *path,
		      struct nf_err *err) MUST_CHECK;

/* Whether one of the two has found that the path is lost, and it has not been restored: a
 * lost path that is handed over comes back into its place, and its row stays. */
bool intake_is_lost(struct intake *in, struct nf_slice base);
/* NF_E_FORMAT if the path is lost and its row has another hash than NAR_HASH (SHA-256):
 * then it must not be handed over. */
int intake_check_lost(struct intake *in, struct nf_slice base, const uint8_t *nar_hash,
		      struct nf_err *err) MUST_CHECK;
/* Those that are still lost. Not while others use the intake. */
void intake_each_lost(struct intake *in, void (*fn)(void *ctx, const char *base),
		      void *ctx);

/* What was free on the store's file system when the store was opened for writing. */
struct free_space intake_space(const struct intake *in);
/* What NARs of so many bytes with so many file system objects take there. */
uint64_t intake_bytes_needed(uint64_t bytes, uint64_t nodes);
/* NF_E_NOSPACE if what was free when the store was opened is less than NARs of so many
 * bytes with so many file system objects take. */
int intake_check_space(const struct intake *in, uint64_t bytes, uint64_t nodes,
		       struct nf_err *err) MUST_CHECK;

/* A path's tree, unpacked and verified, and not handed over yet. */
struct intake_tree {
	char *temp;	/* private; NULL: none */
	uint64_t nodes; /* file system objects */
};

/* Unpacks NAR (borrowed), which must verify its bytes by itself (nar_checked_source), if
 * INFO can be registered: a .drv must be one. On failure nothing is left. Any thread. */
int intake_unpack(struct intake *in, const struct nf_pathinfo *info,
		  struct nf_source *nar, struct intake_tree *ret,
		  struct nf_err *err) MUST_CHECK;

/* Hands TREE, which becomes empty, over to be registered as INFO (copied) says. TOKEN
 * (free(); may be NULL) is taken over, see intake_on_registered. A path that was handed
 * over before, by whoever was faster, stays as it is. Any thread. */
void intake_add(struct intake *in, const struct nf_pathinfo *info,
		struct intake_tree *tree, char *token);

/* Calls FN (NULL: none) with the token of each path that has one: from the thread that
 * registers, once the path is; from intake_add if the path had been handed over before.
 * Not while others use the intake. */
void intake_on_registered(struct intake *in, void (*fn)(void *ctx, const char *token),
			  void *ctx);

/* Registers what was handed over and refers to nothing but what is valid or registered
 * with it, holding Nix's locks of the paths. What others made valid meanwhile stays as it
 * is, and counts as there already; where its content is another, a note tells. After a
 * failure nothing is registered any more: what was written may be lost. One thread at a
 * time. */
int intake_register(struct intake *in, struct nf_err *err) MUST_CHECK;

/* Paths that were handed over and are not registered. */
size_t intake_waiting(struct intake *in);
/* Why one of them is not: NF_E_MISSING (a reference that is not there), NF_E_FORMAT (a
 * circle of references); 0 if there is none. After intake_register. */
int intake_why_waiting(struct intake *in, struct nf_err *err) MUST_CHECK;

/* Adds the signatures that valid paths lack. */
int intake_add_sigs(struct intake *in, const struct nf_pathinfo *const *infos,
		    size_t count, struct nf_err *err) MUST_CHECK;

/* What is to stay alive in the target, and how. */
struct intake_roots {
	const struct nf_storepath *paths;
	size_t count;
	const char *profile; /* whose current generation the one path becomes; or NULL */
	const char *gc_root; /* without a profile: the root that is to hold all of them;
				NULL: each its own, named after it */
};

/* Keeps paths alive, by a profile or by GC roots, and says so in RET. All is on the disk
 * when it returns. */
int intake_add_roots(struct intake *in, const struct intake_roots *roots,
		     struct nf_import_result *ret, struct nf_err *err) MUST_CHECK;

/* Fills in what was imported so far, and adds to those that were there already. */
void intake_tell(struct intake *in, struct nf_import_result *r);

#endif
