//! Action `reconcile`: finds the new objects of a batch, resolves versions, and writes the candidate to commit.

use crate::accounting;
use crate::applied;
use crate::changes::{self, Changes, Files, describe};
use crate::committed::{Committed, SourceRange, source_column};
use crate::compare::{Input, Verdict, compare};
use crate::context::Context;
use crate::day_objects::{DayObjects, object_id};
use crate::delivery::{check, unmet_counts};
use crate::error::ReconcilerError;
use crate::filters::{self, Distant};
use crate::keys::KeyColumns;
use crate::provenance::ProvenanceColumns;
use crate::ranges::{Bucket, Ranges};
use crate::resolution::Origin;
use crate::scope::{Scope, choose, event_days};
use crate::withdrawn::Reapplied;
use arrow::datatypes::Date32Type;
use cardlake_core::contract::Contract;
use cardlake_core::events::ReconcileOutput;
use cardlake_core::paths;
use cardlake_core::records::{BatchCounts, Candidate, DataFile, FORMAT_VERSION, ObjectRecord, SettledObject};
use cardlake_lake::delta::{ActiveFile, DeltaTable};
use chrono::{Days, NaiveDate};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Writes the candidate of a batch. Nothing becomes visible.
///
/// # Errors
/// Among others, the batch has not the rows that the contract says to fail without: nobody commits its candidate then.
pub(crate) async fn reconcile(
    context: &Context,
    batch_date: NaiveDate,
    dataset: &str,
    late_window_days: Option<u32>,
) -> Result<ReconcileOutput, ReconcilerError> {
    let contract = Arc::clone(context.contracts.get(dataset)?);
    let written = write_candidate(context, batch_date, &contract, late_window_days, Withdrawal::Unknown).await?;
    let output = match written {
        Some(output) => output,
        None => write_candidate(context, batch_date, &contract, late_window_days, Withdrawal::Certain)
            .await?
            .ok_or_else(|| {
                ReconcilerError::Interrupted("a reconciliation with withdrawn rows does not end".to_owned())
            })?,
    };
    let unmet = unmet_counts(&contract, batch_date, &output.counts);
    check(batch_date, [(contract.as_ref(), unmet)], std::iter::empty())?;
    Ok(output)
}

/// Whether rows leave the table that bronze does not deliver any more. Then all objects of the batch are applied again, and all that
/// was ever delivered is looked at: what the rows had replaced comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Withdrawal {
    /// The comparison tells.
    Unknown,
    Certain,
}

