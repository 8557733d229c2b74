#!/bin/bash
# Makes certificates for the mail checks: certificates.sh DIRECTORY
#
# ca.pem         the authority that signs the others
# server.pem     for localhost and 127.0.0.1
# wrong-host.pem for another host
# expired.pem    for localhost, over since 2020
# Each has its key beside it (.key).
set -euo pipefail

mkdir -p "${1:?usage: certificates.sh DIRECTORY}"
cd "$1"
umask 077

request() { # NAME HOST
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$2" \
        -keyout "$1.key" -out "$1.csr" 2>openssl.log || { cat openssl.log >&2; exit 1; }
}

sign() { # NAME SUBJECT-ALTERNATIVE-NAMES NOT-BEFORE NOT-AFTER
    printf '%s\n' "subjectAltName=$2" basicConstraints=CA:FALSE keyUsage=digitalSignature \
        extendedKeyUsage=serverAuth >"$1.extensions"
    openssl ca -batch -notext -config ca.conf -extfile "$1.extensions" -startdate "$3" -enddate "$4" \
        -in "$1.csr" -out "$1.pem" 2>openssl.log || { cat openssl.log >&2; exit 1; }
    rm "$1.csr" "$1.extensions"
}

cat >ca.conf <<END
[ca]
default_ca = checks
[checks]
database = index.txt
new_certs_dir = .
rand_serial = yes
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
END
: >index.txt
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=mail checks" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign \
    -keyout ca.key -out ca.pem 2>openssl.log || { cat openssl.log >&2; exit 1; }

yesterday=$(date -u -d yesterday +%Y%m%d%H%M%SZ)
in_ten_years=$(date -u -d '10 years' +%Y%m%d%H%M%SZ)
request server localhost
sign server DNS:localhost,IP:127.0.0.1 "$yesterday" "$in_ten_years"
request wrong-host other.example
sign wrong-host DNS:other.example "$yesterday" "$in_ten_years"
request expired localhost
sign expired DNS:localhost,IP:127.0.0.1 20200101000000Z 20200201000000Z

rm -f ca.conf index.txt* openssl.log ./[0-9A-F]*.pem
chmod 644 ./*.pem
