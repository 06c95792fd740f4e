#!/usr/bin/env bash
# Functions that are never right here, and words that mark unfinished work.
. tests/gates/lib.sh

banned='strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|sscanf|fscanf|scanf|alloca|system|popen|tmpnam|mktemp|rand|srand'
sources | xargs grep -nE "(^|[^a-zA-Z0-9_.>])($banned)[[:space:]]*\(" | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)' |
	gate "no banned function ($banned)"
sources | xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b' | gate "no unfinished work marked in the source"
sources | grep '^common/' | grep -vE '^common/(base/(log|check|err)|ops/)' |
	xargs grep -nE '(^|[^a-z_])(log_(error|warn|info|debug)|printf|perror)[[:space:]]*\(' |
	grep -vE '(sn|vsn|buf_|arena_|fp?)printf|__printf__|:[[:space:]]*(/?\*|//)' |
	gate "library layers do not log"
