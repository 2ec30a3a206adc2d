#!/usr/bin/env bash
# Every parameter and debug flag is in the manual page, and every parameter
# there is one that the plugin takes; the pages are sound.

. "${abs_top_srcdir:-.}/tests/functions.sh"

docs=$abs_top_srcdir/docs
page=$docs/nbdkit-tiercache-plugin.pod

nbdkit "$plugin" --help | grep -oE '(^|[^a-z-])[a-z][a-z-]+=' |
  grep -oE '[a-z-]+' | sort -u >"$tmp/taken"
sed -n '/^=head1 PARAMETERS/,/^=head2 Debug/p' "$page" |
  grep -oE '^=item (\[?B<|B<)[a-z][a-z-]+=' | grep -oE '[a-z-]+=' |
  tr -d = | sort -u >"$tmp/documented"
grep -qx cache-size "$tmp/taken" || fail "no parameters in --help"
diff "$tmp/taken" "$tmp/documented" ||
  fail "parameters of --help (<) and of the manual page (>) differ"

# Each with its default, but for url, which has none.
perl -00 -ne '
  if (/^=item \[?B<([a-z-]+)=/) { $name = $1; $seen{$name} //= 0 }
  $seen{$name}++ if $name && /\(Default:|^The default is/m;
  $name = "" if /^=head/;
  END { $bad = join " ", grep { !$seen{$_} && $_ ne "url" } sort keys %seen;
        die "no default is given for: $bad\n" if $bad }' "$page"

grep -ohE '^NBDKIT_DLL_PUBLIC int tiercache_debug_[a-z]+|^extern int tiercache_debug_[a-z]+' \
    -r "$abs_top_srcdir/lib" "$abs_top_srcdir/plugin" |
  sed 's/.*debug_//' | sort -u |
  while read -r flag; do
    grep -q "tiercache\\.$flag=1" "$page" ||
      fail "debug flag tiercache.$flag is not in the manual page"
  done

# The same of tiercache-ctl: its options, and its commands.
"$ctl" --help | grep -oE -- '--[a-z][a-z-]+' | sort -u >"$tmp/taken"
grep -oE '^=item B<--[a-z][a-z-]+' "$docs/tiercache-ctl.pod" |
  sed 's/.*<//' | sort -u >"$tmp/documented"
grep -qx -- --json "$tmp/taken" || fail "no options in tiercache-ctl --help"
diff "$tmp/taken" "$tmp/documented" ||
  fail "options of tiercache-ctl --help (<) and of its page (>) differ"
"$ctl" --help | sed -n 's/^  tiercache-ctl \([a-z]*\) .*/\1/p' | sort -u |
  while read -r command; do
    grep -qE "^=item B<$command>" "$docs/tiercache-ctl.pod" ||
      fail "tiercache-ctl $command is not in the manual page"
  done

for pod in "$docs"/*.pod; do
  podchecker "$pod" 2>&1 | grep -q 'pod syntax OK' || fail "$pod is not sound"
done
