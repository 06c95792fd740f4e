/*
 * floor - the least that shipping can cost: read, compress, produce.
 *
 *	floor FILE HOST:PORT TOPIC
 *
 * No lines, no parsing, no labels: 256 KiB blocks of the file as they are,
 * zstd level 1, idempotent producer with acks=all.  Prints CPU seconds and the
 * peak resident size in KiB, as `shipper` is measured in bench_shipper.sh.
 */
#include <fcntl.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zstd.h>

#define BLOCK (256u << 10)

static rd_kafka_t *open_producer(const char *brokers)
{
	const char *const settings[][2] = {
		{"bootstrap.servers", brokers},          {"enable.idempotence", "true"},
		{"compression.codec", "none"},           {"linger.ms", "5"},
		{"queue.buffering.max.kbytes", "16384"},
	};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char error[512];

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof(error));
	return rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, void *bytes, size_t n)
{
	while (rd_kafka_produce(topic, 0, RD_KAFKA_MSG_F_COPY, bytes, n, NULL, 0, NULL) < 0)
		rd_kafka_poll(rk, 10);
	rd_kafka_poll(rk, 0);
}

static double cpu_seconds(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	int fd = open(argv[1], O_RDONLY);
	rd_kafka_t *rk = open_producer(argv[2]);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, argv[3], NULL);
	ZSTD_CCtx *zstd = ZSTD_createCCtx();
	size_t bound = ZSTD_compressBound(BLOCK);
	char *raw = malloc(BLOCK), *packed = malloc(bound);
	struct rusage usage;
	ssize_t n;

	if (fd < 0 || !rk || !topic || !zstd || !raw || !packed)
		return 1;
	while ((n = read(fd, raw, BLOCK)) > 0)
		produce(rk, topic, packed,
			ZSTD_compressCCtx(zstd, packed, bound, raw, (size_t)n, 1));
	if (rd_kafka_flush(rk, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return 1;
	getrusage(RUSAGE_SELF, &usage);
	printf("%.3f %ld\n", cpu_seconds(&usage), usage.ru_maxrss);
	return 0;
}
