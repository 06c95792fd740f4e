/* number_text.c - see number_text.h. */
#include "aggregator/query/text/number_text.h"
#include "common/base/clock.h"
#include "common/data/timestamp.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The shortest %e of `number` that reads back: "d.ddde±xx"; 17 digits always do. */
static void shortest(double number, char text[40])
{
	for (int digits = 0; digits <= 16; digits++) {
		snprintf(text, 40, "%.*e", digits, number);
		if (strtod(text, NULL) == number)
			return;
	}
}

/* "-d.ddde±xx" without its exponent: the point moved, zeros filled in. */
static void put_plain(struct buf *out, const char *text)
{
	char digits[24];
	size_t n = 0;
	long exponent = strtol(strchr(text, 'e') + 1, NULL, 10);

	if (*text == '-')
		buf_putc(out, *text++);
	for (; *text != 'e'; text++)
		if (*text != '.')
			digits[n++] = *text;
	while (n > 1 && digits[n - 1] == '0')
		n--;
	if (exponent < 0) {
		buf_puts(out, SPAN("0."));
		for (long i = -1; i > exponent; i--)
			buf_putc(out, '0');
		buf_put(out, digits, n);
		return;
	}
	for (size_t i = 0; i < n || i <= (size_t)exponent; i++) {
		if (i == (size_t)exponent + 1)
			buf_putc(out, '.');
		buf_putc(out, i < n ? digits[i] : '0');
	}
}

void number_put(struct buf *out, double number)
{
	char text[40];

	if (isnan(number)) {
		buf_puts(out, SPAN("NaN"));
	} else if (isinf(number)) {
		buf_puts(out, number > 0 ? SPAN("+Inf") : SPAN("-Inf"));
	} else if (fabs(number) < 9007199254740992.0 && number == (double)(int64_t)number &&
		   !(number == 0 && signbit(number))) {
		buf_put_i64(out, (int64_t)number);
	} else {
		shortest(number, text);
		put_plain(out, text);
	}
}

void number_put_time(struct buf *out, int64_t ns)
{
	char text[TIMESTAMP_TEXT_LEN];
	size_t len = TIMESTAMP_TEXT_LEN - 1;

	timestamp_format(text, ns);
	while (len > 20 && text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	buf_put(out, text, len);
	buf_putc(out, 'Z');
}
