/* Which keys an importer of a bundle must trust, as text and as JSON. */
#ifndef KEY_REPORT_H
#define KEY_REPORT_H

#include <nixferry/trust.h>

#include "base/buf.h"
#include "cmd/json.h"
#include "cmd/ui.h"

/* Adds lines with the options that an import needs, ready to be pasted. OWN is the key
 * "NAME:BASE64" that signed the bundle, or NULL if it is not known. */
void key_report_add_text(struct buf *out, const char *own,
			 const struct nf_key_needs *needs);

/* Adds "neededKeys" and, for OWN, "bundleKey" to the object that DOC is in. With RING,
 * each says whether it is trusted there. */
void key_report_add_json(struct json_doc *doc, const char *own,
			 const struct nf_key_needs *needs, const struct nf_keyring *ring);

/* Whether the key TEXT (NULL if it is not known) is in RING. */
bool key_report_is_trusted(const struct nf_keyring *ring, const char *text);

/* Warns about each key that a bundle needs and that is not trusted. BY is the signer of
 * the bundle, which lists the keys. */
void key_report_warn(struct ui *ui, const struct nf_key_needs *needs,
		     const char *signed_by);

/* Warns about COUNT paths of a bundle whose signatures --no-check-sigs left unchecked. */
void key_report_warn_unchecked(struct ui *ui, size_t count);

/* The maximum of a buffer that the lines fit in. */
#define KEY_REPORT_MAX (256 * 1024)

#endif
