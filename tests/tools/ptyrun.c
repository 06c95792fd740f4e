/*
 * ptyrun.c - run a command on a terminal, and say what a person would see there.
 *
 *	ptyrun [-s COLSxROWS] [-t SECONDS] [-o RAWFILE] COMMAND… <<'END'
 *	expect 12 found
 *	send q
 *	END
 *
 * The command gets a pty; what it writes there moves the cursor of a screen kept
 * here.  The script is read from standard input, a step a line:
 *
 *	expect TEXT	until the screen has TEXT
 *	gone TEXT	until it has not
 *	raw TEXT	until these bytes came, behind those of the last `raw`
 *	send TEXT	type it
 *	insist TEXT	type it each 200 ms until the command ends
 *	resize COLSxROWS
 *	sh COMMAND	run it elsewhere, wait for it
 *	show		print the screen, and a line of = below it
 *
 * \e \r \n \t \\ and \xHH are understood in TEXT.  Then the command may end by
 * itself; the last screen is printed, behind what had scrolled off its top, and
 * the command's exit status is that of ptyrun (128 + N: signal N; 124: not in
 * time, and standard error says at which step).
 */
#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#define COLS_MAX    500
#define ROWS_MAX    200
#define CELL_BYTES  32 /* a character and what combines with it */
#define PARAMS_MAX  8
#define RAW_MAX     (64u << 20)
#define EXIT_LATE   124
#define EXIT_WRONG  125
#define BLANK       " "
#define STATUS_SIGN 128

struct cell {
	char text[CELL_BYTES]; /* "" behind a wide character */
};

static void cell_set(struct cell *cell, const char *text)
{
	snprintf(cell->text, sizeof(cell->text), "%s", text);
}

struct screen {
	int cols, rows, x, y;
	int top, bottom; /* rows that scroll */
	int saved_x, saved_y;
	bool wraps; /* a character behind the last column goes to the next line */
	bool full;  /* the last column was written: the next character wraps */
	struct cell cells[ROWS_MAX][COLS_MAX];
	/* A sequence or character that has begun: */
	enum { PLAIN, ESCAPE, CSI, OSC, SKIP_ONE } state;
	char mark; /* ? of ESC [ ? 7 l */
	int params[PARAMS_MAX], nparams;
	char utf8[8];
	size_t nutf8, need;
};

