//! Metrics of the process, by the names that Prometheus' client libraries share. They are read from `/proc`, so that other
//! systems than Linux have none.

use std::{fmt, time::Duration};

use prometheus_client::{collector::Collector, encoding::DescriptorEncoder};

/// Reads the metrics of this process.
#[derive(Debug)]
pub(super) struct Process;

#[cfg(not(target_os = "linux"))]
impl Collector for Process {
    fn encode(&self, _: DescriptorEncoder<'_>) -> fmt::Result {
        Ok(())
    }
}

#[cfg(target_os = "linux")]
impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        use prometheus_client::{
            encoding::EncodeMetric,
            metrics::{counter::ConstCounter, gauge::ConstGauge},
        };
        // What can't be read is left out.
        let Ok(process) = procfs::process::Process::myself() else { return Ok(()) };
        if let Ok(stat) = process.stat() {
            let ticks = stat.utime.saturating_add(stat.stime).saturating_mul(1000);
            let used = Duration::from_millis(ticks.checked_div(procfs::ticks_per_second()).unwrap_or(0));
            let seconds = ConstCounter::new(used.as_secs_f64());
            let help = "Processor time in seconds, of the user and of the system";
            seconds.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, seconds.metric_type())?)?;
            let resident = stat.rss.saturating_mul(procfs::page_size());
            let gauges = [
                ("process_resident_memory_bytes", "Resident memory in bytes", resident),
                ("process_virtual_memory_bytes", "Virtual memory in bytes", stat.vsize),
                ("process_threads", "Threads", u64::try_from(stat.num_threads).unwrap_or(0)),
            ];
            for (name, help, value) in gauges {
                let gauge = ConstGauge::new(value);
                gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
            }
        }
        if let Ok(open) = process.fd_count() {
            let open = ConstGauge::new(open);
            open.encode(encoder.encode_descriptor("process_open_fds", "Open files", None, open.metric_type())?)?;
        }
        Ok(())
    }
}
