/* Answers the requests of the test cache. */
#ifndef ANSWER_H
#define ANSWER_H

#include <microhttpd.h>

#include "fault.h"
#include "pace.h"

struct answerer {
	int root_fd;   /* what is served */
	int log_fd;    /* "METHOD TARGET STATUS BYTES RANGE" per line, before the body is
			  sent, followed by the Authorization header if there was one; -1:
			  none. STATUS 0 is a connection closed without a response */
	int sent_fd;   /* "PATH START BYTES" per line, at the end of a body that is slowed
			  down or broken off: how much of it was sent; -1: none */
	int header_fd; /* "PATH NAME: VALUE" per header of a request; -1: none */
	struct pace *pace; /* for all bodies together */
	const char *auth;  /* "USER:PASSWORD" that every request must have; or NULL */
	struct faults *faults;
};

/* An MHD_AccessHandlerCallback; CLS is a struct answerer. */
enum MHD_Result answer_request(void *cls, struct MHD_Connection *conn, const char *url,
			       const char *method, const char *version,
			       const char *upload, size_t *upload_size, void **con_cls);

#endif
