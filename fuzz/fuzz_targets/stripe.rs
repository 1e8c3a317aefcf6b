#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clusterdesk_fuzz::stripe(bytes));
