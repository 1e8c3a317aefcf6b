#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clusterdesk_fuzz::socket_frames(bytes));
