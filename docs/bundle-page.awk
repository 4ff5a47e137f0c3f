# bundle-format.md as nixferry-bundle(5): headings, paragraphs, lists, tables and examples.
# awk -v version=VERSION -v date=DATE -f bundle-page.awk bundle-format.md

function escaped(s)
{
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	gsub(/'/, "\\(aq", s)
	gsub(/\^/, "\\(ha", s)
	gsub(/~/, "\\(ti", s)
	gsub(/"/, "\\(dq", s)
	return s
}

# Also `code`, **bold** and [links](where).
function inline(s)
{
	s = escaped(s)
	while (match(s, /\[[^]]*\]\([^)]*\)/)) {
		link = substr(s, RSTART + 1, RLENGTH - 1)
		sub(/\].*/, "", link)
		s = substr(s, 1, RSTART - 1) link substr(s, RSTART + RLENGTH)
	}
	while (match(s, /\*\*[^*]*\*\*/))
		s = substr(s, 1, RSTART - 1) "\\fB" substr(s, RSTART + 2, RLENGTH - 4) "\\fR" \
			substr(s, RSTART + RLENGTH)
	while (match(s, /`[^`]*`/))
		s = substr(s, 1, RSTART - 1) "\\fB" substr(s, RSTART + 1, RLENGTH - 2) "\\fR" \
			substr(s, RSTART + RLENGTH)
	return s
}

# Words in lines of 72 characters, none of which looks like a request.
function fill(s, n, i, words, line)
{
	n = split(s, words, / +/)
	line = ""
	for (i = 1; i <= n; i++) {
		if (line != "" && length(line) + length(words[i]) > 72) {
			put(line)
			line = ""
		}
		line = line (line == "" ? "" : " ") words[i]
	}
	put(line)
}

function put(line)
{
	print (line ~ /^[.]/ ? "\\&" : "") line
}

# Ends the paragraph, item or row that is being collected.
function flush()
{
	if (text != "")
		fill(inline(text))
	text = ""
}

# Ends an example or a table.
function leave()
{
	flush()
	if (state == "example")
		print ".EE"
	if (state == "table")
		print ".TE"
	state = ""
}

function begin(request)
{
	leave()
	if (!is_first)
		print request
	is_first = 0
}

function add_row(s, n, i, cells)
{
	gsub(/^\| *| *\|$/, "", s)
	n = split(s, cells, / *\| */)
	if (state != "table") {
		leave()
		print ".TS"
		for (i = 1; i < n; i++)
			printf "l "
		print "lx."
		state = "table"
	}
	for (i = 1; i < n; i++)
		printf "%s\t", inline(cells[i])
	print "T{"
	fill(inline(cells[n]))
	print "T}"
}

BEGIN {
	printf "'\\\" t\n.TH \"NIXFERRY\\-BUNDLE\" 5 %s \"nixferry %s\" \"nixferry manual\"\n", date, version
	print ".SH NAME\nnixferry\\-bundle \\- a signed file that carries store paths\n.SH DESCRIPTION"
	is_first = 1
}

/^# / { next }
/^## / { leave(); print ".SH \"" inline(substr($0, 4)) "\""; is_first = 1; next }
/^    / {
	if (state != "example") {
		begin(".PP")
		print ".EX"
		state = "example"
	}
	put(escaped($0))
	next
}
/^\|[-|]*\|$/ { next }
/^\|/ { add_row($0); is_first = 0; next }
/^\* / { leave(); print ".IP \\(bu 2"; text = substr($0, 3); is_first = 0; next }
/^[0-9]+\. / { leave(); print ".IP " $1 " 4"; text = substr($0, length($1) + 2); is_first = 0; next }
/^$/ { flush(); if (state != "example") leave(); else print ""; next }
{
	if (text == "") {
		if (state != "")
			leave()
		if (!is_first)
			print ".PP"
		is_first = 0
	}
	sub(/^ +/, "")
	text = text (text == "" ? "" : " ") $0
}
END {
	leave()
	print ".SH SEE ALSO\n.BR nixferry (1)"
}
