include tools/sim/local.mk
