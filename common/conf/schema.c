/* Option tables as JSON Schema (2020-12), for editors and for people's CI. */
#include "common/base/num.h"
#include "common/conf/internal.h"
#include "common/data/json_write.h"

static void describe_mapping(const struct conf_schema *schema, struct buf *out);

static void put_member(struct buf *out, const char *key, const char *value)
{
	buf_puts(out, SPAN(","));
	json_write_string(out, span_cstr(key));
	buf_putc(out, ':');
	json_write_string(out, span_cstr(value));
}

/* Scalars stay text until a row reads them, so 5 and "5" are the same here. */
static const char *type_of(const struct sl_option *row)
{
	static const char *const types[] = {
		[SL_OPT_STR] = "\"type\":[\"string\",\"number\",\"boolean\"]",
		[SL_OPT_INT] = "\"type\":\"integer\"",
		[SL_OPT_BOOL] = "\"type\":\"boolean\"",
		[SL_OPT_SIZE] = "\"type\":[\"string\",\"integer\"],\"pattern\":"
				"\"^[0-9.]+ ?([KMGT]i?)?B?$\"",
		[SL_OPT_DURATION] = "\"type\":[\"string\",\"integer\"],\"pattern\":"
				    "\"^-?([0-9.]+(ns|us|µs|ms|s|m|h|d|w)|0)+$\"",
		[SL_OPT_LIST] = "\"type\":[\"array\",\"string\"],\"items\":{\"type\":"
				"[\"string\",\"number\",\"boolean\"]}",
		[SL_OPT_PAIRS] = "\"type\":\"object\",\"additionalProperties\":{\"type\":"
				 "[\"string\",\"number\",\"boolean\"]}",
		[SL_OPT_REGEX] = "\"type\":\"string\",\"format\":\"regex\"",
		[SL_OPT_ENUM] = "\"type\":\"string\"",
	};
	static const char secret[] =
		"\"type\":\"object\",\"minProperties\":1,\"maxProperties\":1,"
		"\"properties\":{\"file\":{\"type\":\"string\"},\"credential\":{\"type\":"
		"\"string\"}},\"additionalProperties\":false";

	if ((row->flags & SL_OPT_SECRET) && row->type == SL_OPT_PAIRS)
		return "\"type\":\"object\"";
	return row->flags & SL_OPT_SECRET ? secret : types[row->type];
}

/* A default that is a number or a truth there, too; tables of plugins may write `yes`. */
static bool reads_as_json(const struct sl_option *row)
{
	struct span text = span_cstr(row->def);
	int64_t number;

	if (row->type == SL_OPT_BOOL)
		return span_eq(text, SPAN("true")) || span_eq(text, SPAN("false"));
	return row->type == SL_OPT_INT && num_parse_i64(text, &number) == 0;
}

static void describe_option(const struct sl_option *row, struct buf *out)
{
	json_write_string(out, span_cstr(row->name));
	buf_puts(out, SPAN(":{"));
	buf_puts(out, span_cstr(type_of(row)));
	if (row->type == SL_OPT_ENUM) {
		buf_puts(out, SPAN(",\"enum\":["));
		for (size_t i = 0; option_choice(row, i).ptr; i++) {
			if (i)
				buf_putc(out, ',');
			json_write_string(out, option_choice(row, i));
		}
		buf_putc(out, ']');
	}
	if (row->type == SL_OPT_INT && (row->min || row->max)) {
		buf_printf(out, ",\"minimum\":%lld", (long long)row->min);
		if (row->max > 0 || row->min < 0)
			buf_printf(out, ",\"maximum\":%lld", (long long)row->max);
	}
	if (row->help)
		put_member(out, "description", row->help);
	if (row->def && reads_as_json(row))
		buf_printf(out, ",\"default\":%s", row->def);
	else if (row->def)
		put_member(out, "default", row->def);
	buf_putc(out, '}');
}

