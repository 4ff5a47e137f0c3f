# The parts of JSON Schema that docs/schemas/ use: the places where the input does not follow $schema.
def kind: if type == "number" and . == floor then "integer" else type end;

def faults($schema; $at):
	. as $value
	| (if $schema.type then
		[$schema.type] | flatten | if index($value | kind) or (index("number") and ($value | type) == "number")
			then empty else "\($at): \($value | kind) instead of \(join(" or "))" end
	else empty end),
	(if $schema.enum and ($schema.enum | index($value) | not) then "\($at): \($value)" else empty end),
	(if type == "object" then
		($schema.required // [] | .[] | select(. as $key | $value | has($key) | not) | "\($at): no \(.)"),
		(to_entries[] | .key as $key | .value
			| if $schema.properties[$key]? then faults($schema.properties[$key]; "\($at).\($key)")
			elif $schema.additionalProperties == false then "\($at): unknown \($key)"
			else empty end)
	else empty end),
	(if type == "array" and $schema.items then .[] | faults($schema.items; "\($at)[]") else empty end),
	(if $schema.oneOf then
		[$schema.oneOf[] as $one | [$value | faults($one; $at)]]
		| if any(length == 0) then empty else min_by(length) | .[] end
	else empty end);

faults($schema[0]; "")
