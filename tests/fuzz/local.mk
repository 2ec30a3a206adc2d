# libFuzzer targets: built with --enable-fuzz and CC=clang only.
