#!/usr/bin/env bash
# What `make install` puts down is complete, the units pass systemd's own
# checks, and the default configurations are accepted as they are.
. tests/gates/lib.sh
O=${O:-build/release}
root=$(mktemp -d) || exit 1
trap 'rm -rf "$root"' EXIT
units='shipper aggregator'

make --no-print-directory -s install DESTDIR="$root" prefix=/usr >"$root/log" 2>&1 ||
	echo "$(tail -n 20 "$root/log")" | gate "make install"

for file in usr/sbin/shipper usr/sbin/aggregator usr/bin/logq usr/lib/sluice/filters/grep.so \
	usr/include/sluice/filter.h usr/lib/pkgconfig/sluice-filter.pc etc/sluice/shipper.yaml \
	etc/sluice/aggregator.yaml usr/lib/systemd/system/shipper.service \
	usr/lib/systemd/system/aggregator.service usr/lib/sysusers.d/sluice.conf \
	usr/lib/tmpfiles.d/sluice.conf usr/share/doc/sluice/LICENSE \
	usr/share/bash-completion/completions/logq usr/share/zsh/site-functions/_logq \
	usr/share/fish/vendor_completions.d/logq.fish \
	$(command -v scdoc >/dev/null && echo usr/share/man/man1/logq.1 usr/share/man/man7/logsql.7); do
	[ -s "$root/$file" ] || echo "$file is missing"
done | gate "make install puts everything in place"

# A configuration that somebody changed stays as it is.
echo "# mine" >"$root/etc/sluice/shipper.yaml"
make --no-print-directory -s install DESTDIR="$root" prefix=/usr >"$root/log" 2>&1
{
	grep -qx "# mine" "$root/etc/sluice/shipper.yaml" || echo "shipper.yaml was overwritten"
	cmp -s packaging/config/shipper.yaml "$root/etc/sluice/shipper.yaml.new" ||
		echo "shipper.yaml.new is not the new one"
	[ ! -e "$root/etc/sluice/aggregator.yaml.new" ] || echo "an unchanged file has a .new"
} | gate "make install keeps a changed configuration"

for unit in $units; do
	if ! [ -x "$root/usr/sbin/$unit" ]; then
		skip "default configuration of $unit" "the program is not built"
		continue
	fi
	"$root/usr/sbin/$unit" --check-config --config "packaging/config/$unit.yaml" 2>&1 |
		gate "the default configuration of $unit is accepted"
done

if ! command -v systemd-analyze >/dev/null; then
	skip "units" "systemd-analyze is missing"
	exit 0
fi
# verify wants to see the programs where the unit says they are.
mkdir "$root/units"
for unit in $units; do
	sed "s|=/usr/sbin/|=$root/usr/sbin/|" "$root/usr/lib/systemd/system/$unit.service" \
		>"$root/units/$unit.service"
	if [ -x "$root/usr/sbin/$unit" ]; then
		systemd-analyze verify --man=no "$root/units/$unit.service" 2>&1 |
			gate "systemd-analyze verify $unit.service"
	else
		skip "systemd-analyze verify $unit.service" "the program is not built"
	fi
	# An exposure of at most 1.5.
	if systemd-analyze security --offline=true --threshold=15 "$root/units/$unit.service" \
		>"$root/security" 2>&1; then
		:
	else
		tail -n 3 "$root/security"
	fi | gate "systemd-analyze security $unit.service"
done

if command -v systemd-sysusers >/dev/null; then
	mkdir -p "$root/sysroot/usr/lib/sysusers.d" "$root/sysroot/etc"
	cp "$root/usr/lib/sysusers.d/sluice.conf" "$root/sysroot/usr/lib/sysusers.d/"
	{
		systemd-sysusers --root="$root/sysroot" 2>&1 | grep -viE '^creating |^adding '
		for user in $units; do
			grep -q "^$user:" "$root/sysroot/etc/passwd" || echo "no user $user"
		done
		grep -q '^adm:.*shipper' "$root/sysroot/etc/group" || echo "shipper is not in adm"
	} | gate "systemd-sysusers makes the users"
else
	skip "system users" "systemd-sysusers is missing"
fi
