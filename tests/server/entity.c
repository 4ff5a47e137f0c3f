#include "entity.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"

/* A gzip file of stored blocks, which suffices to test a client's decoder. */
#define STORED_BLOCK_MAX 65535
#define GZIP_HEADER	 "\x1f\x8b\x08\0\0\0\0\0\0\xff"
#define GZIP_HEADER_SIZE 10

static int open_below(int root_fd, const char *path)
{
	AUTO_FREE char *copy = mem_strdup(path);
	int dir = dup(root_fd), next;
	char *save = NULL, *name = strtok_r(copy, "/", &save), *after;

	while (name && dir >= 0) {
		after = strtok_r(NULL, "/", &save);
		next = strcmp(name, "..") == 0
			       ? -1
			       : openat(dir, name,
					O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK |
						(after ? O_DIRECTORY : 0));
		close(dir);
		dir = next;
		name = after;
	}
	return dir;
}

static uint32_t crc32_update(uint32_t crc, const uint8_t *p, size_t len)
{
	while (len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
	}
	return crc;
}

static char *put_le(char *out, uint32_t value, int bytes)
{
	for (; bytes > 0; bytes--, value >>= 8)
		*out++ = (char)(value & 0xff);
	return out;
}

static bool make_gzip(struct entity *e)
{
	size_t size = e->size, blocks = size / STORED_BLOCK_MAX + 1, at = 0;
	char *out = mem_alloc(GZIP_HEADER_SIZE + size + 5 * blocks + 8);
	AUTO_FREE char *plain = mem_alloc(size);
	char *p = out + GZIP_HEADER_SIZE;
	uint32_t crc;

	memcpy(out, GZIP_HEADER, GZIP_HEADER_SIZE);
	if (size && entity_read(e, 0, plain, size) != (ssize_t)size) {
		free(out);
		return false;
	}
	crc = ~crc32_update(~0U, (const uint8_t *)plain, size);
	for (; blocks > 0; blocks--) {
		uint32_t n = blocks > 1 ? STORED_BLOCK_MAX : (uint32_t)(size - at);

		*p++ = blocks == 1;
		p = put_le(p, n, 2);
		p = put_le(p, ~n, 2);
		memcpy(p, plain + at, n);
		p += n;
		at += n;
	}
	p = put_le(put_le(p, crc, 4), (uint32_t)size, 4);
	free(e->bytes);
	e->bytes = out;
	e->size = (uint64_t)(p - out);
	return true;
}

static void make_etag(struct entity *e, const struct stat *st, bool other)
{
	static atomic_ulong times;

	snprintf(e->etag, sizeof(e->etag), "\"%jx-%jx%09lx-%lx\"", (uintmax_t)st->st_size,
		 (uintmax_t)st->st_mtim.tv_sec, (unsigned long)st->st_mtim.tv_nsec,
		 other ? atomic_fetch_add(&times, 1) + 1 : 0);
}

bool entity_open(struct entity *e, int root_fd, const char *path,
		 const struct fault_effects *fx)
{
	struct stat st;

	*e = (struct entity){ .garbage = fx->garbage, .flip = fx->flip };
	e->fd = fx->body_file ? open(fx->body_file, O_RDONLY | O_CLOEXEC)
			      : open_below(root_fd, path);
	if (e->fd < 0 || fstat(e->fd, &st) || !S_ISREG(st.st_mode)) {
		entity_release(e);
		return false;
	}
	e->file_size = (uint64_t)st.st_size;
	e->size = (fx->shorter ? e->file_size / 2 : e->file_size) + fx->extra;
	e->mtime = st.st_mtim.tv_sec;
	if (!fx->drop_etag)
		make_etag(e, &st, fx->change_etag);
	if (fx->gzip && !make_gzip(e)) {
		entity_release(e);
		return false;
	}
	return true;
}

void entity_release(struct entity *e)
{
	if (e->fd >= 0)
		close(e->fd);
	free(e->bytes);
	e->fd = -1;
	e->bytes = NULL;
}

bool entity_is_plain(const struct entity *e)
{
	return !e->bytes && !e->garbage && e->flip == FAULT_NEVER &&
	       e->size <= e->file_size;
}

static bool read_file(const struct entity *e, uint64_t offset, char *out, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = pread(e->fd, out + done, len - done, (off_t)(offset + done));

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

ssize_t entity_read(const struct entity *e, uint64_t offset, char *out, size_t len)
{
	size_t from_file = 0;

	if (len > e->size - offset)
		len = (size_t)(e->size - offset);
	if (e->bytes) {
		memcpy(out, e->bytes + offset, len);
		return (ssize_t)len;
	}
	if (offset < e->file_size)
		from_file = len < e->file_size - offset ? len
							: (size_t)(e->file_size - offset);
	if (!read_file(e, offset, out, from_file))
		return -1;
	memset(out + from_file, 'x', len - from_file);
	for (size_t i = 0; e->garbage && i < len; i++)
		out[i] = (char)(out[i] ^ 0x5a);
	if (e->flip >= offset && e->flip - offset < len)
		out[e->flip - offset] ^= 1;
	return (ssize_t)len;
}
