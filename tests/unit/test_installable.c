#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "input/installable.h"

#define HASH  "0c0chgh2ckigyv5crknwvlx2zmyh2dc2"
#define OTHER "1lgi9pcj9k1b0ms8b9jd7b0zz98rszrc"

static char dir[] = "target-XXXXXX";

static int make_links(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || chdir(dir) != 0)
		return -1;
	if (symlink(NF_STORE_DIR "/" HASH "-hello", "result") ||
	    symlink("result", "relative") || symlink("loop", "loop") ||
	    symlink(NF_STORE_DIR "/" HASH "-hello/bin/hello", "below") ||
	    symlink("//nix/./store//" HASH "-hello/", "odd") ||
	    symlink("./sub/../odd", "chain") || symlink(NF_STORE_DIR, "store") ||
	    symlink("/etc", "outside"))
		return -1;
	return 0;
}

static int remove_links(void **state)
{
	static const char *const names[] = { "result",	"relative", "loop",  "below",
					     "outside", "odd",	    "chain", "store" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(names[i]);
	return chdir("..") || rmdir(dir);
}

static void names_lead_to_store_paths(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ NF_STORE_DIR "/" HASH "-hello", "a store path" },
		{ NF_STORE_DIR "/" HASH "-hello/", "with a slash" },
		{ NF_STORE_DIR "/" HASH "-hello/bin/hello", "below one" },
		{ HASH "-hello", "a base name" },
		{ "result", "a link" },
		{ "./result", "with a directory" },
		{ "./result/", "with a slash" },
		{ "relative", "a link to a link" },
		{ "below", "a link to below a path" },
		{ "/nix/store//" HASH "-hello", "two slashes" },
		{ "//nix/store/" HASH "-hello", "two slashes at the beginning" },
		{ "///nix/./store/./" HASH "-hello/.", "dots" },
		{ "/nix/store/../store/" HASH "-hello", "up and down" },
		{ "/nix/store/" OTHER "-b/../" HASH "-hello", "out of another path" },
		{ "/nix/store/" HASH "-hello/bin/../lib//", "up within the path" },
		{ "/../nix/store/" HASH "-hello", "up from the root" },
		{ "nowhere/../" HASH "-hello", "a base name in the end" },
		{ "odd", "a link to an odd path" },
		{ "./nowhere/..//odd/", "an odd way to it" },
		{ "chain", "an odd link to an odd link" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct installable t;
		struct nf_err err;

		if (installable_resolve(&t, nf_slice_str(rows[i].text), &err) != 0)
			fail_msg("%s: %s", rows[i].why, err.text);
		assert_string_equal(t.path.base, HASH "-hello");
		assert_null(t.outputs);
	}
}

/* What is in the store is so by its name, however one is there. */
static void names_are_relative_to_the_current_directory(void **state)
{
	AUTO_FREE char *cwd = getcwd(NULL, 0), *up = NULL;
	struct installable t;
	struct nf_err err;

	(void)state;
	assert_non_null(cwd);
	up = strdup("");
	for (const char *at = cwd; *at; at++)
		if (*at == '/') {
			char *more = NULL;

			assert_true(asprintf(&more, "%s../", up) > 0);
			free(up);
			up = more;
		}
	free(cwd);
	assert_true(asprintf(&cwd, "%snix/store/" HASH "-hello/bin", up) > 0);
	if (installable_resolve(&t, nf_slice_str(cwd), &err))
		fail_msg("%s: %s", cwd, err.text);
	assert_string_equal(t.path.base, HASH "-hello");
}

