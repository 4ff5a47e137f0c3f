/* narinfo: what a binary cache says of a path.
 * Source of the format: Nix, src/libstore/nar-info.cc and
 * doc/manual/source/protocols/binary-cache/narinfo.md. */
#ifndef NIXFERRY_NARINFO_H
#define NIXFERRY_NARINFO_H

#include <nixferry/decls.h>
#include <nixferry/pathinfo.h>

NF_BEGIN_DECLS

/* Where the facts (info) are signed, everything else is a hint from an untrusted server.
 */
struct nf_narinfo {
	struct nf_pathinfo info;
	struct nf_slice url;	     /* never empty */
	struct nf_slice compression; /* as written; "bzip2" if it was missing or empty */
	bool has_file_hash;
	struct nf_hash file_hash;
	uint64_t file_size; /* 0: unknown */
	/* What a pool keeps beside Nix's own fields (lines "Nixferry-...:"); 0 or false
	 * if absent. */
	uint64_t inodes; /* that the NAR unpacks to */
	bool has_xxh3;	 /* of the compressed file */
	uint8_t xxh3[16];
	uint8_t level; /* zstd level that the file was made with; 0: as it was served */
	bool by_store; /* no key vouched for it, a trusted store did: packing signs it */
};

void nf_narinfo_init(struct nf_narinfo *ni);
void nf_narinfo_release(struct nf_narinfo *ni);

/* The whole grammar, hardened where it is signed: a second StorePath, NarHash or NarSize,
 * lines without ':' or without a final LF, NULs, sizes that are no numbers, a NarHash
 * that is not SHA-256, references that are no base names are NF_E_FORMAT naming the line.
 * Hints that cannot be read, and signatures and derivers that not every Nix can read, are
 * left out. Unknown fields are ignored. TEXT is copied. The struct is initialised in any
 * case. */
int nf_narinfo_parse(struct nf_narinfo *ni, struct nf_slice text,
		     struct nf_err *err) NF_MUST_CHECK;

/* The same for a narinfo of a pool, which alone has fields of its own. */
int nf_narinfo_parse_pool(struct nf_narinfo *ni, struct nf_slice text,
			  struct nf_err *err) NF_MUST_CHECK;

/* nf_narinfo_parse, and an answer for another path than WANTED is NF_E_FORMAT: caches are
 * asked by hash part only. */
int nf_narinfo_parse_for(struct nf_narinfo *ni, const struct nf_storepath *wanted,
			 struct nf_slice text, struct nf_err *err) NF_MUST_CHECK;

/* In the order that Nix prints. The result is NUL-terminated and the caller's (free()).
 */
char *nf_narinfo_format(const struct nf_narinfo *ni, size_t *ret_len);

/* nix-cache-info. */
struct nf_cache_info {
	char store_dir[256]; /* empty: not said */
	bool want_mass_query;
	bool has_priority;
	int priority; /* 0 if not said */
};

/* Lines without ':' and unknown keys are ignored, as Nix does. */
int nf_cache_info_parse(struct nf_cache_info *ci, struct nf_slice text,
			struct nf_err *err) NF_MUST_CHECK;

NF_END_DECLS

#endif
