/* Imports a bundle into a target store. Nix and other imports may use the target store
 * during the import. Files that every user should be able to read (the database, GC
 * roots) get no more permissions than the process's umask allows: it should be 022. */
#ifndef NIXFERRY_IMPORT_H
#define NIXFERRY_IMPORT_H

#include <nixferry/bundle.h>
#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/key.h>
#include <nixferry/trust.h>
#include <nixferry/watch.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

NF_BEGIN_DECLS

struct nf_import_options {
	/* The root of a system that is being installed, or of an image, such as "/mnt":
	 * its store is /mnt/nix/store, which is created if it does not exist. "/" is the
	 * running system, whose store must be mounted writable. "daemon" is the store of
	 * nix-daemon, as is "/" where the user is not root. nf_verify ignores it. */
	const char *store_root;
	const struct nf_keyring
		*keys;	     /* that each path's own signature must verify with */
	bool no_check_sigs;  /* the bundle's signature is enough: a path whose own does
				not verify is accepted as the bundle states it */
	const char *profile; /* "system", or NULL for none */
	const char *gc_root; /* without a profile: the GC root that keeps the bundle's
				roots; NULL: one per root, named after it */
	bool optimise; /* files with the same contents become hard links to one, as with
			  `nix-store --optimise` */
	bool repair;   /* also compare the contents of valid paths, and restore what is
			damaged */
	bool allow_older; /* also import a bundle that has expired, or of whose series
			     the target has had a later one */
	const char *patch_root; /* nf_verify: the root of the store with the paths that
				   patches are made from; NULL: they are not applied */
	size_t jobs;		/* unpacking threads; 0: one per processor */
	const struct nf_watch *watch;	    /* may be NULL */
	struct nf_key_needs *ret_untrusted; /* may be NULL; after NF_E_TRUST: the keys of
					       the paths that no key of KEYS vouches for
					       (nf_key_needs_release) */
};

struct nf_import_result {
	size_t imported;    /* paths that were unpacked and registered */
	size_t unapplied;   /* of nf_verify: paths whose NARs are patches, and that were
			       not made */
	size_t present;	    /* paths that were already valid */
	size_t unchecked;   /* paths of the bundle that were accepted by no_check_sigs */
	size_t repaired;    /* of these, valid paths that were damaged */
	size_t sigs_added;  /* valid paths that gained signatures */
	uint64_t nar_bytes; /* total size of the imported paths */
	uint64_t inodes;    /* files, directories and symbolic links written */
	uint64_t shared_files; /* of these, links to a file with the same contents */
	uint64_t shared_bytes; /* the total size of these */
	char *profile_link; /* "/nix/var/nix/profiles/system-1-link" (free()), or NULL */
	char *next;	    /* a command that sets the profile which this user may not set
			       (free()), or NULL */
	char **gc_roots;    /* names of the GC roots that keep the imported paths; with
			       nix-daemon, links in ~/.local/state/nixferry/gcroots */
	size_t gc_root_count;
};

/* Verifies, unpacks and registers everything in B. Before anything is written, it fails
 * with NF_E_TRUST (a path that no key of KEYS and no content address vouches for),
 * NF_E_MISSING (a reference that is neither in the bundle nor valid in the target),
 * NF_E_NOSPACE, NF_E_UNSUPPORTED (database schema) or NF_E_SYS (not writable). After any
 * failure, what was valid in the target stays valid, nothing incomplete is registered,
 * and the same call resumes. */
int nf_import(struct nf_bundle *b, const struct nf_import_options *opts,
	      struct nf_import_result *ret, struct nf_err *err) NF_MUST_CHECK;
void nf_import_result_release(struct nf_import_result *r);

/* Makes the same checks without writing: every block, narinfo, signature, NAR and
 * reference; also checks that the bundle has the complete closure of each root. The
 * result counts paths as imported. */
int nf_verify(struct nf_bundle *b, const struct nf_import_options *opts,
	      struct nf_import_result *ret, struct nf_err *err) NF_MUST_CHECK;

NF_END_DECLS

#endif
