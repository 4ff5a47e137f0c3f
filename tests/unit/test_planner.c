#include "plan/planner.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/slice.h"
#include "plan/planner_roots.h"
#include "planner_world.h"

/* ---- tests/cases/planner: a world, what is wanted, and what must come out ----
 *
 *	# why this case
 *	@DRV a.drv = out dev [floating] [no-substitutes] < b.drv!out,dev c.drv!out
 *		outputs are the paths "a" (out) and "a-dev"; what it needs comes before
 *		it, more @DRV lines add to one
 *	@VALID a.drv b		valid locally
 *	@CACHE a 100/40 < b c	a cache has it: NarSize, FileSize, references
 *	@OPTION always-substitute
 *	@WANT a.drv!out,dev b.drv!* c
 *	@EXPECT build|substitute|unknown NAME...	the set, empty where not said
 *	@EXPECT order NAME...	builds, each after what it needs
 *	@EXPECT sizes NAR DOWNLOAD
 *	@EXPECT reason NAME no-cache|not-allowed|floating OUTPUT...
 *	@EXPECT chain WANT WANT...	from what a target leads to, to the target
 *	@EXPECT roots NAME=N...	gaps that need no other gap, and how many nodes need each
 *	@EXPECT error TEXT	that planner_finish fails with; names without hash parts
 */

struct run {
	struct planner_world world;
	struct planner *m;
	struct planner_options opts;
	bool finished;
	bool seen_build, seen_substitute, seen_unknown, seen_error;
	int rc;
	struct nf_err err;
};

static struct nf_slice next_word(struct nf_slice *line)
{
	struct nf_slice word = { 0 };

	while (line->len && word.len == 0)
		word = slice_cut(line, ' ');
	return word;
}

static uint64_t number(struct nf_slice word)
{
	uint64_t n = 0;

	assert_true(slice_parse_u64(word, &n));
	return n;
}

static size_t path_named(struct run *r, struct nf_slice name)
{
	return planner_world_path(&r->world, name.ptr, name.len);
}

static void add_output(struct run *r, struct planner_world_path *drv,
		       struct nf_slice stem, struct nf_slice output)
{
	char name[64];
	size_t at = drv->noutputs++;

	snprintf(name, sizeof(name), "%.*s%s%.*s", NF_SLICE_ARG(stem),
		 nf_slice_is(output, "out") ? "" : "-",
		 nf_slice_is(output, "out") ? 0 : (int)output.len, output.ptr);
	/* Sorted, as derivations have them. */
	for (; at && nf_slice_cmp(output, nf_slice_str(drv->output_names[at - 1])) < 0;
	     at--) {
		drv->outputs[at] = drv->outputs[at - 1];
		drv->output_names[at] = drv->output_names[at - 1];
	}
	drv->outputs[at] = planner_world_path(&r->world, name, strlen(name));
	/* Lives as long as the process; tests are short. */
	drv->output_names[at] = nf_slice_is(output, "out")   ? "out"
				: nf_slice_is(output, "dev") ? "dev"
				: nf_slice_is(output, "doc") ? "doc"
							     : "lib";
	assert_true(nf_slice_is(output, drv->output_names[at]));
}

/* "a.drv!out,dev", outputs that it has. */
static struct planner_world_input wanted(struct run *r, struct nf_slice word)
{
	struct planner_world_input in = { 0 };
	const struct planner_world_path *drv;
	struct nf_slice names = word;

	in.drv = path_named(r, slice_cut(&names, '!'));
	drv = &r->world.paths[in.drv];
	while (names.len) {
		struct nf_slice name = slice_cut(&names, ',');
		size_t i = 0;

		while (i < drv->noutputs && !nf_slice_is(name, drv->output_names[i]))
			i++;
		assert_true(i < drv->noutputs);
		in.outputs |= 1U << i;
	}
	return in;
}

static void read_drv(struct run *r, struct nf_slice line)
{
	struct nf_slice name = next_word(&line), word;
	struct planner_world_path *drv = &r->world.paths[path_named(r, name)];
	struct nf_slice stem = nf_slice(name.ptr, name.len - strlen(".drv"));

	assert_true(slice_ends_with(name, ".drv"));
	assert_true(nf_slice_is(next_word(&line), "="));
	while ((word = next_word(&line)).len && !nf_slice_is(word, "<")) {
		if (nf_slice_is(word, "floating"))
			drv->floating = true;
		else if (nf_slice_is(word, "no-substitutes"))
			drv->no_substitutes = true;
		else
			add_output(r, drv, stem, word);
	}
	while ((word = next_word(&line)).len)
		drv->inputs[drv->ninputs++] = wanted(r, word);
}

