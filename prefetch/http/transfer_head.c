#include <string.h>
#include <strings.h>

#include "base/slice.h"
#include "http/transfer_private.h"

const char *transfer_header(struct transfer *x, const char *name)
{
	struct curl_header *h;

	if (curl_easy_header(x->easy, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK)
		return NULL;
	return h->value;
}

/* "bytes START-END/TOTAL", where TOTAL may be an asterisk; in a 416, everything except
 * TOTAL is one. */
static void parse_content_range(struct transfer_head *head, const char *value)
{
	struct nf_slice rest, start, end;
	uint64_t last;

	head->range_total = UINT64_MAX;
	if (!value)
		return;
	rest = nf_slice_str(value);
	if (!slice_skip_prefix(&rest, "bytes "))
		return;
	if (slice_skip_prefix(&rest, "*/")) {
		if (!slice_parse_u64(rest, &head->range_total))
			head->range_total = UINT64_MAX;
		return;
	}
	start = slice_cut(&rest, '-');
	end = slice_cut(&rest, '/');
	head->range_ok =
		slice_parse_u64(start, &head->range_start) &&
		slice_parse_u64(end, &last) && last >= head->range_start &&
		last < UINT64_MAX &&
		(nf_slice_is(rest, "*") || slice_parse_u64(rest, &head->range_total));
	if (head->range_ok)
		head->range_end = last + 1;
}

/* Some servers send "none". */
static bool is_encoded(struct transfer *x)
{
	const char *value = transfer_header(x, "Content-Encoding");
	struct nf_slice name = slice_trim(nf_slice_str(value ? value : ""));

	return name.len && !nf_slice_is(name, "none") &&
	       strcasecmp(value, "identity") != 0;
}

static int tell_head(struct transfer *x)
{
	struct transfer_head head = { .length = -1 };
	const char *ranges = transfer_header(x, "Accept-Ranges");
	curl_off_t length;

	if (!x->req.head)
		return 0;
	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &head.status);
	head.encoded = is_encoded(x);
	if (!head.encoded &&
	    curl_easy_getinfo(x->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length) ==
		    CURLE_OK)
		head.length = length;
	parse_content_range(&head, transfer_header(x, "Content-Range"));
	head.ranges = !head.encoded && ranges && strcasecmp(ranges, "bytes") == 0;
	head.etag = transfer_header(x, "ETag");
	if (head.etag && (head.encoded || strncmp(head.etag, "W/", 2) == 0))
		head.etag = NULL;
	return x->req.head(x->req.ctx, &head, &x->err);
}

static bool leads_elsewhere(struct transfer *x)
{
	long status = 0;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
	return status >= 300 && status < 400 && transfer_header(x, "Location");
}

void transfer_see_head(struct transfer *x)
{
	if (x->head_seen)
		return;
	x->head_seen = true;
	x->is_redirect = leads_elsewhere(x);
	if (!x->is_redirect)
		x->rc = tell_head(x);
}