struct run {
	struct screen screen;
	int fd;
	pid_t pid;
	char *raw;
	size_t nraw, mark; /* raw bytes that `raw` has passed */
	double deadline;
	int step;
	bool hung_up;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void blank(struct screen *s, int y, int from, int to)
{
	for (int x = from; x < to; x++)
		cell_set(&s->cells[y][x], BLANK);
}

/* A row as text, without the blanks at its end. */
static const char *row_text(const struct screen *s, int y)
{
	static char line[COLS_MAX * CELL_BYTES + 1];
	size_t len = 0;

	for (int x = 0; x < s->cols; x++) {
		const char *text = s->cells[y][x].text;

		memcpy(line + len, text, strlen(text));
		len += strlen(text);
	}
	while (len && line[len - 1] == ' ')
		len--;
	line[len] = 0;
	return line;
}

static void scroll(struct screen *s, int by)
{
	size_t height = (size_t)(s->bottom - s->top);

	if (by > 0) {
		if (s->top == 0)
			puts(row_text(s, 0)); /* what scrolled off comes first */
		memmove(s->cells[s->top], s->cells[s->top + 1], height * sizeof(s->cells[0]));
		blank(s, s->bottom, 0, s->cols);
	} else {
		memmove(s->cells[s->top + 1], s->cells[s->top], height * sizeof(s->cells[0]));
		blank(s, s->top, 0, s->cols);
	}
}

static void line_feed(struct screen *s)
{
	s->full = false;
	if (s->y == s->bottom)
		scroll(s, 1);
	else if (s->y < s->rows - 1)
		s->y++;
}

static void put_char(struct screen *s, const char *text)
{
	wchar_t c = 0;
	int width;

	mbtowc(&c, text, strlen(text));
	width = wcwidth(c);
	if (width == 0) { /* it combines with the one before */
		int x = s->full ? s->x : s->x > 0 ? s->x - 1 : 0;

		if (x > 0 && !s->cells[s->y][x].text[0])
			x--;
		size_t len = strlen(s->cells[s->y][x].text);

		snprintf(s->cells[s->y][x].text + len, CELL_BYTES - len, "%s", text);
		return;
	}
	width = width < 0 ? 1 : width;
	if (s->wraps && (s->full || s->x + width > s->cols)) {
		s->x = 0;
		line_feed(s);
	}
	if (s->x + width > s->cols)
		s->x = s->cols - width;
	cell_set(&s->cells[s->y][s->x], text);
	if (width == 2)
		s->cells[s->y][s->x + 1].text[0] = 0;
	s->full = s->x + width == s->cols;
	s->x = s->full ? s->cols - 1 : s->x + width;
}

static int clamp(int n, int low, int high)
{
	return n < low ? low : n > high ? high : n;
}

static void erase(struct screen *s, char what, int how)
{
	blank(s, s->y, how == 0 ? s->x : 0, how == 1 ? s->x + 1 : s->cols);
	for (int y = 0; what == 'J' && y < s->rows; y++)
		if ((y > s->y && how != 1) || (y < s->y && how != 0))
			blank(s, y, 0, s->cols);
}

static void set_mode(struct screen *s, bool on)
{
	if (s->mark == '?' && s->params[0] == 7)
		s->wraps = on;
}

static void csi(struct screen *s, char last)
{
	int n = s->params[0], one = n ? n : 1;

	if (last != 'm')
		s->full = false;
	switch (last) {
	case 'A':
		s->y = clamp(s->y - one, 0, s->rows - 1);
		break;
	case 'B':
		s->y = clamp(s->y + one, 0, s->rows - 1);
		break;
	case 'C':
		s->x = clamp(s->x + one, 0, s->cols - 1);
		break;
	case 'D':
		s->x = clamp(s->x - one, 0, s->cols - 1);
		break;
	case 'G':
		s->x = clamp(one - 1, 0, s->cols - 1);
		break;
	case 'd':
		s->y = clamp(one - 1, 0, s->rows - 1);
		break;
	case 'H':
	case 'f':
		s->y = clamp(one - 1, 0, s->rows - 1);
		s->x = clamp((s->params[1] ? s->params[1] : 1) - 1, 0, s->cols - 1);
		break;
	case 'J':
	case 'K':
		erase(s, last, n);
		break;
	case 'r':
		s->top = clamp(one - 1, 0, s->rows - 1);
		s->bottom = clamp((s->params[1] ? s->params[1] : s->rows) - 1, s->top, s->rows - 1);
		break;
	case 'h':
	case 'l':
		set_mode(s, last == 'h');
		break;
	default:
		break; /* colors, and what needs no screen */
	}
}

static void escape(struct screen *s, char c)
{
	s->state = PLAIN;
	switch (c) {
	case '[':
		s->state = CSI;
		s->mark = 0;
		s->nparams = 0;
		memset(s->params, 0, sizeof(s->params));
		break;
	case ']':
		s->state = OSC;
		break;
	case '(':
	case ')':
		s->state = SKIP_ONE;
		break;
	case 'M':
		if (s->y == s->top)
			scroll(s, -1);
		else if (s->y > 0)
			s->y--;
		break;
	case '7':
		s->saved_x = s->x;
		s->saved_y = s->y;
		break;
	case '8':
		s->x = s->saved_x;
		s->y = s->saved_y;
		break;
	default:
		break;
	}
}

static void csi_byte(struct screen *s, char c)
{
	int *n = &s->params[s->nparams];

	if (c >= '0' && c <= '9') {
		*n = *n * 10 + c - '0';
	} else if (c == ';') {
		s->nparams = clamp(s->nparams + 1, 0, PARAMS_MAX - 1);
	} else if (c >= '<' && c <= '?') {
		s->mark = c;
	} else if (c >= '@') {
		s->state = PLAIN;
		csi(s, c);
	}
}

static void control(struct screen *s, char c)
{
	if (c == '\r') {
		s->x = 0;
		s->full = false;
	} else if (c == '\n') {
		line_feed(s);
	} else if (c == '\b') {
		s->x = s->x > 0 ? s->x - 1 : 0;
		s->full = false;
	} else if (c == '\t') {
		s->x = clamp((s->x / 8 + 1) * 8, 0, s->cols - 1);
	} else if (c == 0x1b) {
		s->state = ESCAPE;
	}
}

/* Bytes to characters.  A byte that is no UTF-8 is shown as a question mark. */
static void plain_byte(struct screen *s, unsigned char c)
{
	if (s->need && (c & 0xc0) != 0x80) {
		s->need = 0;
		put_char(s, "?");
	}
	if (c < 0x20) {
		control(s, (char)c);
	} else if (c < 0x80) {
		put_char(s, (char[]){(char)c, 0});
	} else if (s->need) {
		s->utf8[s->nutf8++] = (char)c;
		s->utf8[s->nutf8] = 0;
		if (--s->need == 0)
			put_char(s, s->utf8);
	} else if (c >= 0xc2 && c < 0xf5) {
		s->need = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		s->utf8[0] = (char)c;
		s->nutf8 = 1;
	} else {
		put_char(s, "?");
	}
}

static void screen_write(struct screen *s, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = bytes[i];

		if (s->state == PLAIN)
			plain_byte(s, (unsigned char)c);
		else if (s->state == ESCAPE)
			escape(s, c);
		else if (s->state == CSI)
			csi_byte(s, c);
		else if (s->state == SKIP_ONE || c == '\a')
			s->state = PLAIN;
		else if (c == 0x1b) /* ESC \ ends an OSC, too */
			s->state = SKIP_ONE;
	}
}

