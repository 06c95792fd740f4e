/*
 * mockkafka - librdkafka's mock cluster as a process, for scripts.
 *
 *	mockkafka [BROKERS [TOPIC PARTITIONS]…]
 *
 * The first line of standard output is the bootstrap address.  Then each line
 * of standard input is a command, answered by "ok" or "error: …"; at its end
 * the cluster goes on until it is killed.
 *
 *	topic NAME PARTITIONS		create
 *	down BROKER | up BROKER		brokers count from 1
 *	rtt BROKER MS			delay its answers
 *	error API TIMES CODE		answer the next requests with an error (Kafka's
 *					numbers: produce is API 0, NOT_ENOUGH_REPLICAS 19)
 *	leader TOPIC PARTITION BROKER
 *	quit
 *
 * It keeps 5 MiB a partition and ignores idempotent sequence numbers: good for
 * faults, no judge of exactly-once.
 */
#include "common/base/num.h"
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#define REPLICAS  1
#define ARGS_MAX  4
#define TIMES_MAX 100

struct args {
	char *text[ARGS_MAX];
	int n[ARGS_MAX]; /* text as a number, -1 = none */
};

struct command {
	const char *name;
	int args;
	rd_kafka_resp_err_t (*run)(rd_kafka_mock_cluster_t *cluster, const struct args *args);
};

static rd_kafka_resp_err_t run_topic(rd_kafka_mock_cluster_t *cluster, const struct args *args)
{
	return rd_kafka_mock_topic_create(cluster, args->text[0], args->n[1], REPLICAS);
}

static rd_kafka_resp_err_t run_down(rd_kafka_mock_cluster_t *cluster, const struct args *args)
{
	return rd_kafka_mock_broker_set_down(cluster, args->n[0]);
}

static rd_kafka_resp_err_t run_up(rd_kafka_mock_cluster_t *cluster, const struct args *args)
{
	return rd_kafka_mock_broker_set_up(cluster, args->n[0]);
}

static rd_kafka_resp_err_t run_rtt(rd_kafka_mock_cluster_t *cluster, const struct args *args)
{
	return rd_kafka_mock_broker_set_rtt(cluster, args->n[0], args->n[1]);
}

static rd_kafka_resp_err_t run_error(rd_kafka_mock_cluster_t *cluster, const struct args *args)
{
	if (args->n[1] > TIMES_MAX)
		return RD_KAFKA_RESP_ERR__INVALID_ARG;
	for (int i = 0; i < args->n[1]; i++)
		rd_kafka_mock_push_request_errors(cluster, (int16_t)args->n[0], 1,
						  (rd_kafka_resp_err_t)args->n[2]);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t run_leader(rd_kafka_mock_cluster_t *cluster, const struct args *args)
{
	return rd_kafka_mock_partition_set_leader(cluster, args->text[0], args->n[1], args->n[2]);
}

static const struct command commands[] = {
	{"topic", 2, run_topic}, {"down", 1, run_down},   {"up", 1, run_up},
	{"rtt", 2, run_rtt},     {"error", 3, run_error}, {"leader", 3, run_leader},
};

static int to_number(struct span text)
{
	int64_t n;

	return num_parse_i64(text, &n) == 0 && n >= 0 && n <= INT32_MAX ? (int)n : -1;
}

/* The words of a line behind the first; how many there were. */
static int split(char *line, struct span *ret_name, struct args *ret)
{
	struct span rest = span_trim(span_cstr(line)), word;
	int n = 0;

	*ret_name = (struct span){0};
	span_cut(&rest, ' ', ret_name);
	for (; span_cut(&rest, ' ', &word); n++) {
		if (n >= ARGS_MAX)
			continue;
		ret->text[n] = line + (word.ptr - line);
		ret->text[n][word.len] = '\0';
		ret->n[n] = to_number(word);
	}
	return n;
}

static const char *obey(rd_kafka_mock_cluster_t *cluster, char *line)
{
	struct span name;
	struct args args = {0};
	int n = split(line, &name, &args);

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (!span_eq(name, span_cstr(commands[i].name)))
			continue;
		rd_kafka_resp_err_t r = n == commands[i].args ? commands[i].run(cluster, &args)
							      : RD_KAFKA_RESP_ERR__INVALID_ARG;

		return r ? rd_kafka_err2str(r) : NULL;
	}
	return span_eq(name, SPAN("quit")) ? "quit" : "unknown command";
}

/* True when told to quit. */
static bool obey_lines(rd_kafka_mock_cluster_t *cluster)
{
	char line[1024];

	while (fgets(line, sizeof(line), stdin)) {
		const char *trouble = obey(cluster, line);

		if (trouble && strcmp(trouble, "quit") == 0)
			return true;
		printf(trouble ? "error: %s\n" : "ok\n", trouble);
		fflush(stdout);
	}
	return false;
}

int main(int argc, char **argv)
{
	char why[256];
	int brokers = argc > 1 ? to_number(span_cstr(argv[1])) : 1;
	rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
	rd_kafka_mock_cluster_t *cluster =
		rk && brokers > 0 ? rd_kafka_mock_cluster_new(rk, brokers) : NULL;

	if (!cluster) {
		fprintf(stderr, "usage: mockkafka [BROKERS [TOPIC PARTITIONS]...]\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* no orphans when a script is killed */
	for (int i = 2; i + 1 < argc; i += 2)
		if (rd_kafka_mock_topic_create(cluster, argv[i], to_number(span_cstr(argv[i + 1])),
					       REPLICAS))
			fprintf(stderr, "mockkafka: can't create topic %s\n", argv[i]);
	printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
	fflush(stdout);
	if (!obey_lines(cluster))
		pause();
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(rk);
	return 0;
}
