# Shell tests over http: real nginx, and a server that misbehaves.
