#!/bin/bash
# Builds a bare Debian 12 (no GPU, no Vulkan loader, no compiler) and runs, as an unprivileged user inside it, what a newcomer runs:
#   npm ci && npm run demo,  npm ci && npm test
# Usage, as root:  scripts/bare-debian.sh [--node TARBALL] [--dir FOLDER] [--keep] [COMMAND...]
#   --node TARBALL  a Node.js 20 binary distribution; by default this machine's node and npm are copied in
#   --dir FOLDER    where the Debian goes (1.5 GB); one that is there already is used again. Default: /var/tmp/clew-bare-debian
#   --keep          leave it there afterwards
#   COMMAND...      run these instead, one after the other, each in a fresh copy of the repository
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
root=/var/tmp/clew-bare-debian
tarball=
keep=
while [[ ${1:-} == --* ]]; do
  case $1 in
    --node) tarball=$(realpath "$2"); shift 2 ;;
    --dir) root=$2; shift 2 ;;
    --keep) keep=1; shift ;;
    *) echo "bare-debian: unknown option $1" >&2; exit 2 ;;
  esac
done
[[ $# -gt 0 ]] || set -- 'npm ci && npm run demo' 'npm ci && npm test'
[[ $(id -u) == 0 ]] || { echo 'bare-debian: run as root: debootstrap and chroot need it' >&2; exit 2; }
command -v debootstrap > /dev/null || { echo 'bare-debian: apt-get install debootstrap' >&2; exit 2; }

unmount() { for at in proc dev/shm dev; do mountpoint -q "$root/$at" && umount "$root/$at"; done; true; }
finish() { unmount; [[ -n $keep ]] || rm -rf --one-file-system "$root"; }

marker=$root/.clew-bare-debian # only a folder with it is used again or deleted; says `ready` when the Debian is complete
if [[ ! -e $marker ]]; then
  mkdir "$root" || { echo "bare-debian: $root is not one of mine: give another --dir" >&2; exit 2; }
  touch "$marker"
fi
trap finish EXIT

if ! grep -q ready "$marker"; then
  # the mirror that this machine's apt uses, where it is a Debian with one; otherwise debootstrap's own default
  mirror=$(grep -hoE 'https?://[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d/* 2> /dev/null | head -1 || true)
  debootstrap --variant=minbase --include=ca-certificates,libstdc++6,libatomic1 bookworm "$root" ${mirror:+$mirror}
  chroot "$root" useradd --create-home --shell /bin/bash newcomer
  echo ready > "$marker"
fi

if [[ -n $tarball ]]; then
  tar -C "$root/usr/local" --strip-components=1 -xf "$tarball"
else
  install -D "$(readlink -f "$(command -v node)")" "$root/usr/local/bin/node"
  npm=$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")
  mkdir -p "$root/usr/local/lib/node_modules"
  cp -a "$npm" "$root/usr/local/lib/node_modules/"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
fi

# The network as this machine has it: names and certificates; npm's registry goes in by the environment below.
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"

unmount
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for device in null zero full random urandom tty; do cp -a "/dev/$device" "$root/dev/"; done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
! chroot "$root" sh -c 'ldconfig -p | grep libvulkan' || { echo 'bare-debian: it has a Vulkan loader' >&2; exit 1; }

for command in "$@"; do
  rm -rf "$root/home/newcomer/clew" "$root/home/newcomer/.cache/clew"
  mkdir "$root/home/newcomer/clew"
  # what git would hand out, uncommitted changes included
  (cd "$repo" && git ls-files -z --cached --others --exclude-standard |
    while IFS= read -r -d '' file; do [[ -e $file ]] && printf '%s\0' "$file"; done |
    tar --null -T - -cf -) | tar -C "$root/home/newcomer/clew" -xf -
  chroot "$root" chown -R newcomer: /home/newcomer/clew
  echo "== $command"
  started=$SECONDS
  chroot "$root" /usr/bin/env -i HOME=/home/newcomer USER=newcomer LANG=C.UTF-8 TERM="${TERM:-dumb}" \
    PATH=/usr/local/bin:/usr/bin:/bin \
    ${HTTP_PROXY:+HTTP_PROXY="$HTTP_PROXY"} ${HTTPS_PROXY:+HTTPS_PROXY="$HTTPS_PROXY"} ${NO_PROXY:+NO_PROXY="$NO_PROXY"} \
    npm_config_registry="$(npm config get registry 2> /dev/null)" NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
    setpriv --reuid=newcomer --regid=newcomer --init-groups --no-new-privs --inh-caps=-all \
    bash -c "cd ~/clew && $command"
  echo "== done in $((SECONDS - started)) s: $command"
done
