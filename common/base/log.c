#include "common/base/log.h"
#include "common/base/io.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One stderr a process; written once, at the start of main(). */
static const char *log_program = "sluice";
static enum log_level log_max = LOG_LEVEL_INFO;
static bool log_to_journal;

#define LOG_LINE_MAX 4096

void log_init(const char *program, enum log_level max)
{
	log_program = program;
	log_max = max;
	log_to_journal = getenv("JOURNAL_STREAM") != NULL;
}

static const char *level_word(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return "error: ";
	case LOG_LEVEL_WARN:
		return "warning: ";
	case LOG_LEVEL_INFO:
		return "";
	case LOG_LEVEL_DEBUG:
		return "debug: ";
	}
	return "";
}

static void log_args(enum log_level level, const char *fmt, va_list args)
	__attribute__((__format__(__printf__, 2, 0)));
static void log_args(enum log_level level, const char *fmt, va_list args)
{
	if (level > log_max)
		return;
	char line[LOG_LINE_MAX];
	int head = log_to_journal
			   ? snprintf(line, sizeof(line), "<%d>", (int)level)
			   : snprintf(line, sizeof(line), "%s: %s", log_program, level_word(level));

	if (head < 0 || (size_t)head >= sizeof(line) - 1)
		return;
	int body = vsnprintf(line + head, sizeof(line) - (size_t)head, fmt, args);

	if (body < 0)
		return;
	size_t len = (size_t)head + (size_t)body;

	if (len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	/* A file's name may hold anything; a newline would start a line that we did not say. */
	for (size_t i = (size_t)head; i < len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	line[len++] = '\n';
	/* One write a line, so that lines of several threads do not mix. */
	if (io_write_full(STDERR_FILENO, line, len) < 0)
		return; /* a closed stderr has nobody to tell */
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_args(level, fmt, args);
	va_end(args);
}

void log_priority(int priority, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_args(priority <= LOG_LEVEL_ERROR  ? LOG_LEVEL_ERROR
		 : priority == LOG_LEVEL_WARN ? LOG_LEVEL_WARN
		 : priority <= LOG_LEVEL_INFO ? LOG_LEVEL_INFO
					      : LOG_LEVEL_DEBUG,
		 fmt, args);
	va_end(args);
}
