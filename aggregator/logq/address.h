/*
 * address.h - where a server is, as --server says it.
 *
 *	unix:/run/x.sock  unix:///run/x.sock  /run/x.sock  ./x.sock	a socket's file
 *	unix:@name						… in the abstract namespace
 *	http://HOST[:PORT][/PATH]  HOST:PORT[/PATH]		TCP; PATH is before /api/v1/…
 *	http://[::1]:9599  [::1]:9599				IPv6
 *
 * Addresses that can't work are refused with what to write instead.
 */
#ifndef SLUICE_LOGQ_ADDRESS_H
#define SLUICE_LOGQ_ADDRESS_H

#include "common/base/err.h"
#include "common/base/span.h"
#include <stdbool.h>

#define ADDRESS_HOST_MAX 255

struct address {
	struct span socket; /* ptr NULL: TCP */
	char host[ADDRESS_HOST_MAX + 1];
	char port[6];
	bool ipv6;        /* the host is a number that is written in brackets */
	struct span path; /* without a slash at its end; maybe empty */
};

/* Borrows the text.  0, or -EINVAL with text. */
int address_parse(struct span text, struct address *ret, struct err *reterr);

#endif
