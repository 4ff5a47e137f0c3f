/* Defines the real functions, not the versions for clang's analyzer. */
#undef __clang_analyzer__
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/shorten.h"

static const struct {
	int exit_status;
	const char *name;
} classes[] = {
	[0] = { 0, "no error" },
	[NF_E_SYS] = { 1, "system error" },
	[NF_E_USAGE] = { 2, "wrong usage" },
	[NF_E_MISSING] = { 3, "incomplete" },
	[NF_E_TRUST] = { 4, "not trusted" },
	[NF_E_FORMAT] = { 5, "corrupt" },
	[NF_E_LIMIT] = { 5, "over a limit" },
	[NF_E_HASH] = { 5, "corrupt" },
	[NF_E_UNSUPPORTED] = { 5, "not supported" },
	[NF_E_NET] = { 6, "network" },
	[NF_E_NOSPACE] = { 7, "no space" },
	[NF_E_INTR] = { 130, "interrupted" },
};

static unsigned class_of(int error)
{
	unsigned code = error < 0 ? 0U - (unsigned)error : (unsigned)error;

	return code < sizeof(classes) / sizeof(classes[0]) ? code : NF_E_SYS;
}

int nf_exit_status(int error)
{
	return classes[class_of(error)].exit_status;
}

const char *nf_error_name(int error)
{
	return classes[class_of(error)].name;
}

int err_set(struct nf_err *err, enum nf_error code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -(int)code;
	err->code = code;
	err->sys_errno = 0;
	va_start(ap, fmt);
	shorten_format(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -(int)code;
}

int err_sys(struct nf_err *err, const char *fmt, ...)
{
	int saved = errno;
	enum nf_error code = saved == ENOSPC || saved == EDQUOT ? NF_E_NOSPACE : NF_E_SYS;
	char cause[128];
	va_list ap;
	size_t len;

	if (!err)
		return -(int)code;
	err->code = code;
	err->sys_errno = saved;
	va_start(ap, fmt);
	shorten_format(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	len = strlen(err->text);
	snprintf(err->text + len, sizeof(err->text) - len, ": %s",
		 strerror_r(saved, cause, sizeof(cause)));
	errno = saved;
	return -(int)code;
}

int err_prefix(struct nf_err *err, int rc, const char *fmt, ...)
{
	char prefix[NF_ERR_TEXT_MAX];
	size_t len, tail;
	va_list ap;

	if (!err)
		return rc;
	va_start(ap, fmt);
	shorten_format(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	len = strlen(prefix);
	if (len > sizeof(err->text) - 3)
		len = sizeof(err->text) - 3;
	tail = strlen(err->text);
	if (tail > sizeof(err->text) - 3 - len)
		tail = sizeof(err->text) - 3 - len;
	memmove(err->text + len + 2, err->text, tail);
	memcpy(err->text, prefix, len);
	memcpy(err->text + len, ": ", 2);
	err->text[len + 2 + tail] = '\0';
	return rc;
}

bool err_is_shortage(const struct nf_err *err)
{
	switch (err->sys_errno) {
	case ENOSPC:
	case EDQUOT:
	case EROFS:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return true;
	default:
		return err->code == NF_E_NOSPACE;
	}
}

int err_gravity(int code)
{
	static const int order[] = {
		0,	    NF_E_MISSING, NF_E_NET,  NF_E_UNSUPPORTED,
		NF_E_LIMIT, NF_E_FORMAT,  NF_E_HASH, NF_E_TRUST,
		NF_E_USAGE, NF_E_NOSPACE, NF_E_SYS,  NF_E_INTR,
	};
	int positive = code < 0 ? -code : code;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (order[i] == positive)
			return (int)i;
	return 0;
}