/* Lines that don't fit any longer are dropped at the top, as terminals do. */
static void screen_resize(struct screen *s, int cols, int rows)
{
	while (s->y >= rows) {
		s->top = 0;
		s->bottom = s->rows - 1;
		scroll(s, 1);
		s->y--;
	}
	for (int y = 0; y < ROWS_MAX; y++)
		blank(s, y, y < s->rows && y < rows ? s->cols : 0, COLS_MAX);
	s->cols = cols;
	s->rows = rows;
	s->top = 0;
	s->bottom = rows - 1;
	s->x = clamp(s->x, 0, cols - 1);
	s->full = false;
}

static void screen_print(const struct screen *s, FILE *out)
{
	int last = s->rows - 1;

	while (last >= 0 && !row_text(s, last)[0])
		last--;
	for (int y = 0; y <= last; y++)
		fprintf(out, "%s\n", row_text(s, y));
}

static bool screen_has(const struct screen *s, const char *text)
{
	for (int y = 0; y < s->rows; y++)
		if (strstr(row_text(s, y), text))
			return true;
	return false;
}

/* Read what there is, for up to `seconds`.  False: the terminal was hung up. */
static bool pump(struct run *run, double seconds)
{
	struct pollfd p = {.fd = run->fd, .events = POLLIN};
	char bytes[4096];
	ssize_t n;

	if (run->hung_up)
		return false;
	if (poll(&p, 1, (int)(seconds * 1000)) <= 0)
		return true;
	n = read(run->fd, bytes, sizeof(bytes));
	if (n <= 0 || run->nraw + (size_t)n > RAW_MAX) {
		run->hung_up = true;
		return false;
	}
	memcpy(run->raw + run->nraw, bytes, (size_t)n);
	run->nraw += (size_t)n;
	screen_write(&run->screen, bytes, (size_t)n);
	return true;
}

static _Noreturn void give_up(struct run *run, const char *why, const char *line)
{
	fprintf(stderr, "ptyrun: line %d: %s: %s\n", run->step, why, line);
	screen_print(&run->screen, stderr);
	kill(-run->pid, SIGKILL);
	kill(run->pid, SIGKILL);
	exit(EXIT_LATE);
}

/* \e and its like, in place; how long it is then. */
static size_t unescape(char *text)
{
	char *out = text;

	for (char *in = text; *in; in++) {
		if (*in != '\\' || !in[1]) {
			*out++ = *in;
			continue;
		}
		switch (*++in) {
		case 'e':
			*out++ = 0x1b;
			break;
		case 'r':
			*out++ = '\r';
			break;
		case 'n':
			*out++ = '\n';
			break;
		case 't':
			*out++ = '\t';
			break;
		case 'x': {
			char hex[3] = {in[1], in[1] ? in[2] : 0}, *end;

			*out++ = (char)strtol(hex, &end, 16);
			in += end - hex;
			break;
		}
		default:
			*out++ = *in;
		}
	}
	*out = 0;
	return (size_t)(out - text);
}

static bool seen_raw(struct run *run, const char *text, size_t len)
{
	char *at = memmem(run->raw + run->mark, run->nraw - run->mark, text, len);

	if (at)
		run->mark = (size_t)(at - run->raw) + len;
	return at;
}

/* 80x24 */
static bool parse_size(const char *text, int *ret_cols, int *ret_rows)
{
	char *x, *end;
	long cols = strtol(text, &x, 10), rows = *x == 'x' ? strtol(x + 1, &end, 10) : 0;

	if (cols < 2 || cols > COLS_MAX || rows < 2 || rows > ROWS_MAX || *end)
		return false;
	*ret_cols = (int)cols;
	*ret_rows = (int)rows;
	return true;
}

