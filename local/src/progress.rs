//! What a person sees while days run (one line for each day, with the stage under way) or rows are made (a bar).

use crate::run::{DayOutcome, StageTime};
use crate::step_functions::{Observer, StateEvent, TaskFailure};
use chrono::NaiveDate;
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The display. Silent unless standard error is a terminal.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// For a number of days.
    #[must_use]
    pub fn new(visible: bool, days: usize) -> Self {
        if !visible {
            return Self {
                bar: ProgressBar::hidden(),
            };
        }
        let bar = ProgressBar::new(days as u64);
        // The template is a constant; the plain style serves should a new version refuse it.
        let style = ProgressStyle::with_template("{spinner} day {pos}/{len} {wide_msg} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }

    /// A line that stays.
    pub fn note(&self, text: &str) {
        self.bar.println(text);
    }

    /// What happens now, on the line that moves.
    pub fn tell(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// Follows one day; `transformed` counts rows.
    #[must_use]
    pub fn day(&self, day: NaiveDate, transformed: Arc<AtomicU64>) -> DayObserver {
        DayObserver {
            bar: self.bar.clone(),
            day,
            transformed,
            stages: Arc::default(),
        }
    }

    /// A day has ended.
    pub fn day_done(&self, outcome: &DayOutcome) {
        self.bar.inc(1);
        let result = if outcome.failure.is_none() { "done" } else { "FAILED" };
        self.note(&format!("{} {result} in {:.1} s", outcome.batch_date, outcome.seconds));
    }

    /// Takes the display away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar of rows that are made. Silent unless standard error is a terminal.
#[derive(Debug, Clone)]
pub struct RowProgress {
    bar: ProgressBar,
}

impl RowProgress {
    /// For so many rows in all.
    #[must_use]
    pub fn new(visible: bool, rows: u64) -> Self {
        if !visible {
            return Self {
                bar: ProgressBar::hidden(),
            };
        }
        let bar = ProgressBar::new(rows);
        let template = "{msg} [{wide_bar}] {human_pos}/{human_len} rows, {rate}, {eta} left";
        let rate = |state: &ProgressState, out: &mut dyn Write| {
            // A display that cannot be written to has nobody who looks.
            let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
        };
        let style =
            ProgressStyle::with_template(template).map(|style| style.with_key("rate", rate).progress_chars("=> "));
        // The template is a constant; the plain style serves should a new version refuse it.
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar }
    }

    /// A day begins.
    pub fn day(&self, day: NaiveDate) {
        self.bar.set_message(day.to_string());
    }

    /// So many more rows are made.
    pub fn made(&self, rows: u64) {
        self.bar.inc(rows);
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Times the stages of a day.
#[derive(Debug)]
pub struct DayObserver {
    bar: ProgressBar,
    day: NaiveDate,
    transformed: Arc<AtomicU64>,
    stages: Arc<Mutex<Stages>>,
}

#[derive(Debug, Default)]
struct Stages {
    times: Vec<(String, Duration)>,
    began: Option<(String, Instant)>,
    /// Items of the stage's map that are done: parts, objects or datasets.
    items: u64,
    failed: Option<String>,
}

impl DayObserver {
    /// What is done of the stage under way.
    fn tell(&self, stages: &Stages, what: &str) {
        let Some((stage, began)) = &stages.began else { return };
        let mut text = format!("{} {}, {} {what}", self.day, stage.to_lowercase(), stages.items);
        let rows = self.transformed.load(Ordering::Relaxed);
        if stage == "Transform" {
            let rate = rows as f64 / began.elapsed().as_secs_f64().max(0.001);
            // Writing to a String cannot fail.
            let _ = write!(text, ", {} rows, {}/s", HumanCount(rows), HumanCount(rate as u64));
        }
        self.bar.set_message(text);
    }

    /// The stages so far, in the order in which they began.
    #[must_use]
    pub fn stages(&self) -> Vec<StageTime> {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let time = |(name, time): &(String, Duration)| StageTime {
            name: name.to_lowercase(),
            seconds: time.as_secs_f64(),
        };
        stages.times.iter().map(time).collect()
    }

    /// The stage that failed, if one did.
    #[must_use]
    pub fn failed_stage(&self) -> Option<String> {
        self.stages
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failed
            .clone()
    }
}

/// What the items of a map are that ends with the state.
fn items_of(state: &str) -> Option<&'static str> {
    match state {
        "GeneratePart" => Some("parts"),
        "TransformObject" => Some("objects"),
        "ReconcileDataset" | "ValidateDataset" | "PublishDataset" => Some("datasets"),
        _ => None,
    }
}

/// The stage that a top-level state belongs to: waits belong to what they wait for; choices and the like to none.
fn stage_of(state: &str) -> Option<&str> {
    match state {
        "WaitForLoad" => Some("Load"),
        "WaitForBuild" => Some("Build"),
        "WaitAfterConflict" => Some("Reconcile"),
        "Generate" | "Plan" | "Transform" | "Reconcile" | "Validate" | "Publish" | "Load" | "Balance" | "Build"
        | "Notify" => Some(state),
        _ => None,
    }
}

impl Observer for DayObserver {
    fn state_entered(&self, event: StateEvent<'_>) {
        let path = event.path;
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stage) = path.strip_suffix("Failed").filter(|stage| stage_of(stage).is_some()) {
            stages.failed = Some(stage.to_owned());
        }
        if let Some(stage) = stage_of(path) {
            stages.began = Some((stage.to_owned(), Instant::now()));
            stages.items = 0;
            self.bar.set_message(format!("{} {}", self.day, stage.to_lowercase()));
        }
    }

    fn state_exited(&self, event: StateEvent<'_>, _duration: Duration, _failure: Option<&TaskFailure>) {
        let path = event.path;
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(what) = path.rsplit('/').next().and_then(items_of) {
            stages.items += 1;
            self.tell(&stages, what);
        }
        let Some(stage) = stage_of(path) else { return };
        let Some((name, began)) = stages.began.take_if(|(name, _)| name == stage) else {
            return;
        };
        let elapsed = began.elapsed();
        match stages.times.iter_mut().find(|(known, _)| *known == name) {
            Some((_, time)) => *time += elapsed,
            None => stages.times.push((name, elapsed)),
        }
    }
}
