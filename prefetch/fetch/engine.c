#include "fetch/engine.h"

#include "base/mem.h"

int64_t engine_now_ms(const struct engine *e)
{
	return e->transport.now_ms(e->transport.ctx);
}

/* xorshift32: only for jitter. */
uint32_t engine_random(struct engine *e)
{
	e->random ^= e->random << 13;
	e->random ^= e->random >> 17;
	e->random ^= e->random << 5;
	return e->random;
}

void engine_fail(struct engine *e, const char *path, int code, const char *text)
{
	struct fetch_result *r = e->result;

	code = code < 0 ? -code : code;
	if (path) {
		r->failures = mem_realloc(r->failures, r->failure_count + 1,
					  sizeof(r->failures[0]));
		r->failures[r->failure_count++] = (struct fetch_failure){
			.path = mem_strdup(path),
			.code = code,
			.text = mem_strdup(text),
		};
	}
	if (err_gravity(code) <= err_gravity(e->rc))
		return;
	e->rc = path ? err_set(&e->err, (enum nf_error)code, "path '%s': %s", path, text)
		     : err_set(&e->err, (enum nf_error)code, "%s", text);
}

void engine_broken(struct engine *e, const char *where, int code, const char *text)
{
	bool is_full = code == NF_E_NOSPACE || code == -NF_E_NOSPACE;
	AUTO_FREE char *whole = NULL;

	e->stopping = true;
	if (atomic_exchange(&e->is_broken, true))
		return;
	whole = mem_printf("'%s': %s%s", where, text,
			   is_full ? "; free some space, then run the same command again"
				   : "");
	engine_fail(e, NULL, code, whole);
}

bool engine_is_caches_fault(int rc)
{
	switch (-rc) {
	case NF_E_FORMAT:
	case NF_E_LIMIT:
	case NF_E_HASH:
	case NF_E_UNSUPPORTED:
	case NF_E_MISSING:
		return true;
	default:
		return false;
	}
}
