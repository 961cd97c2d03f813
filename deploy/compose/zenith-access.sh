#!/bin/sh
# Makes the API key that the gateway asks for, once: a server that is reachable from outside its container must have one.
# ZENITH_API_KEY, if set, is the key; else a random one is made and kept. The gateway's file holds only its hash.
set -eu
umask 077
folder=/var/lib/zenith-keys
if [ -n "${ZENITH_API_KEY:-}" ]; then
  printf '%s\n' "$ZENITH_API_KEY" > "$folder/api-key"
elif [ ! -s "$folder/api-key" ]; then
  printf 'zenith-%s\n' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" > "$folder/api-key"
fi
key=$(cat "$folder/api-key")
printf '[[key]]\nsha256 = "%s"\ntenant = 1\n' "$(printf %s "$key" | sha256sum | cut -d' ' -f1)" > "$folder/keys.toml.new"
mv "$folder/keys.toml.new" "$folder/keys.toml"
echo "The API key is $key (sent as \"Authorization: Bearer KEY\"; the page has a field for it)."
