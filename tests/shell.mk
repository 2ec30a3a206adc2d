# Shell tests: the plugin in a real nbdkit, real clients, file: origins.
