//! Progress display of a build: a bar, the running nodes, a line for each finished model.

use cardlake_mart_builder::progress::NodeProgress;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::BTreeSet;
use std::time::Duration;

/// The display. Silent unless standard error is a terminal.
#[derive(Debug)]
pub(super) struct Display {
    bar: ProgressBar,
    printed: BTreeSet<String>,
    visible: bool,
}

impl Display {
    pub(super) fn new(visible: bool) -> Self {
        let bar = if visible {
            ProgressBar::new(0)
        } else {
            ProgressBar::hidden()
        };
        if visible {
            // The template is a constant; the plain style serves should a new version refuse it.
            let style = ProgressStyle::with_template("{spinner} {pos}/{len} [{bar:24}] {elapsed} {wide_msg}");
            bar.set_style(style.map_or_else(|_| ProgressStyle::default_bar(), |style| style.progress_chars("=> ")));
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self {
            bar,
            printed: BTreeSet::new(),
            visible,
        }
    }

    pub(super) const fn is_visible(&self) -> bool {
        self.visible
    }

    /// Updates the display. Passed tests get no line.
    pub(super) fn show(&mut self, nodes: &[NodeProgress]) {
        self.bar.set_length(nodes.len() as u64);
        for node in nodes.iter().filter(|node| node.is_over()) {
            if self.printed.insert(node.id.clone())
                && (node.kind != "test" || !matches!(node.status, "pass" | "unchanged"))
            {
                let line = format!(
                    "{:7} {:8} {} in {:.2} s",
                    node.status, node.kind, node.name, node.seconds
                );
                self.bar.println(line);
            }
        }
        self.bar.set_position(self.printed.len() as u64);
        let running = nodes.iter().filter(|node| node.status == "running");
        let running: Vec<_> = running.map(|node| node.name.as_str()).collect();
        self.bar.set_message(running.join(", "));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
