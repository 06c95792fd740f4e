#include "common/ops/notify.h"
#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define STATE_MAX 1024

/* The address in $NOTIFY_SOCKET: a path, or with '@' a name without a file. */
static int notify_address(const char *name, struct sockaddr_un *ret, socklen_t *ret_len)
{
	size_t len = strlen(name);

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((name[0] != '/' && name[0] != '@') || len < 2)
		return -EINVAL;
	if (len >= sizeof(ret->sun_path))
		return -ENAMETOOLONG;
	memcpy(ret->sun_path, name, len);
	if (name[0] == '@')
		ret->sun_path[0] = '\0';
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
			       (name[0] == '/' ? 1 : 0));
	return 0;
}

int notify_send(const char *state)
{
	const char *name = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address;
	socklen_t len;
	int r;

	if (!name || !*name)
		return 0;
	r = notify_address(name, &address, &len);
	if (r < 0)
		return r;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	const void *to = &address;

	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, to, len) < 0)
		return -errno;
	return 1;
}

/* `prefix` and STATUS= with the text; newlines would start another assignment. */
static int send_status(const char *prefix, const char *fmt, va_list ap)
	__attribute__((__format__(__printf__, 2, 0)));
static int send_status(const char *prefix, const char *fmt, va_list ap)
{
	char state[STATE_MAX];
	int n = snprintf(state, sizeof(state), "%sSTATUS=", prefix);

	vsnprintf(state + n, sizeof(state) - (size_t)n, fmt, ap);
	for (char *c = state + n; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return notify_send(state);
}

int notify_ready(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = send_status("READY=1\n", fmt, ap);

	va_end(ap);
	return r;
}

int notify_status(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	int r = send_status("", fmt, ap);

	va_end(ap);
	return r;
}

int notify_reloading(void)
{
	struct timespec now;
	char state[64];

	/* The manager compares with its own clock: a faked one would be refused. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
		 (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	return notify_send(state);
}

int notify_stopping(void)
{
	return notify_send("STOPPING=1");
}

int notify_watchdog(void)
{
	return notify_send("WATCHDOG=1");
}

int64_t notify_watchdog_ns(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t n;

	if (!usec || num_parse_u64(span_cstr(usec), &n) < 0 || n > INT64_MAX / 1000)
		return 0;
	int64_t ns = (int64_t)n * NS_PER_US;

	if (pid && (num_parse_u64(span_cstr(pid), &n) < 0 || n != (uint64_t)getpid()))
		return 0;
	return ns;
}
