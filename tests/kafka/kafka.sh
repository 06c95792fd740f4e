#!/usr/bin/env bash
# kafka.sh start|cluster3|stop|status|kill N|restart N - a real Apache Kafka for tests.
#
#   start      one node on 127.0.0.1:19092; prints the bootstrap address
#   cluster3   three nodes on 127.0.0.1:19092,29092,39092, replication 3, min.isr 2
#   stop       stop what runs and forget its data
#   status     the address and what is up; exit 3 when nothing is
#   kill N     kill -9 node N
#   restart N  start node N again on its data
#
# start and cluster3 do nothing when that very thing is up.  Exit 77 when Kafka
# can't be had here (no java, no mvn, no network): a test skips then.
#
#   SLUICE_CACHE   where the jars are kept, default ~/.cache/sluice
#   SLUICE_KAFKA   where the nodes live, default $TMPDIR/sluice-kafka-$UID
set -eu

version=3.9.1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${SLUICE_CACHE:-${HOME:-/tmp}/.cache/sluice}
libs=$cache/kafka-$version/libs
home=${SLUICE_KAFKA:-${TMPDIR:-/tmp}/sluice-kafka-$(id -u)}

die() {
	echo "kafka.sh: $*" >&2
	exit 1
}

cannot() {
	echo "kafka.sh: no Kafka here: $*" >&2
	exit 77
}

# The jars, fetched once.  They appear under their name only when complete.
fetch() {
	[ ! -d "$libs" ] || return 0
	command -v mvn >/dev/null || cannot "mvn is not installed (Debian: apt-get install maven)"
	local part=$cache/kafka-$version/libs.$$
	echo "kafka.sh: fetching Kafka $version to $libs" >&2
	mvn -B -q -f "$here/pom.xml" \
		org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
		-DincludeScope=runtime -DoutputDirectory="$part" >"$home/mvn.log" 2>&1 || {
		rm -rf "$part"
		cannot "Maven could not fetch the jars, see $home/mvn.log"
	}
	mv "$part" "$libs" 2>/dev/null || rm -rf "$part" # another run was first
}

properties() { # NODE NODES
	local node=$1 nodes=$2 voters= i
	for ((i = 1; i <= nodes; i++)); do voters+=${voters:+,}$i@127.0.0.1:${i}9093; done
	cat <<-END
		process.roles=broker,controller
		node.id=$node
		controller.quorum.voters=$voters
		listeners=PLAINTEXT://127.0.0.1:${node}9092,CONTROLLER://127.0.0.1:${node}9093
		advertised.listeners=PLAINTEXT://127.0.0.1:${node}9092
		controller.listener.names=CONTROLLER
		inter.broker.listener.name=PLAINTEXT
		listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
		log.dirs=$home/node$node/data
		num.partitions=4
		group.initial.rebalance.delay.ms=0
		offsets.topic.num.partitions=4
		log.cleaner.enable=false
	END
	if [ "$nodes" = 1 ]; then
		cat <<-END
			offsets.topic.replication.factor=1
			transaction.state.log.replication.factor=1
			transaction.state.log.min.isr=1
		END
	else
		# A dead node is noticed in 3 s, not in the default's 9 to 30.
		cat <<-END
			default.replication.factor=3
			min.insync.replicas=2
			offsets.topic.replication.factor=3
			transaction.state.log.replication.factor=3
			transaction.state.log.min.isr=2
			unclean.leader.election.enable=false
			broker.session.timeout.ms=3000
			broker.heartbeat.interval.ms=500
			replica.lag.time.max.ms=3000
		END
	fi
}

logging() { # NODE
	cat <<-END
		log4j.rootLogger=WARN, file
		log4j.logger.kafka.server.KafkaRaftServer=INFO
		log4j.appender.file=org.apache.log4j.FileAppender
		log4j.appender.file.File=$home/node$1/server.log
		log4j.appender.file.layout=org.apache.log4j.PatternLayout
		log4j.appender.file.layout.ConversionPattern=%d %p %m (%c)%n
	END
}

java_kafka() { # NODE CLASS ARGUMENT…
	local dir=$home/node$1
	shift
	exec java -Xms256m -Xmx512m -XX:+ExitOnOutOfMemoryError -cp "$libs/*" \
		-Dlog4j.configuration="file:$dir/log4j.properties" "$@"
}

