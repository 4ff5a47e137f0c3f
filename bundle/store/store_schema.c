#include "store/store_schema.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/file_open.h"
#include "base/mem.h"
#include "base/owner.h"
#include "base/slice.h"

#define SCHEMA_VERSION	10
#define SCHEMA_FILE_MAX 64
#define TEMP_SCHEMA	".schema.nixferry.tmp"

const char store_schema_sql[] =
	"create table if not exists ValidPaths (\n"
	"    id               integer primary key autoincrement not null,\n"
	"    path             text unique not null,\n"
	"    hash             text not null,\n"
	"    registrationTime integer not null,\n"
	"    deriver          text,\n"
	"    narSize          integer,\n"
	"    ultimate         integer, -- null implies \"false\"\n"
	"    sigs             text, -- space-separated\n"
	"    ca               text -- if not null, an assertion that the "
	"path is content-addressed; see ValidPathInfo\n"
	");\n"
	"create table if not exists Refs (\n"
	"    referrer  integer not null,\n"
	"    reference integer not null,\n"
	"    primary key (referrer, reference),\n"
	"    foreign key (referrer) references ValidPaths(id) on delete cascade,\n"
	"    foreign key (reference) references ValidPaths(id) on delete restrict\n"
	");\n"
	"create index if not exists IndexReferrer on Refs(referrer);\n"
	"create index if not exists IndexReference on Refs(reference);\n"
	"create trigger if not exists DeleteSelfRefs before delete on ValidPaths\n"
	"  begin\n"
	"    delete from Refs where referrer = old.id and reference = old.id;\n"
	"  end;\n"
	"create table if not exists DerivationOutputs (\n"
	"    drv  integer not null,\n"
	"    id   text not null, -- symbolic output id, usually \"out\"\n"
	"    path text not null,\n"
	"    primary key (drv, id),\n"
	"    foreign key (drv) references ValidPaths(id) on delete cascade\n"
	");\n"
	"create index if not exists IndexDerivationOutputs on DerivationOutputs(path);\n";

/* ---- contents of the schema ---- */

/* Triggers that Nix makes. They handle deletions, which nixferry never does. */
static const char *const known_triggers[] = {
	"DeleteSelfRefs",
	"DeleteSelfRefsViaRealisations",
};

static bool is_word(struct nf_slice word, const char *expected)
{
	return word.len == strlen(expected) &&
	       strncasecmp(word.ptr, expected, word.len) == 0;
}

static struct nf_slice next_word(struct nf_slice *text)
{
	*text = slice_trim(*text);
	for (size_t i = 0; i < text->len; i++)
		if (isspace((unsigned char)text->ptr[i])) {
			struct nf_slice word = nf_slice(text->ptr, i);

			*text = nf_slice(text->ptr + i, text->len - i);
			return word;
		}
	return *text;
}

static bool starts_with_words(struct nf_slice sql, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!is_word(next_word(&sql), words[i]))
			return false;
	return true;
}

static bool is_known_trigger(struct nf_slice sql)
{
	for (size_t i = 0; i < ARRAY_SIZE(known_triggers); i++) {
		const char *const words[] = { "create",	   "trigger", known_triggers[i],
					      "before",	   "delete",  "on",
					      "ValidPaths" };

		if (starts_with_words(sql, words, ARRAY_SIZE(words)))
			return true;
	}
	return false;
}

bool store_schema_is_harmless(struct nf_slice type, struct nf_slice sql)
{
	static const char *const virtual[] = { "create", "virtual" };

	if (nf_slice_is(type, "trigger"))
		return is_known_trigger(sql);
	return !nf_slice_is(type, "view") &&
	       !starts_with_words(sql, virtual, ARRAY_SIZE(virtual));
}

/* ---- version ---- */

static bool parse_schema(struct nf_slice text, uint64_t *ret)
{
	text = slice_trim(text);
	*ret = 0;
	return !text.len || slice_parse_u64(text, ret);
}