/// Writes the candidate; `None` if the comparison found rows that leave the table, and that was not known.
async fn write_candidate(
    context: &Context,
    batch_date: NaiveDate,
    contract: &Arc<Contract>,
    late_window_days: Option<u32>,
    withdrawal: Withdrawal,
) -> Result<Option<ReconcileOutput>, ReconcilerError> {
    let dataset = contract.dataset.as_str();
    let day_objects = DayObjects::read(context, dataset, batch_date).await?;
    day_objects.check_quality(dataset, batch_date, context.quarantine_threshold)?;
    let table = DeltaTable::open(&context.delta, dataset).await?;
    let before = applied::latest_committed(context, &table, batch_date).await?;
    let gone = before
        .as_ref()
        .map(|candidate| applied::gone(candidate, &day_objects.records));
    let gone = gone.unwrap_or_default();
    let withdraws = withdrawal == Withdrawal::Certain || !gone.is_empty();
    let all_again = match &before {
        Some(candidate) => withdraws || applied::is_overtaken(&table, candidate).await?,
        None => false,
    };
    let (done, new): (Vec<&ObjectRecord>, Vec<&ObjectRecord>) = day_objects.records.iter().partition(|record| {
        let before = before.as_ref().filter(|_| !all_again);
        before.is_some_and(|candidate| applied::is_applied(candidate, record))
    });
    let mut output = ReconcileOutput {
        dataset: dataset.to_owned(),
        batch_date,
        candidate: None,
        counts: before.as_ref().map(|candidate| candidate.counts).unwrap_or_default(),
        files_added: 0,
        files_removed: 0,
        bytes_read: 0,
        bytes_written: 0,
    };
    let silver = Arc::new(Bucket::new(&context.storage, &context.lake.silver_bucket));
    // Without an event time there is no window to widen.
    let usual = contract.event_time.as_ref().map_or(0, |event| event.late_window_days);
    let widened = new.iter().filter_map(|record| record.late_window_days);
    let width = widened.chain(late_window_days).fold(usual, u32::max);
    let committed = Committed::list(&table, contract, &new, width).await?;
    let objects = not_in_table(&new, &committed.by_path())?;
    let files: Vec<&DataFile> = objects.iter().flatten().copied().collect();
    let is_unverified = files.is_empty() && filters::is_unverified(context, contract, committed.days()).await?;
    if new.is_empty() && gone.is_empty() && !is_unverified {
        return Ok(Some(output));
    }
    let days = event_days(contract, &files, width);
    // The last batch that can contain a row of these days.
    let until = days
        .as_ref()
        .and_then(|days| days.last.checked_add_days(Days::new(width.into())));
    let distant = committed.distant(days.as_ref(), is_unverified);
    let distant = Distant::find(context, &silver, contract, &files, &distant).await?;
    // A row that has moved far may have been confirmed far away, too.
    let until = until.filter(|_| distant.hits.is_empty());
    let was_applied = |record: &ObjectRecord| {
        let candidate = before.as_ref();
        candidate.is_some_and(|candidate| candidate.objects.contains_key(&object_id(record)))
            || gone.contains(&record.source.key)
    };
    let again = new.iter().enumerate().filter(|(_, record)| was_applied(record));
    let mut again: Vec<Again<'_>> = again.map(|(index, record)| Again::delivered(index, record)).collect();
    let replaced: BTreeSet<&str> = again.iter().map(|object| object.key).collect();
    let removed = gone.iter().map(String::as_str).filter(|key| !replaced.contains(key));
    let removed: Vec<Again<'_>> = removed.map(Again::removed).collect();
    again.extend(removed);
    let keys: Vec<String> = again.iter().map(|object| object.key.to_owned()).collect();
    let active = committed.with(&table, contract, distant.hits.clone(), keys).await?;
    let evidence = if withdraws {
        applied::superseded_files(context, &table, batch_date, &committed).await?
    } else {
        applied::evidence_files(context, &table, (before.as_ref(), &done), batch_date, until, &committed).await?
    };
    let scope = Scope {
        days: days.as_ref(),
        hits: &distant.hits,
        all_evidence: withdraws,
    };
    let mut plan = Plan::new(contract, &objects, &active, &evidence, &scope);
    if !again.is_empty() {
        plan.apply_again(contract, &again, &objects, &active);
    }
    let verdict = plan.compare(contract, &silver, batch_date).await?;
    if verdict.withdraws && !withdraws {
        return Ok(None);
    }
    let files = Files {
        new: &plan.new,
        inputs: &plan.inputs,
        active: &active,
    };
    let changes = changes::write(contract, &silver, &files, verdict).await?;
    // A rerun that mends the table leaves it without filters until that is committed, so that another rerun finds the same.
    if !is_unverified || changes.remove.is_empty() {
        distant.store(context, contract, &committed, &changes.remove).await?;
    }
    if new.is_empty() && gone.is_empty() && changes.remove.is_empty() {
        return Ok(Some(output));
    }
    let (mut applied_ids, mut accounts) = before
        .map(|candidate| (candidate.settled, candidate.objects))
        .unwrap_or_default();
    if !gone.is_empty() {
        // All that bronze has is applied again.
        let delivered: BTreeSet<String> = new.iter().map(|record| object_id(record)).collect();
        applied_ids.clear();
        accounts.retain(|id, _| delivered.contains(id));
    }
    let accounts = accounting::apply(accounts, &new, &plan.objects, &changes.tally)?;
    output.counts = accounting::total(&accounts);
    if !output.counts.balanced() {
        return Err(imbalance(dataset, batch_date, output.counts));
    }
    let candidate = candidate(
        contract,
        batch_date,
        &table,
        now_applied(applied_ids, &new),
        accounts,
        &changes,
    )?;
    let key = paths::candidate(dataset, batch_date, &candidate.id);
    context
        .storage
        .put_json(&context.lake.silver_bucket, &key, &candidate)
        .await?;
    output.files_added = candidate.add.len() as u64;
    output.files_removed = candidate.remove.len() as u64;
    output.bytes_read = silver.bytes_read.load(Ordering::Relaxed);
    output.bytes_written = changes.bytes_written;
    tracing::info!(
        dataset,
        %batch_date,
        candidate = %candidate.id,
        objects = new.len(),
        compared = plan.inputs.len(),
        files_added = output.files_added,
        files_removed = output.files_removed,
        bytes_read = output.bytes_read,
        bytes_written = output.bytes_written,
        "candidate written"
    );
    output.candidate = Some(key);
    Ok(Some(output))
}

