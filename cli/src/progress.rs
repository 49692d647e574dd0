//! Progress display: a line per day with its current stage, or a bar of generated rows.

use crate::outcome::{DayOutcome, StageTime};
use cardlake_core::records::BatchCounts;
use cardlake_core::text::thousands;
use cardlake_states::{MapProgress, Observer, StateEvent, TaskFailure};
use chrono::NaiveDate;
use console::StyledObject;
use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The stages of a day, in order: the bar has a step for each. Names of states of `statemachine/daily.asl.json`.
const STAGES: [&str; 10] = [
    "Generate",
    "Plan",
    "Transform",
    "Reconcile",
    "Validate",
    "Publish",
    "Load",
    "Balance",
    "Build",
    "Notify",
];
/// States that wait, with the stage that they wait for.
const WAITS: [(&str, &str); 3] = [
    ("WaitForLoad", "Load"),
    ("WaitForBuild", "Build"),
    ("WaitAfterConflict", "Reconcile"),
];
/// States that end an item of a map, with the plural of the item.
const ITEMS: [(&str, &str); 5] = [
    ("GeneratePart", "parts"),
    ("TransformObject", "objects"),
    ("ReconcileDataset", "datasets"),
    ("ValidateDataset", "datasets"),
    ("PublishDataset", "datasets"),
];
/// Maps whose items count as progress.
const MAPS: [&str; 5] = ["Generate", "TransformObjects", "Reconcile", "Validate", "Publish"];

/// Display of a run. Hidden unless standard error is a terminal.
#[derive(Debug, Clone)]
pub struct Progress {
    bar: ProgressBar,
}

impl Progress {
    /// A display for this number of days.
    #[must_use]
    pub fn new(visible: bool, days: usize) -> Self {
        if !visible {
            return Self {
                bar: ProgressBar::hidden(),
            };
        }
        let bar = ProgressBar::new((days * STAGES.len()) as u64);
        // The template is a constant; the plain style serves should a new version refuse it.
        let style = ProgressStyle::with_template("{spinner:.cyan} {bar:20.cyan/dim} {wide_msg} {elapsed:.dim}");
        bar.set_style(style.map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("━╸─")));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar }
    }

    /// Prints a permanent line.
    pub fn note(&self, text: &str) {
        self.bar.println(text);
    }

    /// Shows the current state on the moving line.
    pub fn tell(&self, state: &str) {
        self.bar.set_message(state.to_owned());
        step_to(&self.bar, state, 0);
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

    /// Prints the outcome of a day and moves on to the next.
    pub fn day_done(&self, outcome: &DayOutcome) {
        let day = format!("{} in {:.1} s", outcome.batch_date, outcome.seconds);
        let line = match (&outcome.failure, &outcome.books) {
            (Some(failure), _) => format!("{} {day}, at {}", red("failed"), failure.stage),
            (None, Some(books)) => {
                let sum = |count: fn(&BatchCounts) -> u64| {
                    thousands(books.datasets.values().map(|books| count(&books.counts)).sum())
                };
                format!(
                    "{} {day}: {} rows, {} new, {} quarantined",
                    green("done"),
                    sum(|counts| counts.bronze_rows),
                    sum(|counts| counts.silver_rows_added),
                    sum(|counts| counts.quarantined),
                )
            }
            (None, None) => format!("{} {day}", green("done")),
        };
        self.note(&line);
        self.next_day();
    }

    /// Moves to the next day, whatever stages this one had.
    pub fn next_day(&self) {
        self.bar
            .set_position(self.bar.position().next_multiple_of(STAGES.len() as u64));
    }

    /// Removes the display, except for permanent lines.
    pub fn finish(&self) {
        self.bar.println("");
        self.bar.finish_and_clear();
    }
}

fn green(text: &str) -> StyledObject<&str> {
    console::style(text).for_stderr().green()
}

fn red(text: &str) -> StyledObject<&str> {
    console::style(text).for_stderr().red().bold()
}

/// Moves the bar to a state's stage of the day under way; `done` is 1 when it has ended.
fn step_to(bar: &ProgressBar, state: &str, done: u64) {
    let stage = stage_of(state).and_then(|stage| STAGES.iter().position(|known| *known == stage));
    if let Some(stage) = stage {
        let stages = STAGES.len() as u64;
        // The last stage of a day does not end on the first step of the next one.
        let day = bar.position() / stages * stages;
        bar.set_position((day + stage as u64 + done).min(day + stages - 1).max(bar.position()));
    }
}

/// Bar of generated rows. Hidden unless standard error is a terminal.
#[derive(Debug, Clone)]
pub struct RowProgress {
    bar: ProgressBar,
}

impl RowProgress {
    /// A bar for this number of rows.
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
            // A display that cannot be written to is not shown.
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

    /// Adds generated rows.
    pub fn made(&self, rows: u64) {
        self.bar.inc(rows);
    }

    /// Removes the bar.
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
    /// Completed map items: parts, objects or datasets.
    items: u64,
    /// Total map items.
    all_items: u64,
    failed: Option<String>,
    /// Failure of the first failed item.
    failed_item: Option<TaskFailure>,
}

