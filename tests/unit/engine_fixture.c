#include "engine_fixture.h"

#include <nixferry/narinfo.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

/* Of a narinfo, or of all notes. */
#define TEXT_MAX (64 * KIB)

int engine_fixture_setup(void **state)
{
	struct engine_fixture *f = mem_calloc(1, sizeof(*f));

	pool_fixture_setup((void **)&f->pool);
	f->net = fake_transport_new();
	f->transport = fake_transport_transport(f->net);
	buf_init(&f->notes, TEXT_MAX);
	buf_add_str(&f->notes, "");
	f->opts = (struct fetch_options){
		.paths = f->paths,
		.substituters = f->caches,
		.keys = f->pool->ring,
		.pool = f->pool->pool,
		.level = 1,
		.jobs = 1,
		.keep_going = true,
		.progress = progress_new(),
		.transport = &f->transport,
		.seed = 1,
	};
	*state = f;
	return 0;
}

int engine_fixture_teardown(void **state)
{
	struct engine_fixture *f = *state;

	fetch_result_release(&f->result);
	fake_transport_free(f->net);
	progress_free(f->opts.progress);
	for (size_t i = 0; i < f->opts.substituter_count; i++)
		substituter_release(&f->caches[i]);
	for (size_t i = 0; i < f->text_count; i++)
		buf_release(&f->texts[i]);
	buf_release(&f->notes);
	pool_fixture_teardown((void **)&f->pool);
	free(f);
	return 0;
}

static struct buf *new_text(struct engine_fixture *f)
{
	assert_true(f->text_count < sizeof(f->texts) / sizeof(f->texts[0]));
	buf_init(&f->texts[f->text_count], TEXT_MAX);
	return &f->texts[f->text_count++];
}

void engine_fixture_add_address(struct engine_fixture *f)
{
	unsigned cache = (unsigned)f->opts.substituter_count++;
	const char *url = engine_fixture_url(f, cache, "");

	assert_true(cache < ENGINE_CACHES_MAX);
	assert_ok(f, substituter_parse(&f->caches[cache], nf_slice_str(url), &f->err));
}

void engine_fixture_add_cache(struct engine_fixture *f)
{
	engine_fixture_answer_text(f, (unsigned)f->opts.substituter_count,
				   "nix-cache-info", "StoreDir: /nix/store\n");
	engine_fixture_add_address(f);
}

const char *engine_fixture_url(struct engine_fixture *f, unsigned cache, const char *file)
{
	struct buf *text = new_text(f);

	buf_addf(text, "http://c%u/%s", cache, file);
	return text->ptr;
}

void engine_fixture_answer(struct engine_fixture *f, unsigned cache, const char *file,
			   const struct fake_answer *a)
{
	fake_transport_answer(f->net, engine_fixture_url(f, cache, file), a);
}

const char *engine_fixture_nar_file(struct engine_fixture *f, const struct made *m)
{
	struct buf *text = new_text(f);

	buf_addf(text, "nar/%.*s", NF_SLICE_ARG(nf_storepath_name(&m->info.path)));
	return text->ptr;
}

const char *engine_fixture_narinfo_file(struct engine_fixture *f, const struct made *m)
{
	struct buf *text = new_text(f);

	buf_addf(text, "%.*s.narinfo", NF_SLICE_ARG(nf_storepath_hash(&m->info.path)));
	return text->ptr;
}

const char *engine_fixture_narinfo_of(struct engine_fixture *f, const struct made *m,
				      const char *compression, uint64_t file_size)
{
	struct nf_narinfo ni = {
		.info = m->info,
		.url = nf_slice_str(engine_fixture_nar_file(f, m)),
		.compression = nf_slice_str(compression),
		.has_file_hash = file_size > 0,
		.file_hash = m->info.nar_hash,
		.file_size = file_size,
	};
	struct buf *text = new_text(f);
	AUTO_FREE char *formatted = NULL;
	size_t len;

	formatted = nf_narinfo_format(&ni, &len);
	buf_add(text, formatted, len);
	return text->ptr;
}

const char *engine_fixture_narinfo(struct engine_fixture *f, const struct made *m)
{
	return engine_fixture_narinfo_of(f, m, "none", m->info.nar_size);
}

void engine_fixture_answer_text(struct engine_fixture *f, unsigned cache,
				const char *file, const char *text)
{
	const struct fake_answer a = { .status = 200, .body = nf_slice_str(text) };

	engine_fixture_answer(f, cache, file, &a);
}

void engine_fixture_offer_narinfo(struct engine_fixture *f, unsigned cache,
				  const struct made *m)
{
	engine_fixture_answer_text(f, cache, engine_fixture_narinfo_file(f, m),
				   engine_fixture_narinfo(f, m));
}

void engine_fixture_offer(struct engine_fixture *f, unsigned cache, const struct made *m)
{
	const struct fake_answer a = {
		.status = 200,
		.body = buf_slice(&m->nar),
		.has_ranges = true,
	};

	engine_fixture_offer_narinfo(f, cache, m);
	engine_fixture_answer(f, cache, engine_fixture_nar_file(f, m), &a);
}

void engine_fixture_want(struct engine_fixture *f, const struct made *m)
{
	assert_true(f->opts.path_count < ENGINE_PATHS_MAX);
	f->paths[f->opts.path_count++] = m->info.path;
}

void engine_fixture_fetch(struct engine_fixture *f)
{
	char *note;

	fetch_result_release(&f->result);
	f->rc = fetch_closure(&f->opts, &f->result, &f->err);
	while ((note = progress_take_note(f->opts.progress))) {
		buf_addf(&f->notes, "%s\n", note);
		free(note);
	}
}

size_t engine_fixture_asked(struct engine_fixture *f, unsigned cache, const char *file)
{
	return fake_transport_count(f->net, engine_fixture_url(f, cache, file));
}

bool engine_fixture_has(struct engine_fixture *f, const struct made *m)
{
	struct nf_narinfo ni;
	int rc = pool_find(f->pool->pool, &m->info.path, &ni, NULL);

	nf_narinfo_release(&ni);
	return rc == 0;
}
