/* NAR archives ("nix-archive-1"), read and written as a stream of events.
 * Source of the format: Nix, src/libutil/archive.cc and
 * doc/manual/source/protocols/nix-archive/index.md. */
#ifndef NIXFERRY_NAR_H
#define NIXFERRY_NAR_H

#include <nixferry/decls.h>
#include <nixferry/err.h>
#include <nixferry/slice.h>
#include <nixferry/stream.h>
#include <stdbool.h>
#include <stdint.h>

NF_BEGIN_DECLS

enum nf_nar_kind {
	NF_NAR_END,	  /* the archive is complete; nothing may follow */
	NF_NAR_DIRECTORY, /* entries follow until the matching NF_NAR_LEAVE */
	NF_NAR_LEAVE,
	NF_NAR_FILE, /* exactly size bytes follow in NF_NAR_DATA events, then
			NF_NAR_FILE_END */
	NF_NAR_DATA,
	NF_NAR_FILE_END,
	NF_NAR_SYMLINK,
};

struct nf_nar_event {
	enum nf_nar_kind kind;
	struct nf_slice
		name;	 /* of DIRECTORY, FILE, SYMLINK: validated; empty for the root */
	bool executable; /* FILE */
	uint64_t size;	 /* FILE */
	struct nf_slice data; /* DATA: some bytes; SYMLINK: the target */
};

/* Reads from a source (borrowed). Applies the limits and order of the newest Nix: names
 * sorted, unique, 1 to 255 bytes, not "." or "..", without '/' and NUL; targets of 1 to
 * 4095 bytes without NUL; depth under 64; zero padding; "contents" present. NF_NAR_END
 * means that the source has ended as well: bytes after the archive are NF_E_FORMAT.
 * Errors name the offset in the NAR. */
struct nf_nar_reader;

struct nf_nar_reader *nf_nar_reader_new(struct nf_source *src);
void nf_nar_reader_free(struct nf_nar_reader *r);

/* The event and its slices are valid until the next call. */
int nf_nar_next(struct nf_nar_reader *r, struct nf_nar_event *ev,
		struct nf_err *err) NF_MUST_CHECK;

/* Reads the whole archive, checking it; *ret_inodes (may be NULL) counts the files,
 * directories and symbolic links in it. */
int nf_nar_check(struct nf_source *src, uint64_t *ret_inodes,
		 struct nf_err *err) NF_MUST_CHECK;

/* Writes events to a sink (borrowed). The caller ensures a well-formed order; what breaks
 * the rules above is NF_E_FORMAT. END writes nothing; it checks that everything is
 * closed. */
struct nf_nar_writer;

struct nf_nar_writer *nf_nar_writer_new(struct nf_sink *out);
void nf_nar_writer_free(struct nf_nar_writer *w);
int nf_nar_write(struct nf_nar_writer *w, const struct nf_nar_event *ev,
		 struct nf_err *err) NF_MUST_CHECK;

/* The tree at PATH (relative to DIR_FD, never following links) as a NAR, with sorted
 * entries. NF_E_UNSUPPORTED names a socket, device or FIFO; NF_E_SYS if a file's size
 * changes during the read. DIR_FD must stay open until the source is closed. */
struct nf_source *nf_nar_dump_source(int dir_fd, const char *path);

/* The same, written to a sink. */
int nf_nar_dump(int dir_fd, const char *path, struct nf_sink *out,
		struct nf_err *err) NF_MUST_CHECK;

NF_END_DECLS

#endif