static void resize(struct run *run, const char *text)
{
	struct winsize size = {0};
	int cols, rows;

	if (!parse_size(text, &cols, &rows))
		give_up(run, "no size", text);
	size.ws_col = (unsigned short)cols;
	size.ws_row = (unsigned short)rows;
	screen_resize(&run->screen, cols, rows);
	ioctl(run->fd, TIOCSWINSZ, &size);
}

static bool reached(struct run *run, const char *word, const char *text, size_t len)
{
	if (strcmp(word, "raw") == 0)
		return seen_raw(run, text, len);
	return screen_has(&run->screen, text) == (strcmp(word, "expect") == 0);
}

static bool succeeds(const char *command)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Programs drop keys while they start to read them; people type again. */
static void insist(struct run *run, const char *text, size_t len)
{
	double typed = 0;

	while (!run->hung_up) {
		if (now() > run->deadline)
			give_up(run, "never ended by", text);
		if (now() - typed > 0.2) {
			if (write(run->fd, text, len) != (ssize_t)len)
				return;
			typed = now();
		}
		pump(run, 0.05);
	}
}

static void step(struct run *run, char *line)
{
	char *text = strchr(line, ' ');
	size_t len;

	run->step++;
	line[strcspn(line, "\n")] = 0;
	if (!line[0] || line[0] == '#')
		return;
	if (text)
		*text++ = 0;
	else
		text = line + strlen(line);
	if (strcmp(line, "sh") == 0) {
		if (!succeeds(text))
			give_up(run, "failed", text);
		return;
	}
	len = unescape(text);
	if (strcmp(line, "send") == 0) {
		if (write(run->fd, text, len) != (ssize_t)len)
			give_up(run, "nobody reads", text);
	} else if (strcmp(line, "insist") == 0) {
		insist(run, text, len);
	} else if (strcmp(line, "resize") == 0) {
		resize(run, text);
	} else if (strcmp(line, "show") == 0) {
		screen_print(&run->screen, stdout);
		printf("%.*s\n", 20, "====================");
	} else if (strcmp(line, "expect") == 0 || strcmp(line, "gone") == 0 ||
		   strcmp(line, "raw") == 0) {
		while (!reached(run, line, text, len))
			if (!pump(run, 0.05) || now() > run->deadline)
				give_up(run, "never came to that", text);
	} else {
		give_up(run, "no such step", line);
	}
}

static int finish(struct run *run, const char *raw_path)
{
	int status = 0;

	while (pump(run, 0.05))
		if (now() > run->deadline)
			give_up(run, "the command", "does not end");
	while (waitpid(run->pid, &status, WNOHANG) == 0) {
		if (now() > run->deadline)
			give_up(run, "the command", "does not end");
		usleep(1000);
	}
	screen_print(&run->screen, stdout);
	if (raw_path) {
		FILE *out = fopen(raw_path, "w");

		if (!out || fwrite(run->raw, 1, run->nraw, out) != run->nraw || fclose(out) != 0) {
			perror(raw_path);
			return EXIT_WRONG;
		}
	}
	return WIFSIGNALED(status) ? STATUS_SIGN + WTERMSIG(status) : WEXITSTATUS(status);
}

static pid_t start(struct run *run, char **argv)
{
	struct winsize size = {.ws_row = (unsigned short)run->screen.rows,
			       .ws_col = (unsigned short)run->screen.cols};
	pid_t pid = forkpty(&run->fd, NULL, NULL, &size);

	if (pid == 0) {
		execvp(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	return pid;
}

int main(int argc, char **argv)
{
	static struct run run;
	const char *raw_path = NULL;
	double patience = 30;
	int cols = 80, rows = 24, opt;
	char *line = NULL;
	size_t size = 0;

	setlocale(LC_CTYPE, "C.UTF-8");
	while ((opt = getopt(argc, argv, "+s:t:o:")) != -1) {
		if (opt == 's' && parse_size(optarg, &cols, &rows))
			continue;
		if (opt == 't')
			patience = strtod(optarg, NULL);
		else if (opt == 'o')
			raw_path = optarg;
		else
			return EXIT_WRONG;
	}
	if (optind == argc || !(run.raw = malloc(RAW_MAX)))
		return EXIT_WRONG;
	run.screen.wraps = true;
	run.screen.rows = ROWS_MAX;
	screen_resize(&run.screen, cols, rows);
	run.deadline = now() + patience;
	run.pid = start(&run, argv + optind);
	if (run.pid < 0) {
		perror("ptyrun");
		return EXIT_WRONG;
	}
	while (getline(&line, &size, stdin) > 0)
		step(&run, line);
	free(line);
	return finish(&run, raw_path);
}
