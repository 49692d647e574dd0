//! Leaves alone what has not changed since the last complete build, and remembers what this one did.

use super::build::Run;
use crate::error::MartBuilderError;
use crate::last_build::{self, LastBuild, Published};
use crate::publication as gold;
use crate::state::Publication;
use cardlake_core::paths;
use cardlake_dbt::Status;
use sha2::{Digest, Sha256};

impl Run<'_> {
    /// Marks the nodes that need not run, and forgets what is known of the others. `mark`: the one in the warehouse.
    pub(super) async fn skip_unchanged(&mut self, mark: Option<&str>) -> Result<(), MartBuilderError> {
        let mut last = last_build::load(self.context).await?;
        if mark != Some(last.build.as_str()) {
            if !last.build.is_empty() {
                tracing::info!("the warehouse is not as the last build left it: everything is built");
            }
            last = LastBuild::default();
        }
        if !self.state.full_refresh && !self.state.force {
            let sources = self.state.sources.clone();
            let (schedule, states) = self.schedule();
            schedule.skip_unchanged(states, &last.built, &sources);
            self.keep_publications(&last).await?;
        }
        let pending = self.state.count(Status::Pending);
        let unchanged = self.state.nodes.len() as u64 - pending;
        tracing::info!(pending, unchanged, "nodes to run");
        if pending == 0 {
            self.keep_report(&last)?;
            return Ok(());
        }
        last.built = last.built.without(self.manifest, &self.state.nodes);
        let kept = &self.state.publications;
        last.published.retain(|mart, _| kept.contains_key(mart));
        last.build = mark.unwrap_or_default().to_owned();
        self.state.ran = true;
        last_build::save(self.context, last).await
    }

    /// Keeps the snapshots of the day that show marts as they are.
    async fn keep_publications(&mut self, last: &LastBuild) -> Result<(), MartBuilderError> {
        let published: Vec<_> = gold::published(self.manifest, &self.state)
            .filter(|node| self.state.is_unchanged(&node.id))
            .map(|node| node.name.clone())
            .collect();
        for mart in published {
            let Some(known) = last.published.get(&mart) else {
                continue;
            };
            if known.bucket != self.context.gold_bucket || known.batch_date != self.state.batch_date {
                continue;
            }
            // A bucket that was emptied is filled again.
            let pointer = paths::mart_latest(&mart);
            if self
                .context
                .files
                .get(&self.context.gold_bucket, &pointer)
                .await?
                .is_none()
            {
                continue;
            }
            let publication = Publication {
                statement: None,
                rows: Some(known.rows),
            };
            self.state.publications.insert(mart, publication);
        }
        Ok(())
    }

    /// Keeps the report if it would show the same again, earlier runs apart.
    fn keep_report(&mut self, last: &LastBuild) -> Result<(), MartBuilderError> {
        let mut marts = gold::published(self.manifest, &self.state);
        let keeps_marts = marts.all(|node| self.state.publications.contains_key(&node.name));
        drop(marts);
        self.state.keeps_report = keeps_marts && last.report.as_ref() == Some(&self.report_fingerprint()?);
        Ok(())
    }

    /// Hash of what the report shows besides the contents of the warehouse and earlier runs.
    fn report_fingerprint(&self) -> Result<String, MartBuilderError> {
        let shown = (
            env!("CARGO_PKG_VERSION"),
            &self.state.project,
            self.state.batch_date,
            &self.event.books,
            &self.event.audits,
            self.state.nodes.keys().collect::<Vec<_>>(),
        );
        let bytes = super::publish::bytes(&shown)?;
        Ok(hex::encode(&Sha256::digest(bytes)[..16]))
    }

    /// Remembers what is in the warehouse and in gold now. The mark is set already.
    pub(super) async fn remember(&mut self) -> Result<(), MartBuilderError> {
        let mut last = last_build::load(self.context).await?;
        let build = self.manifest.invocation().invocation_id.clone();
        let sources = self.state.sources.clone();
        let (schedule, states) = self.schedule();
        last.built = schedule.built(states, &last.built, &sources, &build);
        if self.state.ran {
            last.build = build;
        }
        for (mart, publication) in &self.state.publications {
            if let Some(rows) = publication.rows {
                let published = Published {
                    bucket: self.context.gold_bucket.clone(),
                    batch_date: self.state.batch_date,
                    rows,
                };
                last.published.insert(mart.clone(), published);
            }
        }
        let shows_all = !self.state.panels.is_empty() && self.state.panel_warnings.is_empty();
        if shows_all || !self.state.keeps_report {
            last.report = shows_all.then(|| self.report_fingerprint()).transpose()?;
        }
        last_build::save(self.context, last).await
    }
}
