/*
 * log.h - what a program says on stderr.
 *
 * Only programs log, once, where the decision is made; library layers return
 * errors.  Under systemd (JOURNAL_STREAM set) each line starts with its
 * priority "<6>"; on a terminal with the program's name.  Never a line per
 * record: counters are for that.  Control characters are printed as spaces.
 */
#ifndef SLUICE_BASE_LOG_H
#define SLUICE_BASE_LOG_H

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* `program` is kept by reference.  Messages above `max` are not printed. */
void log_init(const char *program, enum log_level max);
void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((__format__(__printf__, 2, 3)));
/* For plugins and libraries that give a syslog priority, 0 … 7. */
void log_priority(int priority, const char *fmt, ...) __attribute__((__format__(__printf__, 2, 3)));

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