static void read_valid(struct run *r, struct nf_slice line)
{
	struct nf_slice word;

	while ((word = next_word(&line)).len)
		r->world.paths[path_named(r, word)].valid = true;
}

static void read_cache(struct run *r, struct nf_slice line)
{
	size_t path = path_named(r, next_word(&line));
	struct planner_world_path *p = &r->world.paths[path];
	struct nf_slice sizes = next_word(&line), word;

	p->cached = true;
	p->nar_size = number(slice_cut(&sizes, '/'));
	p->download_size = number(sizes);
	word = next_word(&line);
	assert_true(!word.len || nf_slice_is(word, "<"));
	while ((word = next_word(&line)).len)
		p->refs[p->nrefs++] = path_named(r, word);
}

static void read_option(struct run *r, struct nf_slice line)
{
	assert_true(nf_slice_is(line, "always-substitute"));
	r->opts.always_substitute = true;
}

static void want_target(struct run *r, struct nf_slice word)
{
	struct nf_slice names = word, name = slice_cut(&names, '!');
	struct nf_slice list[WORLD_OUTPUTS];
	struct nf_storepath sp;
	size_t count = 0;

	planner_world_storepath(&r->world, path_named(r, name), &sp);
	if (name.len == word.len) {
		planner_want_path(r->m, &sp);
		return;
	}
	while (names.len && !nf_slice_is(names, "*"))
		list[count++] = slice_cut(&names, ',');
	planner_want_outputs(r->m, &sp, list, count);
}

static void read_want(struct run *r, struct nf_slice line)
{
	struct nf_slice word;

	if (!r->m)
		r->m = planner_new(&r->opts);
	while ((word = next_word(&line)).len)
		want_target(r, word);
}

/* ---- what is expected ---- */

static const struct planner_node *node_named(struct run *r, struct nf_slice name)
{
	struct nf_storepath sp;
	uint32_t id;

	planner_world_storepath(&r->world, path_named(r, name), &sp);
	id = planner_find(r->m, &sp);
	if (id == PLANNER_NONE)
		fail_msg("nobody saw '%.*s'", NF_SLICE_ARG(name));
	return planner_node(r->m, id);
}

static bool has_build(const struct planner_node *n)
{
	return n->build;
}

static bool has_substitute(const struct planner_node *n)
{
	return n->substitute;
}

static bool has_unknown(const struct planner_node *n)
{
	return n->unknown;
}

static size_t count_nodes(const struct run *r, bool (*has)(const struct planner_node *))
{
	size_t count = 0;

	for (uint32_t id = 0; id < planner_count(r->m); id++)
		count += has(planner_node(r->m, id));
	return count;
}

static void expect_set(struct run *r, struct nf_slice line, size_t total,
		       bool (*has)(const struct planner_node *))
{
	struct nf_slice word;
	size_t count = 0;

	for (; (word = next_word(&line)).len; count++)
		if (!has(node_named(r, word)))
			fail_msg("'%.*s' is not in the set", NF_SLICE_ARG(word));
	assert_int_equal(count_nodes(r, has), count);
	assert_int_equal(total, count);
}

static void expect_build(struct run *r, struct nf_slice line)
{
	r->seen_build = true;
	expect_set(r, line, planner_totals(r->m).build, has_build);
}

static void expect_substitute(struct run *r, struct nf_slice line)
{
	r->seen_substitute = true;
	expect_set(r, line, planner_totals(r->m).substitute, has_substitute);
}

static void expect_unknown(struct run *r, struct nf_slice line)
{
	r->seen_unknown = true;
	expect_set(r, line, planner_totals(r->m).unknown, has_unknown);
}

static void expect_order(struct run *r, struct nf_slice line)
{
	size_t count;
	const uint32_t *builds = planner_builds(r->m, &count);

	for (size_t i = 0; i < count; i++) {
		struct nf_slice word = next_word(&line);
		const char *name =
			planner_world_name(&r->world, planner_node(r->m, builds[i]));

		if (!nf_slice_is(word, name))
			fail_msg("'%s' in place of '%.*s'", name, NF_SLICE_ARG(word));
	}
	assert_int_equal(next_word(&line).len, 0);
}

static void expect_sizes(struct run *r, struct nf_slice line)
{
	assert_int_equal(planner_totals(r->m).nar_size, number(next_word(&line)));
	assert_int_equal(planner_totals(r->m).download_size, number(next_word(&line)));
}

