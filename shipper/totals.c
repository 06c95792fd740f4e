#include "shipper/totals.h"

static const struct {
	const char *name, *help;
} rows[TOTALS] = {
	[TOTAL_READ_BYTES] = {"shipper_read_bytes_total", "Bytes of files taken into blocks."},
	[TOTAL_ACKED_BYTES] = {"shipper_acked_bytes_total",
			       "Bytes of files below the acknowledged watermark."},
	[TOTAL_REWOUND_BYTES] = {"shipper_rewound_bytes_total",
				 "Bytes to be read again after a delivery error."},
	[TOTAL_ABANDONED_BYTES] = {"shipper_abandoned_bytes_total",
				   "Bytes that were gone before they could be delivered."},
	[TOTAL_ABANDONED_RECORDS] = {"shipper_abandoned_records_total",
				     "Records that fit into no message."},
	[TOTAL_ACKED_RECORDS] = {"shipper_acked_records_total", "Records stored for good."},
	[TOTAL_FILTERED_RECORDS] = {"shipper_filtered_records_total",
				    "Records dropped by a filter."},
	[TOTAL_FILTER_ERRORS] = {"shipper_filter_errors_total",
				 "Records that a filter failed on; they were kept."},
	[TOTAL_PARSE_ERRORS] = {"shipper_parse_errors_total",
				"Lines that kept their raw text because they did not parse."},
	[TOTAL_SKIPPED_BYTES] = {"shipper_truncated_bytes_total",
				 "Bytes behind the cut of lines above max_line_bytes."},
	[TOTAL_RAW_BYTES] = {"shipper_block_raw_bytes_total", "NDJSON bytes of blocks."},
	[TOTAL_BLOCKS] = {"shipper_blocks_total", "Blocks sent."},
	[TOTAL_BLOCK_BYTES] = {"shipper_block_bytes_total", "Bytes of blocks, compressed."},
	[TOTAL_DELIVERY_ERRORS] = {"shipper_delivery_errors_total",
				   "Blocks that were not stored and are sent again."},
	[TOTAL_PRODUCER_REOPENS] = {"shipper_producer_reopens_total",
				    "Times that a fatal error made a new producer."},
	[TOTAL_QUEUE_FULL] = {"shipper_queue_full_total",
			      "Times that reading waited for the queue."},
	[TOTAL_TRUNCATIONS] = {"shipper_truncations_total", "Files that were truncated."},
	[TOTAL_ROTATIONS] = {"shipper_rotations_total", "Files whose name went to another one."},
	[TOTAL_READ_ERRORS] = {"shipper_read_errors_total", "Reads that failed."},
	[TOTAL_OPEN_ERRORS] = {"shipper_open_errors_total", "Files that could not be opened."},
	[TOTAL_CHECKPOINT_ERRORS] = {"shipper_checkpoint_errors_total",
				     "Checkpoints that could not be written."},
	[TOTAL_RELOADS] = {"shipper_reloads_total", "Configurations put into effect by SIGHUP."},
	[TOTAL_RELOAD_ERRORS] = {"shipper_reload_errors_total", "Reloads refused."},
};

static double read_counter(void *ctx)
{
	return (double)counter_get(ctx);
}

static double read_gauge(void *ctx)
{
	struct gauge *gauge = ctx;

	return (double)atomic_load_explicit(&gauge->n, memory_order_relaxed);
}

int totals_register(struct totals *totals, struct metrics *metrics)
{
	struct {
		const char *name, *help;
		struct gauge *gauge;
	} gauges[] = {
		{"shipper_files", "Files that are followed.", &totals->files},
		{"shipper_pending_bytes", "Bytes read and not acknowledged.",
		 &totals->pending_bytes},
		{"shipper_in_flight_blocks", "Blocks sent and not acknowledged.",
		 &totals->in_flight},
		{"shipper_lag_bytes", "Bytes of files that are not acknowledged.",
		 &totals->lag_bytes},
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < TOTALS; i++)
		r = metrics_read(metrics, rows[i].name, rows[i].help, NO_LABELS, true, read_counter,
				 &totals->counters[i]);
	for (size_t i = 0; r == 0 && i < sizeof(gauges) / sizeof(gauges[0]); i++)
		r = metrics_read(metrics, gauges[i].name, gauges[i].help, NO_LABELS, false,
				 read_gauge, gauges[i].gauge);
	return r;
}