static void derivations_may_come_with_outputs(void **state)
{
	static const struct {
		const char *text, *outputs, *why;
	} rows[] = {
		{ HASH "-x.drv", NULL, "none" },
		{ HASH "-x.drv!out", "out", "one" },
		{ NF_STORE_DIR "/" HASH "-x.drv!out,dev", "out,dev", "two" },
		{ NF_STORE_DIR "/" HASH "-x.drv^bin", "bin",
		  "as the newest Nix writes it" },
		{ "./x.drv^*", "*", "all, of a link" },
		{ "/nix//store/./" HASH "-x.drv!dev", "dev", "of an odd path" },
	};

	(void)state;
	assert_int_equal(symlink(NF_STORE_DIR "/" HASH "-x.drv", "x.drv"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct installable t;
		struct nf_err err;

		if (installable_resolve(&t, nf_slice_str(rows[i].text), &err) != 0)
			fail_msg("%s: %s", rows[i].why, err.text);
		assert_string_equal(t.path.base, HASH "-x.drv");
		if (rows[i].outputs)
			assert_string_equal(t.outputs, rows[i].outputs);
		else
			assert_null(t.outputs);
		installable_release(&t);
	}
	assert_int_equal(unlink("x.drv"), 0);
}

static void existing_file_may_have_a_separator_in_its_name(void **state)
{
	static const char *const names[] = { "a#b", "a!b", "a^b" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct installable t;

		assert_int_equal(symlink("result", names[i]), 0);
		assert_int_equal(installable_resolve(&t, nf_slice_str(names[i]), NULL),
				 0);
		assert_string_equal(t.path.base, HASH "-hello");
		assert_int_equal(unlink(names[i]), 0);
	}
}

static void other_names_are_usage_errors(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "empty installable" },
		{ "nothing-here",
		  "installable 'nothing-here': 'nothing-here': No such file or directory" },
		{ "loop", "installable 'loop': too many symbolic links" },
		{ "/etc",
		  "installable '/etc': '/etc' is neither in /nix/store nor a symbolic link" },
		{ "outside",
		  "installable 'outside': '/etc' is neither in /nix/store nor a symbolic link" },
		{ "outside/passwd",
		  "installable 'outside/passwd': 'outside/passwd' is neither in /nix/store nor a symbolic link" },
		{ NF_STORE_DIR,
		  "installable '/nix/store': '/nix/store' is the store, not a path in it" },
		{ NF_STORE_DIR "/.",
		  "installable '/nix/store/.': '/nix/store' is the store, not a path in it" },
		{ NF_STORE_DIR "/" HASH "-hello/bin/../..",
		  "installable '/nix/store/" HASH
		  "-hello/bin/../..': '/nix/store' is the store, not a path in it" },
		{ "store",
		  "installable 'store': '/nix/store' is the store, not a path in it" },
		{ "/no-nix/store/..//",
		  "installable '/no-nix/store/..//': '/no-nix': No such file or directory" },
		{ HASH "-x.drv!",
		  "installable '" HASH "-x.drv!': '' is not a list of outputs" },
		{ HASH "-x.drv!a,,b",
		  "installable '" HASH "-x.drv!a,,b': 'a,,b' is not a list of outputs" },
		{ HASH "-x.drv!a/b",
		  "installable '" HASH "-x.drv!a/b': 'a/b' is not a list of outputs" },
		{ HASH "-x!out",
		  "installable '" HASH "-x!out': '" HASH
		  "-x' is not a derivation, and has no outputs to choose from" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct installable t;
		struct nf_err err;

		assert_int_equal(
			installable_resolve(&t, nf_slice_str(rows[i].text), &err),
			-NF_E_USAGE);
		assert_int_equal(err.code, NF_E_USAGE);
		assert_string_equal(err.text, rows[i].want);
	}
}

static void invalid_name_in_the_store_is_a_usage_error(void **state)
{
	struct installable t;
	struct nf_err err;

	(void)state;
	assert_int_equal(
		installable_resolve(&t, NF_SLICE_LIT(NF_STORE_DIR "/.links"), &err),
		-NF_E_USAGE);
	assert_int_equal(err.code, NF_E_USAGE);
	assert_non_null(strstr(err.text, ".links"));
}

static void lists_are_sorted_and_unique(void **state)
{
	AUTO(installables_release) struct installables t = INSTALLABLES_INIT;
	struct nf_err err;

	(void)state;
	assert_int_equal(installables_add_lines(
				 &t, "list",
				 NF_SLICE_LIT(OTHER "-b\n"
						    "\n"
						    "# a remark\n"
						    "  " HASH "-hello \r\n"
						    "./result\n" NF_STORE_DIR "/" OTHER
						    "-b\n" OTHER "-b.drv!dev\n" OTHER
						    "-b.drv\n" OTHER "-b.drv!dev\n"),
				 &err),
			 0);
	assert_int_equal(t.count, 7);
	installables_sort(&t);
	assert_int_equal(t.count, 4);
	assert_string_equal(t.items[0].path.base, HASH "-hello");
	assert_string_equal(t.items[1].path.base, OTHER "-b");
	assert_string_equal(t.items[2].path.base, OTHER "-b.drv");
	assert_null(t.items[2].outputs);
	assert_string_equal(t.items[3].outputs, "dev");
}

static void errors_in_lists_name_the_line(void **state)
{
	AUTO(installables_release) struct installables t = INSTALLABLES_INIT;
	struct nf_err err;

	(void)state;
	assert_int_equal(installables_add_lines(
				 &t, "list", NF_SLICE_LIT(HASH "-hello\n\n/etc\n"), &err),
			 -NF_E_USAGE);
	assert_string_equal(
		err.text,
		"list: line 3: installable '/etc': '/etc' is neither in /nix/store nor a symbolic link");
	assert_int_equal(installables_add_file(&t, "no-list", &err), -NF_E_USAGE);
	assert_int_equal(err.code, NF_E_USAGE);
	assert_non_null(strstr(err.text, "no-list"));
}