static void expect_reason(struct run *r, struct nf_slice line)
{
	static const char *const names[] = {
		[PLANNER_NO_CACHE] = "no-cache",
		[PLANNER_NOT_ALLOWED] = "not-allowed",
		[PLANNER_FLOATING] = "floating",
	};
	const struct planner_node *n = node_named(r, next_word(&line));

	assert_true(n->build);
	assert_true(nf_slice_is(next_word(&line), names[planner_reason(n)]));
	for (size_t i = 0; i < n->drv->noutputs; i++) {
		const struct planner_output *o = &n->drv->outputs[i];

		if (o->node != PLANNER_NONE &&
		    planner_node(r->m, o->node)->state == PLANNER_NOWHERE)
			assert_true(nf_slice_is(next_word(&line), o->name));
	}
	assert_int_equal(next_word(&line).len, 0);
}

static void expect_chain(struct run *r, struct nf_slice line)
{
	struct nf_slice start = line, first = next_word(&start), word;
	const struct planner_request *q = node_named(r, slice_cut(&first, '!'))->why;

	for (; (word = next_word(&line)).len; q = q->parent) {
		struct nf_slice outputs = word, name = slice_cut(&outputs, '!');

		assert_non_null(q);
		assert_ptr_equal(planner_node(r->m, q->node), node_named(r, name));
		if (name.len == word.len)
			assert_null(q->outputs);
		else
			assert_true(nf_slice_is(outputs, q->outputs));
	}
	assert_null(q);
}

static void expect_roots(struct run *r, struct nf_slice line)
{
	struct planner_roots roots;

	planner_roots_find(&roots, r->m);
	assert_int_equal(roots.counted, roots.count);
	for (size_t i = 0; i < roots.count; i++) {
		struct nf_slice rest = next_word(&line), name = slice_cut(&rest, '=');

		assert_ptr_equal(planner_node(r->m, roots.list[i].id),
				 node_named(r, name));
		assert_int_equal(roots.list[i].dependents, number(rest));
	}
	assert_int_equal(next_word(&line).len, 0);
	planner_roots_release(&roots);
}

/* Messages have full paths, cases do not. */
static void expect_failure(struct run *r, struct nf_slice line)
{
	AUTO_BUF struct buf text = { 0 };
	const char *from = r->err.text, *path;

	r->seen_error = true;
	assert_int_equal(-r->rc, r->err.code);
	buf_init(&text, KIB);
	while ((path = strstr(from, NF_STORE_DIR "/"))) {
		buf_add(&text, from, (size_t)(path - from));
		from = path + strlen(NF_STORE_DIR "/") + NF_STOREPATH_HASH_LEN + 1;
	}
	buf_add_str(&text, from);
	assert_true(r->rc);
	assert_string_equal(text.ptr, line.ptr);
}

static void read_expect(struct run *r, struct nf_slice line)
{
	static const struct {
		const char *word;
		void (*check)(struct run *r, struct nf_slice line);
	} rows[] = {
		{ "build", expect_build },     { "substitute", expect_substitute },
		{ "unknown", expect_unknown }, { "order", expect_order },
		{ "sizes", expect_sizes },     { "reason", expect_reason },
		{ "chain", expect_chain },     { "error", expect_failure },
		{ "roots", expect_roots },
	};
	struct nf_slice word = next_word(&line);
	size_t i = 0;

	if (!r->finished)
		r->rc = planner_world_run(&r->world, r->m, 1, &r->err);
	r->finished = true;
	while (i < ARRAY_SIZE(rows) && !nf_slice_is(word, rows[i].word))
		i++;
	assert_true(i < ARRAY_SIZE(rows));
	rows[i].check(r, line);
}

static void read_line(struct run *r, struct nf_slice line)
{
	static const struct {
		const char *word;
		void (*read)(struct run *r, struct nf_slice line);
	} rows[] = {
		{ "@DRV", read_drv },	  { "@VALID", read_valid },
		{ "@CACHE", read_cache }, { "@OPTION", read_option },
		{ "@WANT", read_want },	  { "@EXPECT", read_expect },
	};
	struct nf_slice word = next_word(&line);
	size_t i = 0;

	if (word.len == 0 || word.ptr[0] == '#')
		return;
	while (i < ARRAY_SIZE(rows) && !nf_slice_is(word, rows[i].word))
		i++;
	assert_true(i < ARRAY_SIZE(rows));
	rows[i].read(r, line);
}