void conf_json_properties(const struct sl_option *options, struct buf *out)
{
	for (const struct sl_option *row = options; row && row->name; row++) {
		if (row != options)
			buf_putc(out, ',');
		describe_option(row, out);
	}
}

static void describe_sub(const struct conf_sub *sub, struct buf *out)
{
	json_write_string(out, span_cstr(sub->name));
	buf_putc(out, ':');
	if (sub->kind == CONF_RAW) {
		if (sub->describe)
			sub->describe(out);
		else
			buf_puts(out, SPAN("true"));
		return;
	}
	if (sub->kind == CONF_MANY)
		buf_puts(out, SPAN("{\"type\":\"array\",\"items\":"));
	describe_mapping(sub->schema, out);
	if (sub->kind == CONF_MANY)
		buf_putc(out, '}');
}

/* ,"required":["a","b"] or nothing. */
static void describe_required(const struct sl_option *options, struct buf *out)
{
	bool any = false;

	for (const struct sl_option *row = options; row && row->name; row++) {
		if (!(row->flags & SL_OPT_REQUIRED))
			continue;
		buf_puts(out, any ? SPAN(",") : SPAN(",\"required\":["));
		json_write_string(out, span_cstr(row->name));
		any = true;
	}
	if (any)
		buf_putc(out, ']');
}

/* properties and required; `more` is a further property, or empty. */
static void describe_members(const struct conf_schema *schema, struct span more, struct buf *out)
{
	bool comma = more.len || (schema->options && schema->options->name);

	buf_puts(out, SPAN("\"properties\":{"));
	buf_puts(out, more);
	if (more.len && schema->options && schema->options->name)
		buf_putc(out, ',');
	conf_json_properties(schema->options, out);
	for (const struct conf_sub *sub = schema->subs; sub && sub->name; sub++) {
		if (comma)
			buf_putc(out, ',');
		comma = true;
		describe_sub(sub, out);
	}
	buf_putc(out, '}');
	describe_required(schema->options, out);
}

static void describe_variants(const struct conf_schema *schema, struct buf *out)
{
	const struct sl_option *row = option_find(schema->options, SPAN("type"));
	bool any = false;

	buf_puts(out, SPAN(",\"allOf\":["));
	for (size_t i = 0; row && option_choice(row, i).ptr; i++) {
		if (!schema->variants[i])
			continue;
		if (any)
			buf_putc(out, ',');
		any = true;
		buf_puts(out, SPAN("{\"if\":{\"properties\":{\"type\":{\"const\":"));
		json_write_string(out, option_choice(row, i));
		buf_puts(out, SPAN("}}"));
		if (!row->def)
			buf_puts(out, SPAN(",\"required\":[\"type\"]"));
		buf_puts(out, SPAN("},\"then\":{"));
		describe_members(schema->variants[i], SPAN(""), out);
		buf_puts(out, SPAN("}}"));
	}
	buf_putc(out, ']');
}

/* Everything between the braces of a mapping. */
static void describe_body(const struct conf_schema *schema, struct span more, struct buf *out)
{
	buf_puts(out, SPAN("\"type\":\"object\","));
	describe_members(schema, more, out);
	if (schema->variants)
		describe_variants(schema, out);
	buf_puts(out, SPAN(",\"unevaluatedProperties\":false"));
}

static void describe_mapping(const struct conf_schema *schema, struct buf *out)
{
	buf_putc(out, '{');
	describe_body(schema, SPAN(""), out);
	buf_putc(out, '}');
}

void conf_json_schema(const struct conf_schema *schema, const char *title, struct buf *out)
{
	buf_puts(out, SPAN("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\""));
	put_member(out, "title", title);
	buf_putc(out, ',');
	describe_body(schema,
		      SPAN("\"include\":{\"type\":[\"string\",\"array\"],\"description\":"
			   "\"further files, as names or patterns beside this one\"}"),
		      out);
	buf_puts(out, SPAN("}\n"));
}
