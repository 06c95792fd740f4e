#!/usr/bin/env bash
# A folder of common/ includes itself and the layers above it; programs include
# common/ and their own folder; shipper/ and aggregator/ never each other.
. tests/gates/lib.sh

layers='api base data conf lang parse flow bus ops'


# What a file may include, as an extended regular expression over include paths.
allowed() {
	local layer above=
	case $1 in
	common/api/*) echo '^$' ;;
	common/*)
		layer=${1#common/}
		layer=${layer%%/*}
		for l in $layers; do
			above="$above|$l"
			[ "$l" != "$layer" ] || break
		done
		echo "^common/(${above#|})/"
		;;
	filters/builtin.*) echo '^(common/(api|flow)|filters)/' ;;
	filters/*) echo '^common/api/' ;;
	shipper/*) echo '^(common|shipper|filters)/' ;;
	aggregator/store/*) echo '^(common|aggregator/store)/' ;;
	aggregator/query/*) echo '^(common|aggregator/(store|query))/' ;;
	aggregator/serve/*) echo '^(common|aggregator/(store|query|serve))/' ;;
	aggregator/logq/*) echo '^(common|aggregator/(store|query|logq))/' ;;
	aggregator/*) echo '^(common|filters|aggregator)/' ;;
	*) echo . ;;
	esac
}

for file in $(sources | grep -v '^tests/'); do
	may=$(allowed "$file")
	sed -n 's/^#[[:blank:]]*include "\([^"]*\)".*/\1/p' "$file" | grep -vE "$may" |
		sed "s|^|$file includes |"
done | gate "each folder includes only its own and higher layers"

sources | grep '^common/api/' | xargs grep -nE '^[[:blank:]]*#[[:blank:]]*include' |
	grep -vE '<(stddef|stdint|string)\.h>' | gate "the plugin ABI includes only libc"

for dir in $(sources | grep -v '^tests/' | xargs -n1 dirname | sort -u); do
	[ -e "$dir/README.md" ] || [ -e "$(dirname "$dir")/README.md" ] || echo "$dir has no README.md"
done | gate "each folder has a README"