static void run_case(const char *file)
{
	AUTO_FREE struct run *r = mem_calloc(1, sizeof(*r));
	struct nf_slice rest;
	struct buf text;

	buf_init(&text, 64 * KIB);
	assert_int_equal(file_read_at(AT_FDCWD, file, &text, NULL), 0);
	rest = buf_slice(&text);
	while (rest.len) {
		struct nf_slice line = slice_cut(&rest, '\n');
		AUTO_FREE char *copy = mem_strndup(line.ptr, line.len);

		print_message("%s: %s\n", file, copy);
		read_line(r, nf_slice_str(copy));
	}
	assert_true(r->finished);
	if (!r->seen_error && r->rc)
		fail_msg("%s", r->err.text);
	if (!r->seen_error && !r->seen_build)
		assert_int_equal(planner_totals(r->m).build, 0);
	if (!r->seen_error && !r->seen_substitute)
		assert_int_equal(planner_totals(r->m).substitute, 0);
	if (!r->seen_error && !r->seen_unknown)
		assert_int_equal(planner_totals(r->m).unknown, 0);
	planner_free(r->m);
	buf_release(&text);
}

static void every_case_has_the_expected_result(void **state)
{
	glob_t files;

	(void)state;
	assert_int_equal(glob("tests/cases/planner/*.case", 0, NULL, &files), 0);
	for (size_t i = 0; i < files.gl_pathc; i++)
		run_case(files.gl_pathv[i]);
	globfree(&files);
}

/* ---- derivations that no world has ---- */

#define A_DRV "00000000000000000000000000000000-a.drv"
#define B_DRV "00000000000000000000000000000000-b.drv"

/* A.drv needs the output "gone" of B.drv; both have "out", which no cache has. */
static int answer_contents_of(struct planner *m, uint32_t id, const char *env,
			      struct nf_err *err)
{
	AUTO(nf_derivation_release) struct nf_derivation d = { 0 };
	AUTO_BUF struct buf text = { 0 };
	bool is_a = strcmp(planner_node(m, id)->base, A_DRV) == 0;

	buf_init(&text, 64 * KIB);
	buf_addf(
		&text,
		"Derive([(\"out\",\"/nix/store/%032d-o\",\"\",\"\")],[%s],[],\"\",\"\",[],[%s])",
		is_a, is_a ? "(\"/nix/store/" B_DRV "\",[\"gone\"])" : "", env);
	assert_int_equal(nf_derivation_parse(&d, buf_slice(&text), NULL), 0);
	return planner_contents(m, id, &d, err);
}

static void want_a(struct planner *m)
{
	struct nf_storepath sp;

	assert_int_equal(nf_storepath_parse_base(&sp, NF_SLICE_LIT(A_DRV), NULL), 0);
	planner_want_outputs(m, &sp, NULL, 0);
	/* A second time it asks nothing more. */
	planner_want_outputs(m, &sp, NULL, 0);
}

static void an_input_that_lacks_the_output_is_named(void **state)
{
	AUTO(planner_freep)
	struct planner *m = planner_new(&(struct planner_options){ 0 });
	struct planner_question q;
	struct nf_err err;
	size_t questions = 0;

	(void)state;
	want_a(m);
	for (; planner_next(m, &q); questions++) {
		if (q.ask == PLANNER_ASK_VALID)
			planner_valid(m, q.id,
				      strstr(planner_node(m, q.id)->base, "drv"));
		else if (q.ask == PLANNER_ASK_FACTS)
			planner_not_found(m, q.id);
		else
			assert_int_equal(answer_contents_of(m, q.id, "", NULL), 0);
	}
	/* Valid and contents of both, valid and facts of A's output. */
	assert_int_equal(questions, 6);
	expect_error(err, planner_finish(m, &err), NF_E_FORMAT,
		     "'/nix/store/" A_DRV
		     "' needs the output 'gone' of '/nix/store/" B_DRV
		     "', which has no such output");
}

static void malformed_structured_attributes_are_no_answer(void **state)
{
	AUTO(planner_freep)
	struct planner *m = planner_new(&(struct planner_options){ 0 });
	struct planner_question q;
	struct nf_err err;

	(void)state;
	want_a(m);
	assert_true(planner_next(m, &q));
	assert_int_equal(q.ask, PLANNER_ASK_VALID);
	assert_false(planner_next(m, &q));
	planner_valid(m, q.id, true);
	assert_true(planner_next(m, &q));
	assert_int_equal(q.ask, PLANNER_ASK_CONTENTS);
	expect_error(err, answer_contents_of(m, q.id, "(\"__json\",\"[]\")", &err),
		     NF_E_FORMAT,
		     "'/nix/store/" A_DRV
		     "': its structured attributes: JSON, but not an object");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_case_has_the_expected_result),
		cmocka_unit_test(an_input_that_lacks_the_output_is_named),
		cmocka_unit_test(malformed_structured_attributes_are_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
