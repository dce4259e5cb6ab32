#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::body::check(input));
libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, size_max: usize, seed: u32| {
    fuzz::body::mutated(data, size, size_max, seed, libfuzzer_sys::fuzzer_mutate)
});
