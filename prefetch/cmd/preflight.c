#include "cmd/preflight.h"

#include "pool/pack_output.h"

int preflight_output(const char *output, bool json, bool read_only, struct nf_err *err)
{
	if (json && pack_output_is_stdout(output))
		return err_set(err, NF_E_USAGE,
			       "--json and --output - both want standard output");
	return pack_output_check(output, read_only, err);
}