static void write_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(close(fd), 0);
}

/* "0c0chgh2ckigyv5crknwvlx2zmyh2dc2-hello\n", twice */
static const char list_xz[] =
	"\375\067\172\130\132\000\000\004\346\326\264\106\002\000\041\001\026\000"
	"\000\000\164\057\345\243\340\000\115\000\055\135\000\030\030\334\004\320"
	"\146\375\252\250\003\175\262\114\310\357\034\127\131\355\314\033\016\164"
	"\276\322\012\017\026\315\074\301\303\025\213\275\013\166\115\244\171\271"
	"\057\101\220\000\000\000\000\000\165\201\060\060\141\376\163\374\000\001"
	"\111\116\360\055\131\220\037\266\363\175\001\000\000\000\000\004\131\132";

static void a_list_may_be_xz(void **state)
{
	AUTO(installables_release) struct installables t = INSTALLABLES_INIT;
	struct nf_err err = { .text = "" };

	(void)state;
	write_file("list.xz", list_xz, sizeof(list_xz) - 1, 0600);
	assert_int_equal(installables_add_file(&t, "list.xz", &err), 0);
	assert_int_equal(t.count, 2);
	assert_string_equal(t.items[1].path.base, HASH "-hello");
	write_file("list.xz", list_xz, sizeof(list_xz) / 2, 0600);
	assert_int_equal(installables_add_file(&t, "list.xz", &err), -NF_E_FORMAT);
	assert_memory_equal(err.text, "list.xz: ", 9);
	assert_int_equal(unlink("list.xz"), 0);
}

/* ---- flakes: a program of that name stands in for nix ---- */

/* Puts it on PATH, alone; NULL: none. */
static void fake_nix(const char *script)
{
	AUTO_FREE char *cwd = getcwd(NULL, 0);

	assert_non_null(cwd);
	unlink("nix");
	if (script)
		write_file("nix", script, strlen(script), 0700);
	assert_int_equal(setenv("PATH", cwd, 1), 0);
}

static void nix_evaluates_a_flake_to_its_derivation(void **state)
{
	struct nf_err err = { .text = "" };
	struct installable t;

	(void)state;
	fake_nix("#!/bin/sh\n"
		 "echo warning: dirty >&2\n"
		 "[ \"$*\" = \"--extra-experimental-features nix-command flakes eval "
		 "--raw -- .#a.b.drvPath\" ] &&\n"
		 "printf %s " NF_STORE_DIR "/" HASH "-x.drv\n");
	if (installable_resolve(&t, NF_SLICE_LIT(".#a.b"), &err))
		fail_msg("%s", err.text);
	assert_string_equal(t.path.base, HASH "-x.drv");
	assert_null(t.outputs);
	if (installable_resolve(&t, NF_SLICE_LIT(".#a.b^dev"), &err))
		fail_msg("%s", err.text);
	assert_string_equal(t.path.base, HASH "-x.drv");
	assert_string_equal(t.outputs, "dev");
	installable_release(&t);
}

