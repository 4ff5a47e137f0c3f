/* narinfo: a binary cache's description of a path.
 * Source of the format: Nix, src/libstore/nar-info.cc and
 * doc/manual/source/protocols/binary-cache/narinfo.md. */
#ifndef NIXFERRY_NARINFO_H
#define NIXFERRY_NARINFO_H

#include <nixferry/decls.h>
#include <nixferry/pathinfo.h>

NF_BEGIN_DECLS

/* The metadata in info is signed; everything else is a hint from an untrusted server. */
struct nf_narinfo {
	struct nf_pathinfo info;
	struct nf_slice url;	     /* never empty */
	struct nf_slice compression; /* as written; "bzip2" if missing or empty */
	bool has_file_hash;
	struct nf_hash file_hash;
	uint64_t file_size; /* 0 if unknown */
	/* Fields that a pool adds to Nix's own (lines "Nixferry-...:"); 0 or false if
	 * absent. */
	uint64_t inodes; /* that the NAR unpacks to */
	bool has_xxh3;	 /* of the compressed file */
	uint8_t xxh3[16];
	uint8_t level; /* zstd level of the file; 0: it was stored as served */
	bool by_store; /* a trusted store vouched for it, no key did: packing signs it */
};

void nf_narinfo_init(struct nf_narinfo *ni);
void nf_narinfo_release(struct nf_narinfo *ni);

/* Parses the whole grammar; stricter than Nix where the content is signed. NF_E_FORMAT
 * names the line for a repeated StorePath, NarHash or NarSize, a line without ':' or
 * without a final LF, a NUL, a size that is not a number, a NarHash that is not SHA-256,
 * or a reference that is not a base name. Unreadable hints, and signatures and derivers
 * that not every version of Nix can read, are dropped. Unknown fields are ignored. TEXT
 * is copied. The struct is always initialised. */
int nf_narinfo_parse(struct nf_narinfo *ni, struct nf_slice text,
		     struct nf_err *err) NF_MUST_CHECK;

/* The same for a narinfo of a pool; only those have the additional fields. */
int nf_narinfo_parse_pool(struct nf_narinfo *ni, struct nf_slice text,
			  struct nf_err *err) NF_MUST_CHECK;

/* As nf_narinfo_parse, and NF_E_FORMAT if it describes another path than WANTED: caches
 * are queried by hash part only. */
int nf_narinfo_parse_for(struct nf_narinfo *ni, const struct nf_storepath *wanted,
			 struct nf_slice text, struct nf_err *err) NF_MUST_CHECK;

/* In the order in which Nix prints. The result is NUL-terminated; the caller frees it. */
char *nf_narinfo_format(const struct nf_narinfo *ni, size_t *ret_len);

/* nix-cache-info. */
struct nf_cache_info {
	char store_dir[256]; /* empty if missing */
	bool want_mass_query;
	bool has_priority;
	int priority; /* 0 if missing */
};

/* As in Nix, lines without ':' and unknown keys are ignored. */
int nf_cache_info_parse(struct nf_cache_info *ci, struct nf_slice text,
			struct nf_err *err) NF_MUST_CHECK;

NF_END_DECLS

#endif
