/* A new file takes the place of the old one by a rename, so that the name leads to a
 * valid bundle at every moment. Writing into the old file would not do: the size in the
 * header of the signatures and the signatures themselves cannot change at once. The
 * padding of that member has room for some five signatures. While it lasts, the payload
 * stays where it is in the file, and file systems with shared extents copy nothing. */
#include "format/bundle_sign.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/interrupt.h"
#include "base/limits.h"
#include "base/mem.h"
#include "format/block_digest.h"
#include "format/bundle_head.h"

#define COPY_STEP (64 * MIB)

struct signing {
	const char *path;
	int fd;
	struct stat st;
	struct bundle_head head;
	struct buf signed_head;
	struct progress *progress;
};

static void signing_release(struct signing *s)
{
	cleanup_fd(&s->fd);
	bundle_head_release(&s->head);
	buf_release(&s->signed_head);
}

/* Two that sign at once would lose one of the signatures. */
static int lock_bundle(struct signing *s, struct nf_err *err)
{
	int rc = file_open_regular_at(&s->fd, AT_FDCWD, s->path, O_RDONLY | O_NOFOLLOW,
				      err);

	if (rc)
		return rc == -NF_E_MISSING ? err_set(err, NF_E_SYS, "it does not exist")
					   : rc;
	if (file_lock(s->fd, LOCK_EX) < 0 || fstat(s->fd, &s->st) < 0)
		return err_sys(err, "another process is signing it");
	return 0;
}

static int check_size(const struct signing *s, struct nf_err *err)
{
	uint64_t want = s->head.size + s->head.manifest.payload_size;

	if ((uint64_t)s->st.st_size != want)
		return err_set(err, NF_E_FORMAT, "it has %llu bytes instead of %llu",
			       (unsigned long long)s->st.st_size,
			       (unsigned long long)want);
	return block_digest_check(&s->head.manifest, s->head.digests, s->head.digests_len,
				  err);
}

/* ---- copying ---- */

static int copy_bytes(const struct signing *s, int to, uint64_t from_at, uint64_t to_at,
		      uint64_t len, struct nf_err *err)
{
	AUTO_FREE char *bytes = mem_alloc(MIB);
	int rc = 0;

	while (!rc && len) {
		size_t n = len < MIB ? (size_t)len : MIB;

		rc = interrupt_check(err);
		if (!rc)
			rc = file_pread_all(s->fd, bytes, n, from_at, "payload", err);
		if (!rc)
			rc = file_pwrite_all(to, bytes, n, to_at, "payload", err);
		from_at += n;
		to_at += n;
		len -= n;
		progress_add(s->progress, PROGRESS_BYTES_DONE, n);
	}
	return rc;
}

/* From FROM to the end of the old file. */
static int copy_rest(const struct signing *s, int to, uint64_t from, uint64_t to_at,
		     struct nf_err *err)
{
	uint64_t end = (uint64_t)s->st.st_size;
	int rc = 0;

	progress_add(s->progress, PROGRESS_BYTES_TOTAL, end - from);
	while (!rc && from < end) {
		off_t in = (off_t)from, out = (off_t)to_at;
		uint64_t len = end - from < COPY_STEP ? end - from : COPY_STEP;
		ssize_t n = copy_file_range(s->fd, &in, to, &out, (size_t)len, 0);

		/* Not every file system can do this. */
		if (n <= 0)
			return copy_bytes(s, to, from, to_at, end - from, err);
		from += (uint64_t)n;
		to_at += (uint64_t)n;
		progress_add(s->progress, PROGRESS_BYTES_DONE, (uint64_t)n);
		rc = interrupt_check(err);
	}
	return rc;
}

/* Whole, if the head keeps its length: only whole units of a file system are shared. */
static int write_signed(const struct signing *s, int to, struct nf_err *err)
{
	const struct buf *head = &s->signed_head;
	bool fits = head->len == s->head.size;
	int rc;

	rc = copy_rest(s, to, fits ? 0 : s->head.size, fits ? 0 : head->len, err);
	return rc ? rc : file_pwrite_all(to, head->ptr, head->len, 0, s->path, err);
}

/* Whoever could read the old file can read the new one. */
static int keep_owner(const struct signing *s, int to, struct nf_err *err)
{
	if (geteuid() == 0 && fchown(to, s->st.st_uid, s->st.st_gid) < 0)
		return err_sys(err, "cannot set its owner");
	return fchmod(to, s->st.st_mode & 0777) < 0 ? err_sys(err, "cannot set its mode")
						    : 0;
}

static int replace(const struct signing *s, struct nf_err *err)
{
	AUTO(atomic_file_discard) struct atomic_file file = ATOMIC_FILE_INIT;
	int rc = atomic_file_open(&file, AT_FDCWD, s->path, 0600, err);

	if (!rc)
		rc = write_signed(s, file.fd, err);
	if (!rc)
		rc = keep_owner(s, file.fd, err);
	if (!rc && !file_is_named(&s->st, AT_FDCWD, s->path))
		rc = err_set(err, NF_E_SYS,
			     "another file has taken its name: run the command again");
	return rc ? rc : atomic_file_commit(&file, err);
}

static int sign_locked(struct signing *s, const struct nf_secret_key *key,
		       bool *ret_added, struct nf_err *err)
{
	bool had = false;
	int rc;

	buf_init(&s->signed_head, (size_t)s->head.size + MANIFEST_SIG_MAX);
	rc = bundle_head_countersign(&s->signed_head, &s->head, key, &had, err);
	*ret_added = !rc && !had;
	return *ret_added ? replace(s, err) : rc;
}

int bundle_sign(const char *path, const struct nf_keyring *ring,
		const struct nf_secret_key *key, struct nf_bundle_signers *ret_signers,
		bool *ret_added, struct progress *progress, struct nf_err *err)
{
	AUTO(signing_release)
	struct signing s = { .path = path, .fd = -1, .progress = progress };
	int rc;

	bundle_head_init(&s.head);
	rc = lock_bundle(&s, err);
	if (!rc)
		rc = bundle_head_read(&s.head, s.fd, true, ring, ret_signers, err);
	if (!rc)
		rc = check_size(&s, err);
	if (!rc)
		rc = sign_locked(&s, key, ret_added, err);
	return rc ? err_prefix(err, rc, "bundle '%s'", path) : 0;
}