static void evaluation_errors_are_reported(void **state)
{
	static const struct {
		const char *script, *want, *why;
	} rows[] = {
		{ NULL, "evaluating a flake needs nix, which is not on PATH", "no nix" },
		{ "#!/bin/sh\necho first >&2\necho 'last words' >&2\nexit 1\n",
		  "nix: last words", "the last line" },
		{ "#!/bin/sh\nprintf '%s\n' warning: 'error: why' '   at x:' '' >&2\n"
		  "exit 1\n",
		  "nix: error: why", "the error rather than where it is" },
		{ "#!/bin/sh\nexit 3\n", "nix: exit status 3", "no words" },
		{ "#!/bin/sh\nkill -9 $$\n", "nix: killed by signal 9", "killed" },
		{ "#!/bin/sh\necho hello\n",
		  "nix returned 'hello', which is not a derivation path",
		  "no derivation" },
		{ "#!/bin/sh\necho " NF_STORE_DIR "/" HASH "-x\n",
		  "nix returned '" NF_STORE_DIR "/" HASH
		  "-x', which is not a derivation path",
		  "a path that is no derivation" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		AUTO_FREE char *want = NULL;
		struct nf_err err;
		struct installable t;

		fake_nix(rows[i].script);
		assert_int_equal(installable_resolve(&t, NF_SLICE_LIT("x#y"), &err),
				 -NF_E_USAGE);
		assert_int_equal(err.code, NF_E_USAGE);
		assert_true(asprintf(&want, "installable 'x#y': %s", rows[i].want) > 0);
		assert_string_equal(err.text, want);
	}
	fake_nix(NULL);
}

/* It has the attribute "own" and the configurations "lab", "web.1" and that of this host,
 * whose derivations have their names. */
#define FAKE_FLAKE                                                                       \
	"#!/bin/sh\n"                                                                    \
	"for ref; do :; done\n"                                                          \
	"case $ref in\n"                                                                 \
	"*#own.drvPath) echo " NF_STORE_DIR "/" HASH "-own.drv;;\n"                      \
	"*'.config.system.build.toplevel.drvPath')\n"                                    \
	"	ref=${ref#*'#nixosConfigurations.\"'}\n"                                       \
	"	echo " NF_STORE_DIR "/" HASH "-${ref%%'\"'*}.drv;;\n"                    \
	"none#nixosConfigurations) echo 'error: no' >&2; exit 1;;\n"                     \
	"*#nixosConfigurations) printf 'lab\\nweb.1\\n%s' %s;;\n"                        \
	"*) echo \"error: flake 'x' does not provide attribute 'y'\" >&2; exit 1;;\n"    \
	"esac\n"

static void put_fake_flake(const char *host)
{
	AUTO_FREE char *script = NULL;
	const char *at = strstr(FAKE_FLAKE, " %s;;");
	int before = (int)(at - FAKE_FLAKE);

	assert_true(asprintf(&script, "%.*s '%s'%s", before, FAKE_FLAKE, host, at + 3) >
		    0);
	fake_nix(script);
}

/* WANT, with the name of this host for "here". */
static void assert_here(const char *got, const char *want, const char *host)
{
	const char *at = strstr(want, "here");
	AUTO_FREE char *whole = NULL;

	if (at)
		assert_true(asprintf(&whole, "%.*s%s%s", (int)(at - want), want, host,
				     at + strlen("here")) > 0);
	assert_string_equal(got, whole ? whole : want);
}

static void flake_configurations_have_names(void **state)
{
	static const struct {
		const char *text, *base, *error; /* one of the two */
	} rows[] = {
		{ "x#own", HASH "-own.drv", NULL },
		{ "x#lab", HASH "-lab.drv", NULL },
		{ "x#web.1", HASH "-web.1.drv", NULL },
		{ "x#nixosConfigurations.lab", HASH "-lab.drv", NULL },
		{ "x#", HASH "-here.drv", NULL },
		{ "config", HASH "-here.drv", NULL },
		{ "./config/", HASH "-here.drv", NULL },
		{ "x#lba", NULL,
		  "installable 'x#lba': flake 'x' has no NixOS configuration 'lba' "
		  "(did you mean 'lab'?); it has: lab, web.1, here" },
		{ "x#something-else", NULL,
		  "installable 'x#something-else': flake 'x' has no NixOS configuration "
		  "'something-else'; it has: lab, web.1, here" },
		{ "none#lab", NULL,
		  "installable 'none#lab': nix: error: flake 'x' does not provide attribute 'y'" },
		{ "none#", NULL, "installable 'none#': nix: error: no" },
	};
	char host[256] = "";

	(void)state;
	assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
	put_fake_flake(host);
	assert_int_equal(mkdir("config", 0700), 0);
	write_file("config/flake.nix", "{ }", 3, 0600);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct nf_err err = { .text = "" };
		struct installable t = { 0 };
		int rc = installable_resolve(&t, nf_slice_str(rows[i].text), &err);

		if (!rc != !rows[i].error)
			fail_msg("%s: %s", rows[i].text, err.text);
		if (rows[i].error)
			assert_here(err.text, rows[i].error, host);
		else
			assert_here(t.path.base, rows[i].base, host);
		assert_true(rc || t.is_flake);
		installable_release(&t);
	}
	fake_nix(NULL);
	unlink("config/flake.nix");
	assert_int_equal(rmdir("config"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lead_to_store_paths),
		cmocka_unit_test(names_are_relative_to_the_current_directory),
		cmocka_unit_test(derivations_may_come_with_outputs),
		cmocka_unit_test(existing_file_may_have_a_separator_in_its_name),
		cmocka_unit_test(other_names_are_usage_errors),
		cmocka_unit_test(invalid_name_in_the_store_is_a_usage_error),
		cmocka_unit_test(lists_are_sorted_and_unique),
		cmocka_unit_test(errors_in_lists_name_the_line),
		cmocka_unit_test(a_list_may_be_xz),
		cmocka_unit_test(nix_evaluates_a_flake_to_its_derivation),
		cmocka_unit_test(evaluation_errors_are_reported),
		cmocka_unit_test(flake_configurations_have_names),
	};

	return cmocka_run_group_tests(tests, make_links, remove_links);
}
