#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pvdamp_fuzz::bench_journal(input));
