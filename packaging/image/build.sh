#!/bin/sh
# Build the container image from nothing: Debian's python3.11 and the C library that it needs, our
# wheel, and an entrypoint. No base image, no shell, no package manager inside.
#
#   packaging/image/build.sh WHEEL FILE.tar     writes the image to that archive, which
#                                               `podman load -i` and `docker load -i` take
#
# FORMAT=oci writes an OCI archive instead of a Docker one; that format has no health check.
# Debian's packages come through mmdebstrap, our wheel's through pip. Nothing is left on the machine
# but FILE: buildah works in a folder of its own, which needs no daemon and, as root, no mounts.
set -eu

wheel=$(readlink -f "$1")
file=$(readlink -m "$2")
format=${FORMAT:-docker}
suite=bookworm
here=$(dirname "$(readlink -f "$0")")
python=${PYTHON:-python3}

version=$(basename "$wheel" | cut -d- -f2)
case $wheel in
*_x86_64.whl) arch=amd64 platform=manylinux2014_x86_64 ;;
*_aarch64.whl) arch=arm64 platform=manylinux2014_aarch64 ;;
*) echo "$wheel: not a wheel of \`make wheel\`" >&2 && exit 1 ;;
esac
if [ "$arch" != "$(dpkg --print-architecture)" ]; then
    echo "an image for $arch is built on a machine that is $arch" >&2
    exit 1
fi

work=$(mktemp -d)
export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs BUILDAH_FORMAT=$format
buildah="buildah --root $work/storage --runroot $work/run"
trap 'rm -rf "$work"' EXIT
root=$work/root

# ---- Debian's files, without their installation: nothing of it is run.
# Packages that others name and that a server has no use for.
unwanted="ca-certificates debconf dpkg gcc-12-base libacl1 libmd0 libpcre2-8-0 libselinux1 openssl \
readline-common tar"
cat >"$work/hook" <<HOOK
set -eu
mkdir -p "\$1/var/lib/dpkg/status.d"
for deb in "\$1"/var/cache/apt/archives/*.deb; do
    name=\$(dpkg-deb --field "\$deb" Package)
    case " $unwanted " in
    *" \$name "*)
        [ "\$name" = ca-certificates ] || dpkg-deb --fsys-tarfile "\$deb" | tar t | grep -v '/\$' |
            while read -r path; do rm -f "\$1/\$path"; done
        ;;
    *) dpkg-deb --field "\$deb" >"\$1/var/lib/dpkg/status.d/\$name" ;; # scanners read these
    esac
done
HOOK
chmod +x "$work/hook"
mmdebstrap --quiet --variant=extract --extract-hook="$work/hook \"\$1\"" \
    --include=python3.11-minimal,libpython3.11-stdlib,ca-certificates "$suite" "$root"
cat "$root"/usr/share/ca-certificates/mozilla/*.crt >"$work/authorities"

cd "$root"
find usr/share/doc -type f ! -name copyright -delete
find usr/share/doc -type l -delete
find usr/share/doc -type d -empty -delete
rm -rf boot home media mnt opt proc run srv sys var/cache var/log var/mail etc/apt \
    usr/share/man usr/share/info usr/share/locale usr/share/lintian usr/share/perl5 \
    usr/share/ca-certificates usr/share/debconf usr/share/dpkg usr/lib/*/gconv usr/lib/*/perl* \
    usr/lib/python3.11/test usr/lib/python3.11/pydoc_data usr/lib/python3.11/turtle.py \
    usr/lib/python3.11/ensurepip usr/lib/python3.11/idlelib usr/lib/python3.11/lib2to3 \
    var/lib/dpkg/alternatives var/lib/dpkg/info var/lib/dpkg/parts var/lib/dpkg/triggers \
    var/lib/dpkg/updates var/lib/dpkg/status var/lib/dpkg/arch
rm -rf dev sbin usr/sbin etc/alternatives etc/ca-certificates etc/cron.daily etc/dpkg etc/fstab \
    etc/hostname etc/hosts etc/logrotate.d etc/resolv.conf
mkdir -p dev proc sys run tmp etc/ssl/certs usr/local/bin etc/ottla
chmod 1777 tmp
cp "$work/authorities" etc/ssl/certs/ca-certificates.crt
ln -sf python3.11 usr/bin/python3
printf 'root:x:0:0:root:/:/sbin/nologin\nottla:x:10001:10001:Ottla:/var/lib/ottla:/sbin/nologin\n' \
    >etc/passwd
printf 'root:x:0:\nottla:x:10001:\n' >etc/group
printf 'passwd: files\ngroup: files\nhosts: files dns\n' >etc/nsswitch.conf
cd - >/dev/null

# ---- The package, as pip installs it for that Python; its commands run by the image's own.
packages=$root/usr/local/lib/python3.11/dist-packages
"$python" -m pip install --quiet --disable-pip-version-check --no-compile --root-user-action=ignore \
    --target "$packages" --python-version 3.11 --implementation cp --only-binary=:all: \
    --platform "$platform" --platform any "$wheel"
for command in "$packages"/bin/ottla "$packages"/bin/kafka-*; do
    { echo '#!/usr/bin/python3.11' && tail -n +2 "$command"; } \
        >"$root/usr/local/bin/$(basename "$command")"
done
rm -rf "$packages/bin"
{ echo '#!/usr/bin/python3.11' && cat "$here/entrypoint.py"; } >"$root/usr/local/bin/ottla-container"
chmod 755 "$root"/usr/local/bin/*

# ---- The image.
container=$($buildah from --arch "$arch" scratch)
$buildah add --quiet --chown 0:0 "$container" "$root" / >/dev/null
rm -rf "$root"
mkdir -p "$work/volume"
$buildah add --quiet --chown 10001:10001 "$container" "$work/volume" /var/lib/ottla >/dev/null
# Whoever runs it may not write beside the modules, so they are compiled once, here.
$buildah run "$container" -- /usr/bin/python3.11 -m compileall -q \
    --invalidation-mode unchecked-hash /usr/lib/python3.11 /usr/local/lib/python3.11
$buildah config \
    --user 10001:10001 --workingdir /var/lib/ottla --volume /var/lib/ottla \
    --port 9092/tcp --port 9405/tcp --stop-signal SIGTERM \
    --env PATH=/usr/local/bin:/usr/bin --env LANG=C.UTF-8 --env PYTHONUNBUFFERED=1 \
    --entrypoint '["/usr/local/bin/ottla-container"]' --cmd '' \
    --label org.opencontainers.image.title=ottla \
    --label org.opencontainers.image.version="$version" \
    --label org.opencontainers.image.licenses=Apache-2.0 \
    --label org.opencontainers.image.description="A Kafka server in Python and Rust" \
    "$container"
if [ "$format" = docker ]; then
    $buildah config --healthcheck 'CMD /usr/local/bin/ottla-container healthy' \
        --healthcheck-interval 10s --healthcheck-timeout 6s --healthcheck-start-period 60s \
        --healthcheck-retries 3 "$container"
fi
mkdir -p "$(dirname "$file")"
rm -f "$file"
$buildah commit --quiet --format "$format" --timestamp "${SOURCE_DATE_EPOCH:-$(date +%s)}" \
    "$container" "$format-archive:$file:localhost/ottla:$version" >/dev/null
echo "$file: localhost/ottla:$version, $(du -m "$file" | cut -f1) MB," \
    "$(gzip -c "$file" | wc -c | awk '{ printf "%.0f", $1 / 1e6 }') MB when it is pushed"
