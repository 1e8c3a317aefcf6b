#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| clusterdesk_fuzz::trpc_request(bytes));
