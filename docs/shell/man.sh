#!/bin/sh
# man.sh SCOPEGRAD > scopegrad.1 - the manual page, made of what the program says of itself: one section a command.
set -eu
program=$1
version=$("$program" --version | awk '{ print $2; exit }')

# A line of text for roff: backslashes, leading dots and quotes, hyphens as they are typed.
escape() { sed 's/\\/\\e/g; s/-/\\-/g; s/^\([.'"'"']\)/\\\&\1/'; }

cat <<END
.TH SCOPEGRAD 1 "" "scopegrad $version" "User Commands"
.SH NAME
scopegrad \\- a microscope you can take the gradient of, with the network that reads its pictures
.SH SYNOPSIS
.B scopegrad
.I COMMAND
.RI [ OPTIONS ]
.SH DESCRIPTION
Light, lens, camera and network in one differentiable chain: a configuration (YAML) describes them, a training learns
them together, a sweep repeats it over settings and seeds. Errors are one line that names file, line, key and range.
.SH COMMANDS
END
"$program" --help | awk '/^Commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }' | while read -r command; do
    printf '.SS scopegrad %s\n.nf\n' "$command"
    "$program" "$command" --help | escape
    printf '.fi\n'
done
cat <<'END'
.SH EXIT STATUS
0 done; 1 an error while running; 2 wrong usage or configuration; 3 some runs of a sweep failed.
.SH FILES
A run folder holds config.yaml, log.csv, last.ckpt, best.ckpt, weights.safetensors, results.h5, report.html and DONE,
which is written last. A sweep folder holds sweep.yaml, runs.csv and runs/ID/.
.SH SEE ALSO
.B scopegrad info \-\-keys
lists every key of a configuration with unit, range and default.
END