/* The owner of the directory may also own its files. */
static int check_owner(const char *state_dir, int fd, const char *file,
		       struct nf_err *err)
{
	AUTO_FREE char *dir = mem_printf("%s/db", state_dir);
	struct stat st;

	if (stat(dir, &st))
		return err_sys(err, "cannot stat '%s'", dir);
	return owner_check_fd(fd, OWNER_FILE, st.st_uid, file, err);
}

/* A store that is only read may keep it behind a symbolic link. */
static int read_schema_file(const char *state_dir, const char *file, bool to_write,
			    struct buf *text, struct nf_err *err)
{
	AUTO_FD int fd = -1;
	int rc = file_open_regular_at(&fd, AT_FDCWD, file,
				      O_RDONLY | (to_write ? O_NOFOLLOW : 0), err);

	if (!rc && to_write)
		rc = check_owner(state_dir, fd, file, err);
	return rc ? rc : file_read_fd(fd, file, text, err);
}

int store_schema_read(const char *state_dir, bool to_write, bool *ret_new,
		      struct nf_err *err)
{
	AUTO_FREE char *file = mem_printf("%s/db/schema", state_dir);
	AUTO_BUF struct buf text = { 0 };
	uint64_t version = 0;
	int rc;

	buf_init(&text, SCHEMA_FILE_MAX);
	rc = read_schema_file(state_dir, file, to_write, &text, err);
	if (rc && rc != -NF_E_MISSING)
		return rc;
	if (!parse_schema(buf_slice(&text), &version))
		return err_set(err, NF_E_FORMAT, "'%s' does not hold a schema number",
			       file);
	/* Nix leaves an empty file if it is killed while it creates a store; so does a
	 * power failure. */
	*ret_new = version == 0;
	if (version != 0 && version != SCHEMA_VERSION)
		return err_set(err, NF_E_UNSUPPORTED,
			       "'%s' has database schema %llu, only %d is supported",
			       state_dir, (unsigned long long)version, SCHEMA_VERSION);
	return 0;
}

static int sync_directory(const char *state_dir, struct nf_err *err)
{
	AUTO_FREE char *dir = mem_printf("%s/db", state_dir);
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, "cannot open '%s'", dir) : file_sync(fd, dir, err);
}

static int write_schema(const char *temp, const char *file, struct nf_err *err)
{
	AUTO_FD int fd =
		open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	int rc;

	if (fd < 0 || fchmod(fd, 0644))
		return err_sys(err, "cannot create '%s'", temp);
	rc = file_write_all(fd, "10", 2, temp, err);
	if (!rc)
		rc = file_sync(fd, temp, err);
	if (!rc && rename(temp, file))
		rc = err_sys(err, "cannot rename '%s' to '%s'", temp, file);
	return rc;
}

int store_schema_write(const char *state_dir, struct nf_err *err)
{
	AUTO_FREE char *file = mem_printf("%s/db/schema", state_dir);
	AUTO_FREE char *temp = mem_printf("%s/db/" TEMP_SCHEMA, state_dir);
	int rc;

	/* Write it atomically: Nix rejects an empty one as corrupt. A process that is
	 * killed before the rename leaves the temporary file, which the next one
	 * reuses. */
	if (unlink(temp) && errno != ENOENT)
		return err_sys(err, "cannot remove '%s'", temp);
	rc = write_schema(temp, file, err);
	if (rc) {
		(void)unlink(temp);
		return rc;
	}
	return sync_directory(state_dir, err);
}

int store_schema_lock(const char *state_dir, int *ret_fd, struct nf_err *err)
{
	AUTO_FREE char *file = mem_printf("%s/db/big-lock", state_dir);
	AUTO_FD int fd = -1;
	int rc = file_open_lock_at(&fd, AT_FDCWD, file, err);

	if (!rc)
		rc = check_owner(state_dir, fd, file, err);
	if (rc)
		return rc;
	if (file_lock(fd, LOCK_SH)) {
		if (errno == EWOULDBLOCK)
			return err_set(
				err, NF_E_SYS,
				"'%s' is locked: another process is changing the store's schema",
				file);
		return err_sys(err, "cannot lock '%s'", file);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}
