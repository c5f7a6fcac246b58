#!/usr/bin/env bash
# Installs Metronome as a systemd service. Without --apply it only says what it would do. Doing it twice changes nothing.
set -euo pipefail
umask 022

usage() {
    cat <<'TEXT'
usage: systemd/install.sh [--apply] [--config FILE]

  --apply        do it (as root); without it every step is only shown
  --config FILE  the settings to start with (default: config/sim.toml); an installed one is never overwritten

Environment: DESTDIR installs below that folder instead of /, without touching users or the running systemd (packaging).
TEXT
}

source_dir="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
destdir="${DESTDIR:-}"
apply=no
config="$source_dir/config/sim.toml"

while [ $# -gt 0 ]; do
    case "$1" in
        --apply) apply=yes ;;
        --config)
            config="${2:?--config needs a FILE}"
            shift
            ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 2
            ;;
    esac
    shift
done

app="$destdir/opt/metronome"
settings="$destdir/etc/metronome/metronome.toml"
credentials="$destdir/etc/credstore"
units="$destdir/etc/systemd/system"
unit_files=(metronome.service metronome-retrain.service metronome-retrain.timer)
parts=(src config docs systemd live_bot.py pyproject.toml requirements.lock Makefile README.md CHANGELOG.md)

say() { printf '%-9s %s\n' "$1" "$2"; }

# step DESCRIPTION COMMAND...: do it, or say that it would be done
step() {
    if [ "$apply" = yes ]; then
        say "doing" "$1"
        shift
        "$@"
    else
        say "would" "$1"
    fi
}

done_already() { say "is done" "$1"; }

copy_app() {
    install -d -m 0755 "$app"
    local part
    for part in "${parts[@]}"; do
        rm -rf "${app:?}/$part.new"
        cp -R "$source_dir/$part" "$app/$part.new"
        rm -rf "${app:?}/$part"
        mv "$app/$part.new" "$app/$part"
    done
    find "$app/src" -name __pycache__ -type d -prune -exec rm -rf {} +
}

app_is_current() {
    local part
    for part in "${parts[@]}"; do
        diff -rq -x __pycache__ -x '*.egg-info' "$source_dir/$part" "$app/$part" >/dev/null 2>&1 || return 1
    done
}

write_settings() {
    install -d -m 0755 "$(dirname "$settings")"
    sed 's#^data_dir = .*#data_dir = "/var/lib/metronome"#' "$config" >"$settings.new"
    chmod 0644 "$settings.new"
    mv "$settings.new" "$settings"
}

install_unit() {
    install -D -m 0644 "$source_dir/systemd/$1" "$units/$1"
    [ -n "$destdir" ] || systemctl daemon-reload
}

if [ ! -f "$config" ]; then
    echo "no such settings file: $config" >&2
    exit 2
fi
if [ "$apply" = yes ] && [ -z "$destdir" ] && [ "$(id -u)" != 0 ]; then
    echo "--apply changes the system: run it as root (sudo systemd/install.sh --apply)" >&2
    exit 2
fi

if [ -n "$destdir" ]; then
    say "skipped" "user metronome (DESTDIR is set)"
elif id -u metronome >/dev/null 2>&1; then
    done_already "user metronome"
else
    step "add the system user metronome" \
        useradd --system --user-group --home-dir /var/lib/metronome --shell /usr/sbin/nologin metronome
fi

if [ "$source_dir" = "$app" ] || app_is_current; then
    done_already "code in $app"
else
    step "copy the code to $app" copy_app
fi

if [ -n "$destdir" ]; then
    say "skipped" "Python packages in $app/.venv (DESTDIR is set)"
elif [ -e "$app/.venv/.runtime" ] && [ ! "$app/requirements.lock" -nt "$app/.venv/.runtime" ]; then
    done_already "Python packages in $app/.venv"
else
    step "install the Python packages into $app/.venv" make -C "$app" .venv/.runtime
fi

if [ -f "$settings" ]; then
    done_already "settings in $settings (yours: never overwritten)"
else
    step "write the settings $settings, from $config" write_settings
fi

if [ -d "$credentials" ]; then
    done_already "folder $credentials for keys"
else
    step "make the folder $credentials for keys, for root alone" install -d -m 0700 "$credentials"
fi

for unit in "${unit_files[@]}"; do
    if cmp -s "$source_dir/systemd/$unit" "$units/$unit"; then
        done_already "unit $units/$unit"
    else
        step "install the unit $units/$unit" install_unit "$unit"
    fi
done

echo
if [ "$apply" = yes ]; then
    echo "Next: edit $settings, then: systemctl enable --now metronome; journalctl -fu metronome"
else
    echo "Nothing was changed. Do it with: sudo systemd/install.sh --apply"
fi
