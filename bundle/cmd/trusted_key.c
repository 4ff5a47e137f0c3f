#include "cmd/trusted_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"

/* Base64 longer than any public key. */
#define SECRET_LEN_MIN 60

/* A user who passes a secret key must be told so, but it must not appear in a log that
 * others read. */
static bool may_be_secret(struct nf_slice text)
{
	static const char base64[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	struct nf_slice rest = slice_trim(text);
	struct nf_slice first = slice_cut(&rest, ':');

	if (!rest.ptr)
		rest = first;
	for (size_t i = 0; i < rest.len; i++)
		if (!rest.ptr[i] || !strchr(base64, rest.ptr[i]))
			return false;
	return rest.len >= SECRET_LEN_MIN;
}

static int add_line(struct nf_keyring *ring, struct nf_slice line, struct nf_err *err)
{
	if (may_be_secret(line))
		return err_set(
			err, NF_E_USAGE,
			"this is a secret key: give its public half, which keygen wrote to PUBLIC-FILE");
	return nf_keyring_add(ring, line, err);
}

static int add_lines(struct nf_keyring *ring, struct nf_slice text, const char *file,
		     struct nf_err *err)
{
	size_t added = 0;
	int rc;

	for (size_t number = 1; text.len; number++) {
		struct nf_slice line = slice_trim(slice_cut(&text, '\n'));

		if (!line.len || line.ptr[0] == '#')
			continue;
		rc = add_line(ring, line, err);
		if (rc)
			return err_prefix(err, rc, "'%s': line %zu", file, number);
		added++;
	}
	return added ? 0 : err_set(err, NF_E_USAGE, "'%s' contains no key", file);
}

static int add_file(struct nf_keyring *ring, int fd, const char *file, struct nf_err *err)
{
	AUTO_FREE char *text = NULL;
	struct stat st;
	size_t len;
	int rc;

	if (fstat(fd, &st))
		return err_sys(err, "'%s'", file);
	if (!S_ISREG(st.st_mode))
		return err_set(err, NF_E_USAGE, "'%s' is not a regular file", file);
	text = mem_alloc(KEY_FILE_MAX + 1);
	rc = file_read_full(fd, text, KEY_FILE_MAX + 1, &len, file, err);
	if (!rc && len > KEY_FILE_MAX)
		rc = err_set(err, NF_E_USAGE, "'%s' is larger than %llu bytes", file,
			     KEY_FILE_MAX);
	if (!rc)
		rc = add_lines(ring, nf_slice(text, len), file, err);
	explicit_bzero(text, KEY_FILE_MAX + 1);
	return rc;
}

/* WHY says what is wrong with VALUE as a key, ERRNO what is wrong with it as a file. */
static int neither(const char *value, const struct nf_err *why, struct nf_err *err)
{
	int saved = errno;

	if (strchr(value, ':'))
		return err_set(err, NF_E_USAGE, "%s", why->text);
	if (may_be_secret(nf_slice_str(value)))
		return err_set(err, NF_E_USAGE,
			       "neither a public key (NAME:KEY) nor a file");
	if (saved == ENOENT)
		return err_set(err, NF_E_USAGE,
			       "'%.200s' is neither a public key (NAME:KEY) nor a file",
			       value);
	errno = saved;
	return err_sys(err, "'%.200s'", value);
}

int trusted_key_add(struct nf_keyring *ring, const char *value, struct nf_err *err)
{
	AUTO_FD int fd = -1;
	struct nf_err why;
	int rc;

	if (!add_line(ring, nf_slice_str(value), &why))
		return 0;
	fd = open(value, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	rc = fd < 0 ? neither(value, &why, err) : add_file(ring, fd, value, err);
	if (rc && err)
		err->code = NF_E_USAGE;
	return rc ? -NF_E_USAGE : 0;
}
