#include "base/units.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/slice.h"

struct unit {
	char letter;
	uint64_t size;
};

static bool parse_quantity(struct nf_slice text, const struct unit *units, size_t count,
			   uint64_t unit, uint64_t *ret)
{
	char last = text.len ? text.ptr[text.len - 1] : '\0';
	uint64_t number;

	for (size_t i = 0; i < count; i++)
		if (last == units[i].letter) {
			unit = units[i].size;
			text.len--;
			break;
		}
	return slice_parse_u64(text, &number) &&
	       !__builtin_mul_overflow(number, unit, ret);
}

bool units_parse_size(struct nf_slice text, uint64_t *ret)
{
	static const struct unit units[] = {
		{ 'K', 1ULL << 10 }, { 'k', 1ULL << 10 }, { 'M', 1ULL << 20 },
		{ 'm', 1ULL << 20 }, { 'G', 1ULL << 30 }, { 'g', 1ULL << 30 },
		{ 'T', 1ULL << 40 }, { 't', 1ULL << 40 },
	};

	return parse_quantity(text, units, ARRAY_SIZE(units), 1, ret);
}

bool units_parse_duration(struct nf_slice text, uint64_t unit, uint64_t *ret)
{
	static const struct unit units[] = {
		{ 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 24 * 3600 }
	};

	return parse_quantity(text, units, ARRAY_SIZE(units), unit, ret);
}
