#include "input/flake_ref.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/slice.h"
#include "base/subprocess.h"

#define ANSWER_MAX (4 * KIB)

static int evaluate(struct buf *out, const char *ref, struct nf_err *err)
{
	AUTO_FREE char *attr = mem_printf("%s.drvPath", ref);
	const char *const argv[] = {
		"nix",
		"--extra-experimental-features",
		"nix-command flakes",
		"eval",
		"--raw",
		"--",
		attr,
		NULL,
	};
	int rc = subprocess_run(argv, out, err);

	if (rc == -NF_E_MISSING)
		return err_set(err, NF_E_USAGE,
			       "evaluating a flake needs nix, which is not on PATH");
	if (rc == -NF_E_SYS && err)
		err->code = NF_E_USAGE;
	return rc == -NF_E_SYS ? -NF_E_USAGE : rc;
}

int flake_ref_derivation(struct nf_storepath *ret, const char *ref, struct nf_err *err)
{
	AUTO_BUF struct buf out = { 0 };
	AUTO_FREE char *path = NULL;
	struct nf_slice answer;
	int rc;

	buf_init(&out, ANSWER_MAX);
	rc = evaluate(&out, ref, err);
	if (rc)
		return rc;
	answer = slice_trim(buf_slice(&out));
	answer = slice_cut(&answer, '\n');
	path = path_canon(answer);
	if (nf_storepath_parse(ret, nf_slice_str(path), NULL) ||
	    !nf_storepath_is_drv(ret))
		return err_set(err, NF_E_USAGE,
			       "nix returned '%.*s', which is not a derivation path",
			       NF_SLICE_ARG(answer));
	return 0;
}
