/* Handles a file whose size turns out to differ from the assumed one. */
#include "dispatch/state.h"

static uint64_t end_of(uint64_t size)
{
	return size ? size : DISPATCH_TO_END;
}

/* Number of bytes of a range after FROM. */
static uint64_t bytes_after(uint64_t from, struct byte_range range)
{
	if (range.end <= from)
		return 0;
	return range.end - (range.from > from ? range.from : from);
}

static bool is_part_of(const struct assignment *p, uint32_t file)
{
	return p->is_active && !p->is_cancelled && p->file == file;
}

/* Bytes after FROM that are missing or in progress; those of a race count twice. */
static uint64_t missing_behind(const struct dispatch *d, uint32_t file, uint64_t from)
{
	const struct file *f = &d->files[file];
	uint64_t sum = 0;

	for (size_t i = 0; i < f->holes.len; i++)
		sum += bytes_after(from, f->holes.list[i]);
	for (uint32_t i = 0; f->parts && i < d->part_count; i++)
		if (is_part_of(&d->parts[i], file))
			sum += bytes_after(from, (struct byte_range){ d->parts[i].at,
								      d->parts[i].end });
	return sum;
}

static void shorten(struct dispatch *d, uint32_t file, uint64_t end)
{
	byte_ranges_cut(&d->files[file].holes, end);
	for (uint32_t i = 0; d->files[file].parts && i < d->part_count; i++) {
		struct assignment *p = &d->parts[i];

		if (!is_part_of(p, file) || p->end <= end)
			continue;
		p->end = end;
		if (p->at > end)
			p->from = p->at = end;
		speed_part_resized(d, p);
	}
}

bool resize_file(struct dispatch *d, uint32_t file, uint32_t part, uint64_t size)
{
	struct file *f = &d->files[file];
	uint64_t old = end_of(f->size), end = end_of(size);

	if (end < old && missing_behind(d, file, end) < old - end)
		return false;
	if (end < old) {
		shorten(d, file, end);
	} else if (part != NONE && d->parts[part].end == old) {
		d->parts[part].end = end;
		speed_part_resized(d, &d->parts[part]);
	} else {
		byte_ranges_add(&f->holes, old, end);
	}
	f->size = size;
	return true;
}
