#!/usr/bin/env bash
# nbds: with X.509 certificates: a server whose certificate its authority has
# signed for its name is believed, and no other; one that wants to know its
# clients lets in those with a certificate.

. "${abs_top_srcdir:-.}/tests/functions.sh"
requires sh -c 'nbdkit --dump-config | grep -q tls=yes'
requires openssl version

make_image "$tmp/image" 6M

# authority NAME: a new one, in $tmp/NAME.
authority ()
{
  mkdir "$tmp/$1"
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" \
    -keyout "$tmp/$1/key.pem" -out "$tmp/$1/ca-cert.pem" \
    -addext basicConstraints=critical,CA:true 2>"$tmp/openssl.log"
}

# signed AUTHORITY DIRECTORY server|client NAME: a key and a certificate, as
# nbdkit and libnbd look for them.
signed ()
{
  local dir=$tmp/$2

  mkdir -p "$dir"
  cp "$tmp/$1/ca-cert.pem" "$dir/"
  openssl req -new -newkey rsa:2048 -nodes -subj "/CN=$4" \
    -keyout "$dir/$3-key.pem" -out "$dir/request.pem" 2>"$tmp/openssl.log"
  openssl x509 -req -in "$dir/request.pem" -days 2 -CAcreateserial \
    -CA "$tmp/$1/ca-cert.pem" -CAkey "$tmp/$1/key.pem" \
    -extfile <(echo "subjectAltName=DNS:$4
extendedKeyUsage=${3}Auth") -out "$dir/$3-cert.pem" 2>"$tmp/openssl.log"
}

authority ours
authority others
signed ours pki server localhost
signed ours pki client somebody
signed ours elsewhere server elsewhere.example
signed others wrong client somebody
mkdir "$tmp/no body"
cp "$tmp/ours/ca-cert.pem" "$tmp/no body/"

# start_far NAME ARG...: on a port of the loopback, which is $port.
start_far ()
{
  local name=$1
  shift
  port=$(python3 -c 'import socket
s = socket.socket ()
s.bind (("127.0.0.1", 0))
print (s.getsockname ()[1])')
  start_nbdkit_tcp "$name" "$port" --tls=require "$@" file "$tmp/image"
}

# far CERTIFICATES: the URL of that server.
far ()
{
  echo "nbds://localhost:$port/?tls-certificates=$tmp/${1// /%20}"
}

# serves CERTIFICATES: what it has is read.
serves ()
{
  start_tiercache server "$(far "$1")" cache-dir="$tmp/cache" cache-size=64M
  same_bytes server "$tmp/image"
  stop_nbdkit server
  rm -rf "$tmp/cache"
}

# stranger CERTIFICATES: nobody is let in, and no path is told.
stranger ()
{
  refused 'cannot connect' "$(far "$1")" cache-dir="$tmp/cache" \
    cache-size=64M fetch-retries=0 fetch-timeout=10s
  ! grep -q "$tmp/$1" "$tmp/refused.log" ||
    fail "the message repeats where the certificates are"
}

start_far anyone --tls-certificates="$tmp/pki"
serves pki
serves "no body"
stranger wrong                  # another authority than the server's
stranger none                   # no such directory
refused 'tell this server from another' "nbds://localhost:$port/" \
  cache-dir="$tmp/cache" cache-size=64M
stop_nbdkit anyone

# A certificate for another name.
start_far misnamed --tls-certificates="$tmp/elsewhere"
stranger "no body"
stop_nbdkit misnamed

# Clients must show who they are.
start_far known --tls-certificates="$tmp/pki" --tls-verify-peer
serves pki
stranger "no body"
stop_nbdkit known
