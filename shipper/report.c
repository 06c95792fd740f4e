#include "shipper/report.h"
#include "common/base/clock.h"
#include "common/base/num.h"
#include "common/ops/status.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define LOOP_EXPIRES_NS    (30 * NS_PER_SEC)
#define OUTPUT_PATIENCE_NS (10 * NS_PER_SEC)

static int serve_livez(void *ctx, struct http_request *req)
{
	return status_health(req, ((struct report *)ctx)->health, HEALTH_LIVE);
}

static int serve_readyz(void *ctx, struct http_request *req)
{
	return status_health(req, ((struct report *)ctx)->health, HEALTH_READY);
}

static int serve_metrics(void *ctx, struct http_request *req)
{
	return status_metrics(req, ((struct report *)ctx)->metrics);
}

static const struct http_route routes[] = {
	{.method = "GET", .path = "/livez", .handle = serve_livez},
	{.method = "GET", .path = "/readyz", .handle = serve_readyz},
	{.method = "GET", .path = "/metrics", .handle = serve_metrics},
	{0},
};

int report_open(struct report *report, struct span listen, struct totals *totals,
		struct err *reterr)
{
	char address[256];
	struct http_conf conf = {.listen = address, .connections = 8};

	*report = (struct report){0};
	if (listen.len == 0)
		return 0;
	snprintf(address, sizeof(address), "%.*s", SPAN_FMT(listen));
	int r = metrics_new(&report->metrics);

	if (r == 0)
		r = totals_register(totals, report->metrics);
	if (r == 0)
		r = health_new(&report->health);
	if (r < 0)
		return err_set(reterr, r, "out of memory");
	report->loop = health_add(report->health, "loop", HEALTH_LIVE);
	report->output = health_add(report->health, "output", HEALTH_READY);
	if (!report->loop || !report->output)
		return err_set(reterr, -ENOMEM, "out of memory");
	health_expire(report->loop, LOOP_EXPIRES_NS);
	return http_open(&conf, routes, report, &report->server, reterr);
}

void report_filters(struct report *report, const struct chain *chain)
{
	/* A series that is refused is only missing. */
	(void)chain_metrics_set(&report->filters, report->metrics, "shipper", chain);
}

void report_close(struct report *report)
{
	if (report->server)
		http_close(report->server);
	health_free(report->health);
	metrics_free(report->metrics);
	*report = (struct report){0};
}

/* How far the watermarks are behind the ends of the files. */
static uint64_t lag(const struct sources *sources)
{
	uint64_t bytes = 0;
	struct stat st;

	for (size_t i = 0; i < sources->list.len; i++) {
		const struct source *source = sources->list.ptr[i];

		if (source->tail.fd >= 0 && fstat(source->tail.fd, &st) == 0 &&
		    (uint64_t)st.st_size > source->window.mark.offset)
			bytes += (uint64_t)st.st_size - source->window.mark.offset;
	}
	return bytes;
}

void report_update(struct report *report, const struct pipeline *pipeline)
{
	struct totals *t = pipeline->totals;
	int64_t now = clock_mono_ns();

	gauge_set(&t->pending_bytes,
		  (int64_t)(total_get(t, TOTAL_READ_BYTES) - total_get(t, TOTAL_ACKED_BYTES) -
			    total_get(t, TOTAL_REWOUND_BYTES) -
			    total_get(t, TOTAL_ABANDONED_BYTES)));
	if (!report->server)
		return;
	if (now >= report->next_lag_ns) {
		gauge_set(&t->lag_bytes, (int64_t)lag(pipeline->sources));
		/* A call a file: of 20,000 files it may take a hundredth of the time. */
		report->next_lag_ns = now + 100 * (clock_mono_ns() - now);
	}
	health_good(report->loop);
	bool waiting = pipeline->in_flight || pipeline->pending;

	if (pipeline->producer && pipeline->partitions &&
	    (!waiting || now - pipeline->delivered_ns < OUTPUT_PATIENCE_NS))
		health_good(report->output);
	else if (pipeline->setup->settings.output.to.len == 0)
		health_good(report->output);
	else
		health_bad(report->output, "%s",
			   pipeline->partitions ? "nothing was acknowledged for 10 s"
						: "can't be reached");
}

void report_summary(const struct totals *totals, size_t files, int64_t ns)
{
	uint64_t raw = total_get(totals, TOTAL_ACKED_BYTES);
	uint64_t sent = total_get(totals, TOTAL_BLOCK_BYTES);
	char size[NUM_TEXT_MAX];
	size_t n = num_format_size(size, raw);

	printf("files %zu, records %" PRIu64 ", bytes %" PRIu64 " (%.*s), sent %" PRIu64
	       ", ratio %.1f, seconds %.2f\n",
	       files, total_get(totals, TOTAL_ACKED_RECORDS), raw, (int)n, size, sent,
	       sent ? (double)raw / (double)sent : 0.0, (double)ns / (double)NS_PER_SEC);
}
