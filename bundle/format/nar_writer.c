#include <nixferry/nar.h>

#include <assert.h>
#include <endian.h>
#include <inttypes.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/stream.h"
#include "format/nar_position.h"
#include "format/nar_rules.h"

/* The tokens of one event: the head of an entry, a symlink with the longest target,
 * ends. */
#define TOKENS_MAX (8 * KIB)

struct nf_nar_writer {
	struct nf_sink *out;
	bool in_file;
	bool done;     /* the root is complete */
	uint64_t left; /* bytes left of the open file */
	size_t padding;
	struct nar_rules rules;
	size_t len;
	char tokens[TOKENS_MAX];
};

struct nf_nar_writer *nf_nar_writer_new(struct nf_sink *out)
{
	struct nf_nar_writer *w = mem_calloc(1, sizeof(*w));

	w->out = out;
	return w;
}

void nf_nar_writer_free(struct nf_nar_writer *w)
{
	free(w);
}

static void add_bytes(struct nf_nar_writer *w, const void *p, size_t len)
{
	assert(len <= sizeof(w->tokens) - w->len);
	memcpy(w->tokens + w->len, p, len);
	w->len += len;
}

static void add_zeroes(struct nf_nar_writer *w, size_t len)
{
	static const char zeroes[8];

	add_bytes(w, zeroes, len);
}

static void add_u64(struct nf_nar_writer *w, uint64_t value)
{
	uint64_t little = htole64(value);

	add_bytes(w, &little, sizeof(little));
}

static void add_slice(struct nf_nar_writer *w, struct nf_slice s)
{
	add_u64(w, s.len);
	if (s.len)
		add_bytes(w, s.ptr, s.len);
	add_zeroes(w, nar_rules_padding(s.len));
}

static void add_str(struct nf_nar_writer *w, const char *s)
{
	add_slice(w, nf_slice_str(s));
}

static int flush(struct nf_nar_writer *w, struct nf_err *err)
{
	size_t len = w->len;

	w->len = 0;
	return sink_write(w->out, w->tokens, len, err);
}

static int check_place(struct nf_nar_writer *w, struct nf_slice name, struct nf_err *err)
{
	if (w->in_file)
		return err_set(err, NF_E_FORMAT, "NAR: a node inside a file");
	if (w->done)
		return err_set(err, NF_E_FORMAT, "NAR: a second root");
	if (w->rules.depth)
		return nar_rules_name(&w->rules, name, err);
	if (name.len)
		return err_set(err, NF_E_FORMAT, "NAR: the root has a name");
	return 0;
}

static int begin_node(struct nf_nar_writer *w, struct nf_slice name, const char *type,
		      struct nf_err *err)
{
	int rc = nar_rules_node(&w->rules, err);

	if (!rc)
		rc = check_place(w, name, err);
	if (rc)
		return rc;
	if (w->rules.depth) {
		add_str(w, "entry");
		add_str(w, "(");
		add_str(w, "name");
		add_slice(w, name);
		add_str(w, "node");
	} else {
		add_str(w, "nix-archive-1");
	}
	add_str(w, "(");
	add_str(w, "type");
	add_str(w, type);
	return 0;
}

static int end_node(struct nf_nar_writer *w, struct nf_err *err)
{
	add_str(w, ")");
	if (w->rules.depth)
		add_str(w, ")");
	else
		w->done = true;
	return flush(w, err);
}

static int write_directory(struct nf_nar_writer *w, const struct nf_nar_event *ev,
			   struct nf_err *err)
{
	int rc = begin_node(w, ev->name, "directory", err);

	if (rc)
		return rc;
	nar_rules_enter(&w->rules);
	return flush(w, err);
}

static int write_leave(struct nf_nar_writer *w, struct nf_err *err)
{
	if (w->in_file || w->rules.depth == 0)
		return err_set(err, NF_E_FORMAT, "NAR: no directory to leave");
	nar_rules_leave(&w->rules);
	return end_node(w, err);
}

static int write_file(struct nf_nar_writer *w, const struct nf_nar_event *ev,
		      struct nf_err *err)
{
	int rc;

	if (ev->size > NAR_SIZE_MAX)
		return err_set(err, NF_E_FORMAT,
			       "file of %" PRIu64 " bytes, over the limit of %llu",
			       ev->size, NAR_SIZE_MAX);
	rc = begin_node(w, ev->name, "regular", err);
	if (rc)
		return rc;
	if (ev->executable) {
		add_str(w, "executable");
		add_str(w, "");
	}
	add_str(w, "contents");
	add_u64(w, ev->size);
	w->in_file = true;
	w->left = ev->size;
	w->padding = nar_rules_padding(ev->size);
	return flush(w, err);
}

static int write_data(struct nf_nar_writer *w, const struct nf_nar_event *ev,
		      struct nf_err *err)
{
	if (!w->in_file)
		return err_set(err, NF_E_FORMAT, "NAR: data outside a file");
	if (ev->data.len > w->left)
		return err_set(err, NF_E_FORMAT, "NAR: more data than the file's size");
	w->left -= ev->data.len;
	return sink_write(w->out, ev->data.ptr, ev->data.len, err);
}

void nar_writer_skip_data(struct nf_nar_writer *w)
{
	w->left = 0;
}

static int write_file_end(struct nf_nar_writer *w, struct nf_err *err)
{
	if (!w->in_file)
		return err_set(err, NF_E_FORMAT, "NAR: no file to end");
	if (w->left)
		return err_set(err, NF_E_FORMAT, "NAR: less data than the file's size");
	w->in_file = false;
	add_zeroes(w, w->padding);
	return end_node(w, err);
}

static int write_symlink(struct nf_nar_writer *w, const struct nf_nar_event *ev,
			 struct nf_err *err)
{
	int rc = nar_rules_target(ev->data, err);

	if (!rc)
		rc = begin_node(w, ev->name, "symlink", err);
	if (rc)
		return rc;
	add_str(w, "target");
	add_slice(w, ev->data);
	return end_node(w, err);
}

int nf_nar_write(struct nf_nar_writer *w, const struct nf_nar_event *ev,
		 struct nf_err *err)
{
	switch (ev->kind) {
	case NF_NAR_DIRECTORY:
		return write_directory(w, ev, err);
	case NF_NAR_LEAVE:
		return write_leave(w, err);
	case NF_NAR_FILE:
		return write_file(w, ev, err);
	case NF_NAR_DATA:
		return write_data(w, ev, err);
	case NF_NAR_FILE_END:
		return write_file_end(w, err);
	case NF_NAR_SYMLINK:
		return write_symlink(w, ev, err);
	case NF_NAR_END:
		break;
	}
	return w->done ? 0 : err_set(err, NF_E_FORMAT, "NAR: it ends before its root");
}