impl DayObserver {
    /// Shows the progress of the current stage.
    fn show(&self, stages: &Stages, what: &str) {
        let Some((stage, began)) = &stages.began else { return };
        let (done, all) = (stages.items, stages.all_items.max(stages.items));
        let mut text = format!("{} {}, {done} of {all} {what}", self.day, stage.to_lowercase());
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

    /// Why the first item of a map failed that did: a map may go on without it.
    #[must_use]
    pub fn failed_item(&self) -> Option<TaskFailure> {
        let stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        stages.failed_item.clone()
    }
}

/// Plural of the items that end with a state, such as `objects`.
fn items_of(state: &str) -> Option<&'static str> {
    ITEMS.iter().find(|(known, _)| *known == state).map(|(_, items)| *items)
}

/// Stage of a top-level state: waits belong to the stage they wait for; choices and the like to none.
fn stage_of(state: &str) -> Option<&'static str> {
    let waits_for = WAITS.iter().find(|(known, _)| *known == state).map(|(_, stage)| *stage);
    waits_for.or_else(|| STAGES.into_iter().find(|stage| *stage == state))
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
            (stages.items, stages.all_items) = (0, 0);
            self.bar.set_message(format!("{} {}", self.day, stage.to_lowercase()));
            step_to(&self.bar, stage, 0);
        }
    }

    fn state_exited(&self, event: StateEvent<'_>, _duration: Duration, failure: Option<&TaskFailure>) {
        let path = event.path;
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(what) = path.rsplit('/').next().and_then(items_of) {
            stages.items += 1;
            if stages.failed_item.is_none() {
                stages.failed_item = failure.cloned();
            }
            self.show(&stages, what);
        }
        let Some(stage) = stage_of(path) else { return };
        let Some((name, began)) = stages.began.take_if(|(name, _)| name == stage) else {
            return;
        };
        step_to(&self.bar, stage, 1);
        let elapsed = began.elapsed();
        match stages.times.iter_mut().find(|(known, _)| *known == name) {
            Some((_, time)) => *time += elapsed,
            None => stages.times.push((name, elapsed)),
        }
    }

    fn map_progressed(&self, event: StateEvent<'_>, progress: MapProgress) {
        let mut stages = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let has_items = event.path.rsplit('/').next().is_some_and(|state| MAPS.contains(&state));
        // Called once before the first item, and after each.
        if has_items && progress.succeeded + progress.failed == 0 {
            stages.all_items += progress.total as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::assets::AssetFolder;
    use serde_json::Value;
    use std::collections::BTreeMap;

    /// Every state of a definition by name, with whether it is at the top level.
    fn collect(flow: &Value, is_top: bool, states: &mut BTreeMap<String, (Value, bool)>) {
        for (name, state) in flow["States"].as_object().unwrap() {
            states.insert(name.clone(), (state.clone(), is_top));
            for inner in ["ItemProcessor", "Iterator"] {
                if state.get(inner).is_some() {
                    collect(&state[inner], false, states);
                }
            }
        }
    }

    fn states() -> BTreeMap<String, (Value, bool)> {
        let file = cardlake_assets::embedded()
            .read(AssetFolder::StateMachines, "daily.asl.json")
            .unwrap();
        let mut states = BTreeMap::new();
        collect(&serde_json::from_str(&file.text).unwrap(), true, &mut states);
        states
    }

    #[test]
    fn every_name_is_that_of_a_state() {
        let states = states();
        let is = |name: &str, kinds: &[&str], is_top: bool| {
            let (state, top) = states.get(name).unwrap_or_else(|| panic!("there is no state {name}"));
            let kind = state["Type"].as_str().unwrap();
            assert!(
                kinds.contains(&kind) && *top == is_top,
                "{name} is a {kind}, top level: {top}"
            );
        };
        STAGES.iter().for_each(|stage| is(stage, &["Task", "Map"], true));
        for (wait, stage) in WAITS {
            is(wait, &["Wait"], true);
            assert!(STAGES.contains(&stage), "{stage}");
        }
        ITEMS.iter().for_each(|(state, _)| is(state, &["Task"], false));
        MAPS.iter().for_each(|map| is(map, &["Map"], STAGES.contains(map)));
        for stage in STAGES.iter().filter(|stage| **stage != "Notify") {
            is(&format!("{stage}Failed"), &["Pass"], true);
        }
    }

    #[test]
    fn every_state_that_works_has_a_place_in_the_display() {
        // What finds the day of a scheduled run, and what reports a failure, belong to no stage.
        let outside = ["FindDay", "NotifyFailure"];
        for (name, (state, is_top)) in states() {
            if outside.contains(&name.as_str()) {
                continue;
            }
            match (state["Type"].as_str().unwrap(), is_top) {
                ("Task" | "Map" | "Wait", true) => assert!(stage_of(&name).is_some(), "{name} belongs to no stage"),
                ("Task", false) => assert!(items_of(&name).is_some(), "{name} ends no item"),
                _ => {}
            }
        }
    }
}
