#!/bin/bash
# A real Exim (Debian: exim4-daemon-light) in the foreground, on loopback: exim.sh DIRECTORY [PORT]
#
# PORT     STARTTLS (4525 unless told)
# PORT+1   TLS from the start
# PORT+2   STARTTLS with a certificate for another host
# PORT+3   STARTTLS with an expired certificate
#
# AUTH PLAIN and LOGIN once TLS is up, for the user and the password in DIRECTORY/account (two lines). Mail for
# nouser@… is refused (550), mail for greylist@… put off (451) until DIRECTORY/greylist-passed exists. The rest lands
# in the Maildir DIRECTORY/mail. Certificates are made in DIRECTORY if it has none. Needs root.
set -euo pipefail

directory=$(realpath -m "${1:?usage: exim.sh DIRECTORY [PORT]}")
port=${2:-4525}
here=$(dirname "$(realpath "$0")")

mkdir -p "$directory/spool" "$directory/mail"
[ -e "$directory/server.pem" ] || "$here/certificates.sh" "$directory"
[ -e "$directory/account" ] || printf '%s\n' monitor secret >"$directory/account"
{ read -r user && read -r password; } <"$directory/account"
chown Debian-exim: "$directory"/{,spool,mail,server.key,wrong-host.key,expired.key}

install -m 640 -g Debian-exim /dev/null "$directory/exim.conf"
cat >"$directory/exim.conf" <<END
primary_hostname = mail.example.test
spool_directory = $directory/spool
log_file_path = $directory/%s.log
pid_file_path = $directory/exim.pid
notifier_socket =
keep_environment =
local_interfaces = 127.0.0.1
daemon_smtp_ports = $port : $((port + 1)) : $((port + 2)) : $((port + 3))
tls_on_connect_ports = $((port + 1))
tls_advertise_hosts = *
CERTIFICATE = \${if eq{\$received_port}{$((port + 2))}{wrong-host}{\${if eq{\$received_port}{$((port + 3))}{expired}{server}}}}
tls_certificate = $directory/CERTIFICATE.pem
tls_privatekey = $directory/CERTIFICATE.key
auth_advertise_hosts = \${if def:tls_in_cipher {*}{}}
acl_smtp_mail = mail
acl_smtp_rcpt = recipient
smtp_accept_max = 100
rfc1413_query_timeout = 0s

begin acl

mail:
  deny    message       = authentication required
         !authenticated = *
  accept

recipient:
  deny    message       = no such user
          local_parts   = nouser
  defer   message       = greylisted, try again later
          local_parts   = greylist
          condition     = \${if exists{$directory/greylist-passed}{no}{yes}}
  accept

begin routers

everyone:
  driver = accept
  transport = maildir

begin transports

maildir:
  driver = appendfile
  directory = $directory/mail
  maildir_format
  envelope_to_add
  user = Debian-exim

begin authenticators

plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{\$auth2}{$user}}{eq{\$auth3}{$password}}}}
  server_set_id = \$auth2

login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = \${if and{{eq{\$auth1}{$user}}{eq{\$auth2}{$password}}}}
  server_set_id = \$auth1
END

exec exim4 -bdf -C "$directory/exim.conf"
