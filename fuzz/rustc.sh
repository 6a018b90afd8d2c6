#!/bin/sh
# Cargo's RUSTC_WRAPPER for fuzzing: our own crates count what is reached, everybody else's stay as they are.
# What libFuzzer wants is cargo-fuzz's choice of LLVM's SanitizerCoverage, without a sanitizer: there is no unsafe code here.
case "$*" in
*/registry/src/* | *" build.rs "* | *build_script_build*) exec "$@" ;;
*--crate-name*--emit*)
    exec "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*) exec "$@" ;;
esac