/// The data files of each new object that are not in the table. One that is has the same bytes under the same name: the object
/// was applied under these rules before, and under others in between.
///
/// # Errors
/// A file is not the one that the table has: its bytes would have changed under the readers.
fn not_in_table<'r>(
    new: &[&'r ObjectRecord],
    active: &BTreeMap<&str, &ActiveFile>,
) -> Result<Vec<Vec<&'r DataFile>>, ReconcilerError> {
    let mut files = Vec::with_capacity(new.len());
    for record in new {
        let (known, unknown): (Vec<&DataFile>, Vec<&DataFile>) = record
            .files
            .iter()
            .partition(|file| active.contains_key(file.path.as_str()));
        let differs = |file: &&&DataFile| {
            let there = active.get(file.path.as_str());
            there.is_none_or(|there| (there.size, there.rows) != (file.size, file.rows))
        };
        if let Some(file) = known.iter().find(differs) {
            return Err(ReconcilerError::Corrupt {
                object: file.path.clone(),
                problem: format!(
                    "it is part of the table, and {} lists another file of that name: names must not be used twice",
                    record.source.key
                ),
            });
        }
        files.push(unknown);
    }
    Ok(files)
}

/// A bronze object that was applied before.
struct Again<'r> {
    /// Its key.
    key: &'r str,
    /// What it delivers now, with its index among the new objects; `None` if it is gone.
    delivered: Option<(usize, &'r ObjectRecord)>,
}

impl<'r> Again<'r> {
    fn delivered(index: usize, record: &'r ObjectRecord) -> Self {
        Self {
            key: &record.source.key,
            delivered: Some((index, record)),
        }
    }

    const fn removed(key: &'r str) -> Self {
        Self { key, delivered: None }
    }
}

/// The files of a reconciliation.
#[derive(Default)]
struct Plan {
    /// Files of the new objects.
    new: Vec<DataFile>,
    /// Files to compare: new, then committed, then superseded.
    inputs: Vec<Input>,
    /// And the new object that each belongs to.
    objects: Vec<Option<usize>>,
    /// The new objects that were applied under other rules before.
    reapplied: Vec<Reapplied>,
}

impl Plan {
    fn new(
        contract: &Contract,
        objects: &[Vec<&DataFile>],
        active: &[ActiveFile],
        evidence: &[DataFile],
        scope: &Scope<'_>,
    ) -> Self {
        let chosen = choose(contract, objects, active, evidence, scope);
        let mut plan = Self {
            new: objects.iter().flatten().copied().cloned().collect(),
            ..Self::default()
        };
        for (object, file) in chosen.new {
            plan.add(Origin::New, Some(object), objects[object][file].clone());
        }
        for index in chosen.committed {
            plan.add(Origin::Committed, None, describe(&active[index]));
        }
        for index in chosen.evidence {
            plan.add(Origin::Evidence, None, evidence[index].clone());
        }
        plan
    }

    fn add(&mut self, origin: Origin, object: Option<usize>, file: DataFile) {
        self.inputs.push(Input { file, origin });
        self.objects.push(object);
    }

