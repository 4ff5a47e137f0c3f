#include "cmd/sandbox_options.h"

#include "cmd/ui.h"

static const struct cmd_option options[] = {
	{ .name = "no-sandbox",
	  .help = "keep all privileges while parsing, for systems where the sandbox is in the way" },
	{ 0 },
};
const struct cmd_option_group options_sandbox = { "Sandbox", options };

static const char *missing(const struct sandbox_state *state)
{
	if (!state->files && !state->calls)
		return "files (Landlock) or system calls (seccomp)";
	return state->files ? "system calls (seccomp)" : "files (Landlock)";
}

int sandbox_options_enter(const struct sandbox *s, const struct cmd_args *args,
			  struct ui *ui, struct nf_err *err)
{
	struct sandbox_state state = { 0 };
	int rc;

	if (cmd_args_flag(args, "no-sandbox")) {
		ui_warn(ui,
			"--no-sandbox: a fault in a parser gives an attacker all privileges of this process");
		return 0;
	}
	rc = sandbox_enter(s, &state, err);
	if (!rc && (!state.files || !state.calls))
		ui_note(ui, "this kernel cannot restrict %s: the sandbox is incomplete",
			missing(&state));
	return rc;
}
