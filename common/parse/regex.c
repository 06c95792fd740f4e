#include "common/conf/regex.h"
#include "common/parse/canon.h"
#include "common/parse/format.h"

/*
 * A pattern of the user's: each named group that took part becomes a field.
 *
 *	^(?<time>\S+) (?<level>\w+) \[(?<thread>[^]]+)\] (?<message>.*)
 *
 * Names are mapped as those of JSON are, so `lvl` and `ts` do as well.
 */
int format_regex(const struct regex *regex, struct span text, struct record *rec)
{
	struct span groups[REGEX_GROUPS_MAX + 1];
	int n = regex_exec(regex, text, 0, groups, REGEX_GROUPS_MAX + 1);
	uint32_t before = rec->nfields;

	/* No match, or past the match limit: the line keeps its text and is flagged. */
	if (n <= 0)
		return 0;
	for (int i = 1; i < n; i++) {
		struct span name = regex_group_name(regex, (size_t)i);

		if (!name.len || !groups[i].ptr || record_get(rec, name))
			continue;
		int r = record_add(rec, (struct field){.key = name,
						       .text = groups[i],
						       .type = bare_value_type(groups[i])});

		if (r < 0)
			return r;
	}
	if (rec->nfields == before)
		return 0;
	int r = canon_map(rec);

	return r < 0 ? r : 1;
}
