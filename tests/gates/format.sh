#!/usr/bin/env bash
# Every source is as clang-format leaves it, and no line ends in white space.
. tests/gates/lib.sh

sources | xargs -r clang-format --dry-run -Werror 2>&1 | grep -E '(error|warning):' | head -n 20 |
	gate "clang-format"
git ls-files -co --exclude-standard -- '*.c' '*.h' '*.sh' '*.md' Makefile '*.mk' |
	xargs -r grep -nE '[[:blank:]]+$' | head -n 20 | gate "no trailing white space"