format() { # NODE NODES CLUSTER
	local dir=$home/node$1
	mkdir -p "$dir"
	properties "$1" "$2" >"$dir/server.properties"
	logging "$1" >"$dir/log4j.properties"
	(java_kafka "$1" kafka.tools.StorageTool format -t "$3" -c "$dir/server.properties") \
		>"$dir/format.log" 2>&1 || die "format failed: $(tail -n 3 "$dir/format.log")"
}

# The process of the node, and not another that got its number: it is Kafka, or
# this script that is about to become it.  In the midst of an exec a process has
# no command line; a dead one that nobody waited for has none either.
is_up() { # NODE
	local pid line
	pid=$(cat "$home/node$1/pid" 2>/dev/null) || return 1
	{ line=$(tr '\0' ' ' <"/proc/$pid/cmdline"); } 2>/dev/null || return 1
	if [ -z "$line" ]; then
		! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null
	else
		[[ $line =~ kafka\.(Kafka|sh) ]]
	fi
}

launch() { # NODE; in a session of its own, so that a Ctrl-C in a test does not reach it
	local dir=$home/node$1
	: >"$dir/server.log"
	(
		cd "$dir"
		exec 9>&- # the lock is ours, not Kafka's
		export -f java_kafka
		export home libs
		setsid bash -c "java_kafka $1 kafka.Kafka server.properties" >out.log 2>&1 </dev/null &
		echo $! >pid
	)
}

# A broker says "started" when it is registered and answers.
wait_started() { # NODE
	local i
	for ((i = 0; i < 600; i++)); do
		! grep -q 'Kafka Server started' "$home/node$1/server.log" || return 0
		is_up "$1" || break
		sleep 0.1
	done
	tail -n 20 "$home/node$1/server.log" "$home/node$1/out.log" >&2
	die "node $1 did not start"
}

addresses() { # NODES
	local list= i
	for ((i = 1; i <= $1; i++)); do list+=${list:+,}127.0.0.1:${i}9092; done
	echo "$list"
}

up() { # NODES
	local nodes=$1 cluster i
	if [ "$(cat "$home/nodes" 2>/dev/null)" = "$nodes" ]; then
		for ((i = 1; i <= nodes; i++)); do is_up "$i" || break; done
		[ "$i" -le "$nodes" ] || return 0
	fi
	command -v java >/dev/null || cannot "java is not installed (Debian: default-jre-headless)"
	down
	fetch
	cluster=$(java -cp "$libs/*" kafka.tools.StorageTool random-uuid 2>/dev/null | tail -n 1)
	for ((i = 1; i <= nodes; i++)); do format "$i" "$nodes" "$cluster"; done
	for ((i = 1; i <= nodes; i++)); do launch "$i"; done
	for ((i = 1; i <= nodes; i++)); do wait_started "$i"; done
	echo "$nodes" >"$home/nodes"
}

# SIGTERM to all, as a quorum goes down faster together; then SIGKILL.
down() {
	local node i
	for node in 1 2 3; do
		! is_up $node || kill -TERM "$(cat "$home/node$node/pid")"
	done
	for node in 1 2 3; do
		for ((i = 0; i < 100; i++)); do
			is_up $node || break
			sleep 0.1
		done
		! is_up $node || kill -KILL "$(cat "$home/node$node/pid")"
	done
	rm -rf "$home"/node[123] "$home/nodes"
}

status() {
	local nodes i
	nodes=$(cat "$home/nodes" 2>/dev/null) || {
		echo "no Kafka is up"
		exit 3
	}
	echo "bootstrap: $(addresses "$nodes")"
	for ((i = 1; i <= nodes; i++)); do
		if is_up "$i"; then echo "node $i: up"; else echo "node $i: down"; fi
	done
}

umask 077
mkdir -p "$home" "$cache/kafka-$version"
exec 9>"$home/lock"
flock 9

case ${1:-} in
start)
	up 1
	addresses 1
	;;
cluster3)
	up 3
	addresses 3
	;;
stop) down ;;
status) status ;;
kill)
	is_up "${2:?node}" || die "node $2 is not up"
	kill -KILL "$(cat "$home/node$2/pid")"
	;;
restart)
	[ -d "$home/node${2:?node}" ] || die "there is no node $2"
	is_up "$2" || launch "$2"
	wait_started "$2"
	;;
*)
	sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
	exit 2
	;;
esac
