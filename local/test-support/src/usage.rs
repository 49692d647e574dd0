//! Resource usage of the current process, as Linux reports it; zero elsewhere. For examples that measure.

/// User and system time, in seconds; Linux counts it in hundredths.
#[must_use]
pub fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The command name, before the last parenthesis, may contain blanks.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: f64 = fields
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

/// Peak resident memory, in kibibytes.
#[must_use]
pub fn peak_kilobytes() -> u64 {
    peak_kilobytes_of("self").unwrap_or_default()
}

/// Peak resident memory of a process, by its number; `None` once it has ended.
pub(crate) fn peak_kilobytes_of(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
