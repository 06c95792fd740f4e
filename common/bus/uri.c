#include "common/bus/uri.h"

#include "common/base/num.h"
#include <errno.h>

static void copy_text(char *to, struct span text)
{
	memcpy(to, text.ptr, text.len);
	to[text.len] = '\0';
}

static int parse_dir(struct span text, struct span path, struct bus_uri *ret, struct err *reterr)
{
	if (path.len == 0)
		return err_at(reterr, -EINVAL, text.len, "dir:// needs a path: dir:///var/lib/bus");
	ret->kind = BUS_DIR;
	copy_text(ret->path, path);
	return 0;
}

/* HOST:PORT, HOST, [V6]:PORT; librdkafka resolves it, we only refuse nonsense. */
static bool broker_is_valid(struct span broker)
{
	ptrdiff_t close = span_chr(broker, ']');
	struct span port = span_skip(broker, close < 0 ? 0 : (size_t)close);
	ptrdiff_t colon = span_chr(port, ':');
	uint64_t n;

	for (size_t i = 0; i < broker.len; i++)
		if (char_is_space(broker.ptr[i]) || broker.ptr[i] == '/')
			return false;
	if (colon < 0)
		return broker.len > 0;
	if (port.ptr + colon == broker.ptr)
		return false;
	return num_parse_u64(span_skip(port, (size_t)colon + 1), &n) == 0 && n > 0 && n <= 65535;
}

static int check_brokers(struct span text, struct span brokers, struct err *reterr)
{
	struct span rest = brokers, broker;

	if (brokers.len == 0 || span_ends(brokers, SPAN(",")))
		return err_at(reterr, -EINVAL, (size_t)(brokers.ptr + brokers.len - text.ptr),
			      "a broker is missing: kafka://HOST:PORT/TOPIC");
	while (span_cut(&rest, ',', &broker))
		if (!broker_is_valid(broker))
			return err_at(reterr, -EINVAL, (size_t)(broker.ptr - text.ptr),
				      "'%.*s' is not HOST:PORT", SPAN_FMT(broker));
	return 0;
}

/* The characters Kafka allows in a topic. */
static bool topic_is_valid(struct span topic)
{
	if (topic.len == 0 || topic.len > BUS_TOPIC_MAX || span_eq(topic, SPAN(".")) ||
	    span_eq(topic, SPAN("..")))
		return false;
	for (size_t i = 0; i < topic.len; i++) {
		char c = topic.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '.' || c == '_' || c == '-'))
			return false;
	}
	return true;
}

static int parse_kafka(struct span text, struct span rest, struct bus_uri *ret, struct err *reterr)
{
	ptrdiff_t slash = span_chr(rest, '/');
	struct span brokers = slash < 0 ? rest : span_take(rest, (size_t)slash);
	struct span topic =
		slash < 0 ? span_skip(rest, rest.len) : span_skip(rest, (size_t)slash + 1);
	int r = check_brokers(text, brokers, reterr);

	if (r < 0)
		return r;
	if (!topic_is_valid(topic))
		return err_at(reterr, -EINVAL, (size_t)(topic.ptr - text.ptr),
			      "'%.*s' is not a topic: 1 to %u of a-z A-Z 0-9 . _ -",
			      SPAN_FMT(topic), BUS_TOPIC_MAX);
	ret->kind = BUS_KAFKA;
	copy_text(ret->brokers, brokers);
	copy_text(ret->topic, topic);
	return 0;
}

int bus_uri_parse(struct span text, struct bus_uri *ret, struct err *reterr)
{
	struct bus_uri uri = {0};
	int r;

	if (text.len >= BUS_URI_MAX)
		return err_at(reterr, -EINVAL, BUS_URI_MAX, "the address is longer than %u bytes",
			      BUS_URI_MAX);
	if (text.len && memchr(text.ptr, '\0', text.len))
		return err_at(reterr, -EINVAL, 0, "the address contains a NUL byte");
	if (span_starts(text, SPAN("dir://")))
		r = parse_dir(text, span_skip(text, strlen("dir://")), &uri, reterr);
	else if (span_starts(text, SPAN("kafka://")))
		r = parse_kafka(text, span_skip(text, strlen("kafka://")), &uri, reterr);
	else
		r = err_at(reterr, -EINVAL, 0,
			   "'%.*s' is neither dir:///PATH nor kafka://HOST:PORT/TOPIC",
			   SPAN_FMT(text));
	if (r == 0)
		*ret = uri;
	return r;
}
