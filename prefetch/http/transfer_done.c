/* The report on a transfer that has ended. */
#include <stdio.h>

#include "http/transfer_private.h"

double transfer_seconds(const struct transfer *x, CURLINFO which)
{
	curl_off_t us = 0;

	curl_easy_getinfo(x->easy, which, &us);
	return (double)us / 1e6;
}

static enum transfer_cause cause_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return TRANSFER_NO_HOST;
	case CURLE_COULDNT_CONNECT:
		return TRANSFER_REFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return TRANSFER_TIMEOUT;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return TRANSFER_TLS;
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_BAD_CONTENT_ENCODING:
		return TRANSFER_ASTRAY;
	default:
		return TRANSFER_OTHER;
	}
}

static const char *http_version_name(long version)
{
	switch (version) {
	case CURL_HTTP_VERSION_1_0:
		return "1.0";
	case CURL_HTTP_VERSION_1_1:
		return "1.1";
	case CURL_HTTP_VERSION_2_0:
		return "2";
	case CURL_HTTP_VERSION_3:
		return "3";
	default:
		return "";
	}
}

void transfer_describe(struct transfer *x, CURLcode code, struct transfer_done *d)
{
	curl_off_t wait = 0;
	long version = 0;
	double asked_s;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &d->status);
	curl_easy_getinfo(x->easy, CURLINFO_HTTP_VERSION, &version);
	d->redirects = x->route.redirects;
	snprintf(d->http_version, sizeof(d->http_version), "%s",
		 http_version_name(version));
	d->bytes = x->bytes;
	d->connect_s = x->connect_s + transfer_seconds(x, CURLINFO_CONNECT_TIME_T);
	d->first_byte_s = transfer_seconds(x, CURLINFO_STARTTRANSFER_TIME_T);
	d->total_s = transfer_seconds(x, CURLINFO_TOTAL_TIME_T);
	d->retry_after_s = -1;
	if (transfer_header(x, "Retry-After") &&
	    curl_easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK)
		d->retry_after_s = wait;
	asked_s = transfer_seconds(x, CURLINFO_PRETRANSFER_TIME_T);
	d->answer_s = d->first_byte_s - asked_s;
	d->cause = cause_of(code);
	d->stalled = d->cause == TRANSFER_TIMEOUT && (d->connect_s > 0 || asked_s > 0);
	d->connected =
		d->cause == TRANSFER_OTHER || d->cause == TRANSFER_ASTRAY || d->stalled;
}
