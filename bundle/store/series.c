#include "store/series.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "base/atomic_file.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/slice.h"
#include "store/nix_lock.h"

#define SERIAL_TEXT_MAX 32

/* A refusal, or with --allow-older a note. */
static int refuse_older(bool allow_older, struct progress *progress, const char *why,
			struct nf_err *err)
{
	if (!allow_older)
		return err_set(err, NF_E_TRUST,
			       "%s: get a newer bundle, or give --allow-older", why);
	progress_note(progress, "--allow-older: %s", why);
	return 0;
}

int series_check_expiry(const struct nf_bundle_terms *terms, time_t now, bool allow_older,
			struct progress *progress, struct nf_err *err)
{
	AUTO_FREE char *why = NULL;
	char today[sizeof("2027-01-31")] = "";
	struct tm tm;

	if (!terms->expires || !gmtime_r(&now, &tm) ||
	    !strftime(today, sizeof(today), "%Y-%m-%d", &tm) ||
	    strcmp(today, terms->expires) <= 0)
		return 0;
	why = mem_printf("the bundle expired on %s", terms->expires);
	return refuse_older(allow_older, progress, why, err);
}

/* ---- the file ---- */

static int read_serial(const struct target *t, int dir_fd, const char *name,
		       bool *ret_known, uint64_t *ret, struct nf_err *err)
{
	AUTO_FREE char *path = mem_printf("%s/nix/var/nixferry/series/%s", t->root, name);
	AUTO_BUF struct buf text = { 0 };
	struct nf_slice number;
	struct stat st;
	int rc = 0;

	*ret_known = false;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW)) {
		if (errno == ENOENT)
			return 0;
		return err_sys(err, "cannot stat '%s'", path);
	}
	rc = owner_check(&st, OWNER_FILE, t->owner, path, err);
	buf_init(&text, SERIAL_TEXT_MAX);
	if (!rc)
		rc = file_read_regular_at(dir_fd, name, &text, err);
	if (rc)
		return rc;
	number = slice_trim(buf_slice(&text));
	if (!slice_parse_u64(number, ret))
		return err_set(err, NF_E_FORMAT, "'%s' does not hold a serial: remove it",
			       path);
	*ret_known = true;
	return 0;
}

int series_check(const struct target *t, const struct nf_bundle_terms *terms,
		 bool allow_older, struct progress *progress, struct nf_err *err)
{
	AUTO_FREE char *why = NULL;
	AUTO_FD int fd = -1;
	uint64_t last = 0;
	bool known;
	int rc;

	if (!terms->series)
		return 0;
	rc = target_open_series(t, &fd, err);
	if (!rc)
		rc = read_serial(t, fd, terms->series, &known, &last, err);
	if (rc || !known || last <= terms->serial)
		return rc;
	why = mem_printf("the bundle is number %" PRIu64
			 " of series '%s', but '%s' has had number %" PRIu64,
			 terms->serial, terms->series, t->name, last);
	return refuse_older(allow_older, progress, why, err);
}

int series_remember(const struct target *t, const struct nf_bundle_terms *terms,
		    struct nf_err *err)
{
	AUTO_FREE char *dir = mem_printf("%s/nix/var/nixferry/series", t->root);
	char text[SERIAL_TEXT_MAX];
	AUTO_FD int fd = -1;
	uint64_t last = 0;
	bool known;
	int rc;

	if (!terms->series)
		return 0;
	rc = target_open_series(t, &fd, err);
	if (!rc)
		rc = nix_lock_wait(fd, LOCK_EX, dir, dir, NULL, err);
	if (!rc)
		rc = read_serial(t, fd, terms->series, &known, &last, err);
	if (rc || (known && last >= terms->serial))
		return rc;
	snprintf(text, sizeof(text), "%" PRIu64 "\n", terms->serial);
	return file_replace_at(fd, terms->series, text, strlen(text), 0644, err);
}