    /// Adds what tells the rows that objects delivered before and do not deliver any more: all files of the objects, and all
    /// committed ones that may hold such rows.
    fn apply_again(
        &mut self,
        contract: &Contract,
        again: &[Again<'_>],
        objects: &[Vec<&DataFile>],
        active: &[ActiveFile],
    ) {
        // Superseded files stay behind all others, as they can be missing.
        let end = self.inputs.iter().position(|input| input.origin == Origin::Evidence);
        let end = end.unwrap_or(self.inputs.len());
        let evidence = (self.inputs.split_off(end), self.objects.split_off(end));
        let known = self.inputs.iter().enumerate();
        let mut known: BTreeMap<String, usize> = known.map(|(index, input)| (input.file.path.clone(), index)).collect();
        let mut index_of = |plan: &mut Self, origin, object, file: DataFile| {
            let path = file.path.clone();
            *known.entry(path).or_insert_with(|| {
                plan.add(origin, object, file);
                plan.inputs.len() - 1
            })
        };
        let column = source_column(contract);
        let sources = active.iter().map(|file| SourceRange::of(column.as_deref(), file));
        let sources: Vec<SourceRange> = sources.collect();
        for Again { key, delivered } in again {
            let mut object = Reapplied {
                key: (*key).to_owned(),
                ingest_time: delivered.map(|(_, record)| record.source.last_modified.timestamp_micros()),
                ..Reapplied::default()
            };
            let files = delivered.map_or(&[] as &[_], |(index, _)| objects[index].as_slice());
            for file in files {
                let at = index_of(self, Origin::New, delivered.map(|(index, _)| index), (*file).clone());
                object.present.push(at);
            }
            let files = delivered.iter().flat_map(|(_, record)| &record.files);
            let paths: BTreeSet<&str> = files.map(|file| file.path.as_str()).collect();
            for (file, source) in active.iter().zip(&sources) {
                let list = if paths.contains(file.path.as_str()) {
                    &mut object.present
                } else if source.may_hold(key) {
                    &mut object.suspects
                } else {
                    continue;
                };
                list.push(index_of(self, Origin::Committed, None, describe(file)));
            }
            self.reapplied.push(object);
        }
        self.inputs.extend(evidence.0);
        self.objects.extend(evidence.1);
    }

    async fn compare(
        &self,
        contract: &Contract,
        silver: &Arc<Bucket>,
        batch_date: NaiveDate,
    ) -> Result<Verdict, ReconcilerError> {
        let columns = ProvenanceColumns::of(contract)?;
        if self.inputs.is_empty() {
            return Ok(Verdict::default());
        }
        // Every date of chrono has a day number of 32 bits: there is no default to fall back to.
        let day = Date32Type::from_naive_date(batch_date);
        let source: Arc<dyn Ranges> = Arc::<Bucket>::clone(silver);
        let reapplied = self.reapplied.clone();
        compare(
            &source,
            &contract.dataset,
            &self.inputs,
            KeyColumns::of(contract),
            columns,
            day,
            reapplied,
        )
        .await
    }
}

fn imbalance(dataset: &str, batch_date: NaiveDate, counts: BatchCounts) -> ReconcilerError {
    ReconcilerError::BooksImbalance {
        batch_date,
        differences: vec![format!(
            "{dataset}: {} bronze rows are not {} added + {} duplicates + {} quarantined",
            counts.bronze_rows, counts.silver_rows_added, counts.duplicates, counts.quarantined
        )],
    }
}

/// The applied objects, including the new ones. A replaced object is no longer applied: if it comes back, it is the latest
/// again.
fn now_applied(applied: Vec<String>, new: &[&ObjectRecord]) -> Vec<String> {
    let replaced: BTreeSet<&str> = new.iter().map(|record| record.source.key.as_str()).collect();
    let stays = |id: &String| id.rsplit_once('@').is_none_or(|(key, _)| !replaced.contains(key));
    let mut ids: Vec<String> = applied.into_iter().filter(stays).collect();
    ids.extend(new.iter().map(|record| object_id(record)));
    ids.sort();
    ids
}

fn candidate(
    contract: &Contract,
    batch_date: NaiveDate,
    table: &DeltaTable,
    applied: Vec<String>,
    objects: BTreeMap<String, SettledObject>,
    changes: &Changes,
) -> Result<Candidate, ReconcilerError> {
    let mut candidate = Candidate {
        format_version: FORMAT_VERSION,
        id: String::new(),
        dataset: contract.dataset.clone(),
        batch_date,
        base_version: table.version(),
        add: changes.add.clone(),
        remove: changes.remove.clone(),
        withdrawn: changes.withdrawn,
        taken_back: changes.taken_back,
        settled: applied,
        counts: accounting::total(&objects),
        objects,
    };
    let content = serde_json::to_vec(&candidate).map_err(|error| ReconcilerError::Interrupted(error.to_string()))?;
    candidate.id = hex::encode(&Sha256::digest(content)[..16]);
    Ok(candidate)
}
