/* address.c - see address.h. */
#include "aggregator/logq/address.h"
#include "common/base/num.h"
#include <errno.h>
#include <stdio.h>

#define FORMS "expected http://HOST:PORT or unix:PATH"

static int refuse(struct span text, const char *why, struct err *reterr)
{
	return err_set(reterr, -EINVAL, "--server '%.*s': %s", SPAN_FMT(text), why);
}

static bool find_socket(struct span text, struct span *ret)
{
	const struct span schemes[] = {SPAN("unix://"), SPAN("unix:")};

	for (size_t i = 0; i < 2; i++)
		if (span_starts(text, schemes[i])) {
			*ret = span_skip(text, schemes[i].len);
			return true;
		}
	*ret = text;
	return span_starts(text, SPAN("/")) || span_starts(text, SPAN("./")) ||
	       span_starts(text, SPAN("../"));
}

static void cut_path(struct span *host, struct span *ret_path)
{
	ptrdiff_t slash = span_chr(*host, '/');

	*ret_path = slash < 0 ? SPAN("") : span_skip(*host, (size_t)slash);
	if (slash >= 0)
		*host = span_take(*host, (size_t)slash);
	while (span_ends(*ret_path, SPAN("/")))
		ret_path->len--;
}

/* What is no character of a URL would end the line of the request. */
static bool path_is_sane(struct span path)
{
	for (size_t i = 0; i < path.len; i++)
		if ((unsigned char)path.ptr[i] <= ' ' || path.ptr[i] == '?' || path.ptr[i] == '#' ||
		    path.ptr[i] == 0x7f)
			return false;
	return true;
}

/* HOST, HOST:PORT, [IPv6], [IPv6]:PORT; the port stays empty where there is none. */
static const char *cut_port(struct span text, struct address *ret, struct span *ret_port)
{
	ptrdiff_t end = span_starts(text, SPAN("[")) ? span_chr(text, ']') : -1;
	struct span host, rest;

	ret->ipv6 = end > 0;
	if (ret->ipv6) {
		host = span_take(span_skip(text, 1), (size_t)end - 1);
		rest = span_skip(text, (size_t)end + 1);
	} else {
		ptrdiff_t colon = span_chr(text, ':');

		host = colon < 0 ? text : span_take(text, (size_t)colon);
		rest = span_skip(text, host.len);
		if (span_chr(span_skip(rest, 1), ':') >= 0)
			return "an IPv6 address is written [::1]:PORT";
	}
	if (rest.len && rest.ptr[0] != ':')
		return FORMS;
	*ret_port = span_skip(rest, 1);
	if (!host.len || host.len > ADDRESS_HOST_MAX || (rest.len && !ret_port->len))
		return FORMS;
	snprintf(ret->host, sizeof(ret->host), "%.*s", SPAN_FMT(host));
	return NULL;
}

static int parse_tcp(struct span text, struct address *ret, struct err *reterr)
{
	bool http = span_starts(text, SPAN("http://"));
	struct span rest = http ? span_skip(text, strlen("http://")) : text, port;
	const char *why;
	uint64_t number = 80;

	if (span_starts(text, SPAN("https://")))
		return refuse(text,
			      "TLS is not spoken here: tunnel to it (ssh -L, stunnel) and name "
			      "this end of the tunnel",
			      reterr);
	if (span_find(rest, SPAN("://")) >= 0)
		return refuse(text, FORMS, reterr);
	cut_path(&rest, &ret->path);
	if (!path_is_sane(ret->path))
		return refuse(text, "the path can't be sent: percent-encode it", reterr);
	if (span_chr(rest, '@') >= 0)
		return refuse(text, "names and passwords are not sent", reterr);
	why = cut_port(rest, ret, &port);
	if (why)
		return refuse(text, why, reterr);
	if (!port.len && !http)
		return refuse(text, "the port is missing, as in localhost:9599", reterr);
	if (port.len && (num_parse_u64(port, &number) < 0 || number == 0 || number > 65535))
		return refuse(text, "the port is a number from 1 to 65535", reterr);
	snprintf(ret->port, sizeof(ret->port), "%u", (unsigned)number);
	return 0;
}

int address_parse(struct span text, struct address *ret, struct err *reterr)
{
	*ret = (struct address){.path = SPAN("")};
	text = span_trim(text);
	if (!find_socket(text, &ret->socket)) {
		ret->socket = span_of(NULL, 0);
		return parse_tcp(text, ret, reterr);
	}
	return ret->socket.len ? 0 : refuse(text, FORMS, reterr);
}
