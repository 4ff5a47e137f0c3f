#include "cmd/doctor_findings.h"

#include <string.h>

#include "expect.h"

static void the_gravest_problem_is_the_verdict(void **state)
{
	struct doctor_findings f = { 0 };
	struct nf_err err;

	(void)state;
	assert_int_equal(doctor_findings_verdict(&f, &err), 0);
	doctor_findings_ok(&f, "a", "fine");
	doctor_findings_note(&f, "b", "advice", "could be %s", "better");
	assert_int_equal(doctor_findings_verdict(&f, &err), 0);
	assert_string_equal(f.items[1].text, "could be better");
	doctor_findings_problem(&f, "cache", NF_E_NET, "advice", "%d is gone", 1);
	expect_error(err, doctor_findings_verdict(&f, &err), NF_E_NET,
		     "1 problem, the gravest: cache: 1 is gone");
	doctor_findings_problem(&f, "disk", -NF_E_NOSPACE, NULL, "it is full");
	doctor_findings_problem(&f, "keys", NF_E_TRUST, NULL, "there is none");
	expect_error(err, doctor_findings_verdict(&f, &err), NF_E_NOSPACE,
		     "3 problems, the gravest: disk: it is full");
	doctor_findings_release(&f);
}

static void json_has_each_line_of_advice(void **state)
{
	AUTO(json_doc_freep) struct json_doc *doc = json_doc_new();
	struct doctor_findings f = { 0 };
	AUTO_FREE char *line = NULL;

	(void)state;
	doctor_findings_ok(&f, "a", "fine");
	doctor_findings_problem(&f, "b", NF_E_SYS, "one\ntwo\n", "bad");
	doctor_findings_add_json(&f, doc);
	line = json_line(doc);
	assert_string_equal(
		line,
		"{\"findings\":[{\"level\":\"ok\",\"area\":\"a\",\"text\":\"fine\",\"advice\":[]},"
		"{\"level\":\"problem\",\"area\":\"b\",\"text\":\"bad\",\"advice\":[\"one\",\"two\"]}]}");
	doctor_findings_release(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_gravest_problem_is_the_verdict),
		cmocka_unit_test(json_has_each_line_of_advice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
