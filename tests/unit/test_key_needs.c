#include "format/key_needs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/mem.h"

/* 64 bytes. */
#define NO_SIG                                                                           \
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" \
	"AA"                                                                             \
	"AAAAAA=="

/* Keys 'a' to 'h'; capitals sign wrongly. */
#define KEYS 8

struct key_needs_fixture {
	struct nf_secret_key *secret[KEYS];
	struct nf_keyring *own;	  /* 'h' */
	struct nf_keyring *known; /* 'a' to 'f' */
	struct key_survey *survey;
};

static int setup(void **state)
{
	static struct key_needs_fixture f;
	struct key_survey_rings rings = { 0 };

	rings.own = f.own = nf_keyring_new();
	rings.others[1] = f.known = nf_keyring_new();
	for (size_t i = 0; i < KEYS; i++) {
		char name[] = "a-1";
		AUTO_FREE char *text = NULL;

		name[0] = (char)(name[0] + i);
		assert_int_equal(
			nf_secret_key_generate(&f.secret[i], nf_slice_str(name), NULL),
			0);
		text = nf_secret_key_public(f.secret[i]);
		if (i < 6)
			assert_int_equal(
				nf_keyring_add(f.known, nf_slice_str(text), NULL), 0);
		if (i == 7)
			assert_int_equal(nf_keyring_add(f.own, nf_slice_str(text), NULL),
					 0);
	}
	f.survey = key_survey_new(&rings);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct key_needs_fixture *f = *state;

	for (size_t i = 0; i < KEYS; i++)
		nf_secret_key_free(f->secret[i]);
	nf_keyring_free(f->own);
	nf_keyring_free(f->known);
	key_survey_free(f->survey);
	return 0;
}

/* A path that each key of SIGNERS has signed. */
static void add_signed_path(struct key_needs_fixture *f, const char *signers)
{
	struct nf_pathinfo info;
	AUTO_FREE char *message = NULL;

	nf_pathinfo_init(&info);
	assert_int_equal(nf_storepath_parse_base(
				 &info.path,
				 NF_SLICE_LIT("sgii4f5h9d2lym14f3av1r80w53l9k82-x"),
				 NULL),
			 0);
	info.nar_hash.algo = NF_SHA256;
	info.nar_size = 100;
	message = nf_pathinfo_fingerprint(&info);
	for (; *signers; signers++) {
		const struct nf_secret_key *key = f->secret[(*signers | 0x20) - 'a'];
		bool wrong = *signers < 'a';
		AUTO_FREE char *sig =
			nf_sign(key, wrong ? "x" : message, wrong ? 1 : strlen(message));

		nf_pathinfo_add_sig(&info, nf_slice_str(sig));
	}
	key_survey_add(f->survey, &info);
	nf_pathinfo_release(&info);
}

struct key_row {
	const char *paths; /* lists of signers; "-" for none */
	const char
		*needs; /* "a2 b1": key and number of paths; '?': its text is unknown */
	size_t own;
	size_t nobody;
	const char *why;
};

static const struct key_row rows[] = {
	{ "", "", 0, 0, "no paths" },
	{ "a a a", "a3", 0, 0, "one key" },
	{ "a b ab", "a2 b1", 0, 0, "a path of two keys is counted once" },
	{ "ab ac bc", "a2 b1", 0, 0, "two of three suffice" },
	{ "ab ac ad", "a3", 0, 0, "one that all have" },
	{ "abc cd de ef", "c2 e2", 0, 0, "the fewest, not the first" },
	{ "ad bd cd a b c", "a2 b2 c2", 0, 0, "the one that most have is not needed" },
	{ "h ah h-", "", 3, 0, "the bundle's own key" },
	{ "h a", "a1", 1, 0, "the own key and another" },
	{ "- a -", "a1", 0, 2, "without a signature" },
	{ "g", "g1?", 0, 0, "a key that nobody tells" },
	{ "ga", "a1", 0, 0, "a key that is told is better than a name" },
	{ "A", "a1?", 0, 0, "a wrong signature says nothing of the key" },
	{ "Ab", "b1", 0, 0, "a wrong one beside a good one" },
	{ "H", "h1?", 0, 0, "a wrong signature by the own key" },
};

static void check_row(struct key_needs_fixture *f, const struct key_row *r)
{
	AUTO(nf_key_needs_release) struct nf_key_needs needs = { 0 };
	struct nf_slice rest = nf_slice_str(r->paths);
	AUTO_BUF struct buf have = { 0 };

	while (rest.len) {
		char signers[16];
		struct nf_slice word = rest;
		size_t n = 0;

		while (n < word.len && word.ptr[n] != ' ')
			n++;
		snprintf(signers, sizeof(signers), "%.*s", (int)n, word.ptr);
		signers[strcspn(signers, "-")] = '\0';
		add_signed_path(f, signers);
		rest.ptr += n + (n < rest.len);
		rest.len -= n + (n < rest.len);
	}
	key_survey_finish(f->survey, &needs);
	buf_init(&have, 256);
	for (size_t i = 0; i < needs.count; i++)
		buf_addf(&have, "%s%c%zu%s", i ? " " : "", needs.items[i].name[0],
			 needs.items[i].paths, needs.items[i].text ? "" : "?");
	if (!nf_slice_is(buf_slice(&have), r->needs) || needs.by_own != r->own ||
	    needs.by_nobody != r->nobody)
		fail_msg("%s: %.*s, own %zu, nobody %zu", r->why,
			 NF_SLICE_ARG(buf_slice(&have)), needs.by_own, needs.by_nobody);
}

static void the_fewest_keys_are_found(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		check_row(*state, &rows[i]);
		teardown(state);
		setup(state);
	}
}

static void many_names_are_harmless(void **state)
{
	struct key_needs_fixture *f = *state;
	AUTO(nf_key_needs_release) struct nf_key_needs needs = { 0 };
	size_t told = 0;

	for (int i = 0; i < 200; i++) {
		AUTO_FREE char *sig = mem_printf("key-%d:" NO_SIG, i);
		struct nf_pathinfo info;

		nf_pathinfo_init(&info);
		nf_pathinfo_add_sig(&info, nf_slice_str(sig));
		nf_pathinfo_add_sig(&info, NF_SLICE_LIT("no name:" NO_SIG));
		nf_pathinfo_add_sig(&info, NF_SLICE_LIT("\033[2J:" NO_SIG));
		key_survey_add(f->survey, &info);
		nf_pathinfo_release(&info);
	}
	key_survey_finish(f->survey, &needs);
	for (size_t i = 0; i < needs.count; i++)
		told += needs.items[i].paths;
	assert_int_equal(needs.count, 64);
	assert_int_equal(told + needs.by_nobody, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_fewest_keys_are_found, setup,
						teardown),
		cmocka_unit_test_setup_teardown(many_names_are_harmless, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
