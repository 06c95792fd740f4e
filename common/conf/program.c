#include "common/conf/program.h"
#include "common/base/cleanup.h"
#include <errno.h>
#include <stdio.h>

#define SHOWN_MAX (4u << 20)

int conf_read(struct conf *conf, const struct conf_flags *asked, conf_lay_fn *lay,
	      const void *flags, const struct conf_schema *schema, void *target)
{
	_cleanup_free_ char *path = NULL;
	int r = 0;

	if (asked->file.len) {
		path = strndup(asked->file.ptr, asked->file.len);
		r = path ? conf_load_file(conf, path) : -ENOMEM;
	}
	if (r != -ENOMEM)
		r = lay(conf, flags);
	if (r != -ENOMEM)
		r = conf_apply(conf, conf_root(conf), schema, target);
	return r != -ENOMEM && conf_nerrors(conf) ? -EINVAL : r;
}

int conf_complain(const struct conf *conf)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(1 << 20);

	if (conf_nerrors(conf) == 0)
		return 0;
	conf_report(conf, &text);
	fwrite(text.ptr ? text.ptr : "", 1, text.len, stderr);
	return -EINVAL;
}

static int show(const struct buf *text)
{
	if (text->failed || fwrite(text->ptr, 1, text->len, stdout) < text->len ||
	    fflush(stdout) != 0) {
		fprintf(stderr, "error: standard output: %s\n",
			strerror(text->failed ? -text->failed : errno));
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

int conf_show(struct conf *conf)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(SHOWN_MAX);

	conf_print(conf, &text);
	return show(&text);
}

int conf_show_schema(const struct conf_schema *schema, const char *title)
{
	_cleanup_(buf_release) struct buf text = BUF_INIT(SHOWN_MAX);

	conf_json_schema(schema, title, &text);
	return show(&text);
}
