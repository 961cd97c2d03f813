#!/bin/sh
# The health of a container that runs the gateway: ready means that every needed service answers.
url=127.0.0.1:${1:-8080}/readyz
curl -fsS --max-time 3 "http://$url" 2>/dev/null || exec curl -fsSk --max-time 3 "https://$url"
