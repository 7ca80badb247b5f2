//! Peak memory of a run, from Linux's own counters; nothing elsewhere.

fn read(key: &str) -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim_start_matches(':').trim().split(' ').next()?.parse::<f64>().ok().map(|kb| kb / 1024.0)
}

/// Resets the peak and gives what is resident now, in MB.
pub fn reset() -> Option<f64> {
    std::fs::write("/proc/self/clear_refs", "5").ok()?;
    read("VmRSS")
}

/// The peak since [`reset`], in MB above what was resident then.
pub fn peak_over(start: Option<f64>) -> Option<f64> {
    Some((read("VmHWM")? - start?).max(0.0))
}
