//! The clock of an execution, under the caller's control.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio::time::Instant;

/// In real time a scaled wait is at least this part of the time that has passed: of what an execution takes, no more than
/// half a per cent goes into the last wait for something that is done already.
const LEAST_SHARE_OF_PASSED_TIME: u32 = 200;

/// The clock of an execution: it starts at a given time, follows tokio's clock (so a paused one works), and may jump
/// over the part of a wait that the scale saves.
#[derive(Debug)]
pub(crate) struct Clock {
    start: DateTime<Utc>,
    origin: Instant,
    skipped_nanos: AtomicU64,
    scale: f64,
    skips: bool,
}

impl Clock {
    /// `scale` is the share of every wait that is really waited, 0 to 1; `skips` moves the clock by the rest.
    pub(crate) fn new(start: DateTime<Utc>, scale: f64, skips: bool) -> Self {
        let scale = if scale.is_finite() { scale.clamp(0.0, 1.0) } else { 1.0 };
        Self {
            start,
            origin: Instant::now(),
            skipped_nanos: AtomicU64::new(0),
            scale,
            skips,
        }
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        let passed = self.origin.elapsed() + Duration::from_nanos(self.skipped_nanos.load(Ordering::Relaxed));
        TimeDelta::from_std(passed)
            .ok()
            .and_then(|passed| self.start.checked_add_signed(passed))
            .unwrap_or(self.start)
    }

    pub(crate) fn now_text(&self) -> String {
        self.now().to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// The part of a wait that is really waited, `passed` after the start. In real time it grows with what has passed: an
    /// execution that takes long must not look so often that its events reach their quota.
    fn waited(&self, duration: Duration, passed: Duration) -> Duration {
        let scaled = duration.mul_f64(self.scale);
        if self.skips {
            scaled
        } else {
            scaled.max(passed / LEAST_SHARE_OF_PASSED_TIME).min(duration)
        }
    }

    /// Waits for the scaled part of `duration`.
    pub(crate) async fn sleep(&self, duration: Duration) {
        let waited = self.waited(duration, self.origin.elapsed());
        tokio::time::sleep(waited).await;
        if !self.skips {
            return;
        }
        let skipped = u64::try_from(duration.saturating_sub(waited).as_nanos()).unwrap_or(u64::MAX);
        self.skipped_nanos.fetch_add(skipped, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaled_waits_grow_with_the_time_that_has_passed_up_to_their_whole_length() {
        let start = "2026-01-15T02:00:00Z".parse().unwrap();
        let milliseconds = |skips, passed| {
            let clock = Clock::new(start, 0.0025, skips);
            let waited = clock.waited(Duration::from_secs(10), Duration::from_secs(passed));
            waited.as_millis()
        };
        assert_eq!(
            [0, 5, 100, 9999].map(|passed| milliseconds(false, passed)),
            [25, 25, 500, 10_000]
        );
        assert_eq!(milliseconds(true, 9999), 25);
    }
}
