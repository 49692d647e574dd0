//! Key filters: which data files outside of the compared partitions may hold the key of a new row.
//!
//! Versions of a row are looked for in the partitions around the new rows ([`crate::scope`]). A correction can move a row
//! further than that, for instance that of a clock that was wrong by days. So every data file that has left the window gets a
//! filter once: the sorted hashes of its keys, about four bytes each ([`rice`]), in objects beside the data files ([`store`]).
//! The hashes of the new keys are looked up there ([`probe`]), block by block, so that a small day reads little of them. A file
//! that may hold one of the keys is then compared as those of the window are, which tells whether it does.
//!
//! Filters are notes about data files, whose names are never used twice, so they are right whatever becomes of the batch that
//! wrote them. A file without one, be it that a version of this program before filters or another writer added it, is looked
//! up like new rows before it gets one. So no two files of a table that both have filters share a key, and a table that has a
//! key twice is mended.

mod probe;
mod rice;
mod store;

pub(crate) use store::paths_of;

use crate::committed::{Committed, FileName};
use crate::context::Context;
use crate::error::ReconcilerError;
use crate::keys::KeyColumns;
use crate::ranges::{Bucket, Ranges};
use crate::remote::RemoteFile;
use crate::scope::is_wider_than_window;
use cardlake_core::contract::Contract;
use cardlake_core::error::{ErrorKind, StageError};
use cardlake_core::paths;
use cardlake_core::records::DataFile;
use cardlake_lake::delta::ActiveFile;
use chrono::NaiveDate;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use probe::{Known, Probe};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use store::{FileHashes, Stored};

/// Files whose metadata is read at a time.
const CONCURRENT_OPENS: usize = 32;

/// Whether rows of the table may never have been looked up: its files, of such event days, are further apart than the late window, and there is no
/// filter, as in a table that a version of this program before filters wrote.
///
/// # Errors
/// The filters cannot be listed.
pub(crate) async fn is_unverified(
    context: &Context,
    contract: &Contract,
    days: impl Iterator<Item = Option<NaiveDate>>,
) -> Result<bool, ReconcilerError> {
    if !is_wider_than_window(contract, days) {
        return Ok(false);
    }
    let prefix = paths::key_filters_prefix(&contract.dataset);
    let filters = context.storage.list(&context.lake.silver_bucket, &prefix).await?;
    Ok(filters.is_empty())
}

/// What the filters say about the distant files of a table.
#[derive(Default)]
pub(crate) struct Distant {
    /// Paths of those to compare: they may hold a key of a new row, or share a key with one another.
    pub(crate) hits: BTreeSet<String>,
    /// Those that had no filter, with the hashes of their keys.
    unfiltered: Vec<(FileName, FileHashes)>,
    stored: Vec<Stored>,
}

impl Distant {
    /// Looks the keys of the new files up among the distant ones.
    ///
    /// # Errors
    /// A data file or a filter cannot be read, or a temporary file cannot be written.
    pub(crate) async fn find(
        context: &Context,
        silver: &Arc<Bucket>,
        contract: &Contract,
        new: &[&DataFile],
        distant: &[&FileName],
    ) -> Result<Self, ReconcilerError> {
        if distant.is_empty() {
            return Ok(Self::default());
        }
        match Self::find_once(context, silver, contract, new, distant).await {
            // Another run may have folded filters into an object of its own since they were listed.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Self::find_once(context, silver, contract, new, distant).await
            }
            other => other,
        }
    }

    async fn find_once(
        context: &Context,
        silver: &Arc<Bucket>,
        contract: &Contract,
        new: &[&DataFile],
        distant: &[&FileName],
    ) -> Result<Self, ReconcilerError> {
        let keys = KeyColumns::of(contract);
        let stored = store::open_all(context, silver, contract, &keys).await?;
        let mut filters = BTreeMap::new();
        for object in &stored {
            for file in &object.files {
                filters.insert((file.path.as_str(), file.size), (object, file));
            }
        }
        let (mut known, mut unfiltered) = (Vec::new(), Vec::new());
        for (index, file) in distant.iter().enumerate() {
            match filters.get(&(&*file.path, file.size)) {
                Some((object, filter)) => known.push(Known {
                    index,
                    key: Arc::clone(&object.key),
                    runs: &filter.runs,
                }),
                None => unfiltered.push(index),
            }
        }
        let source: Arc<dyn Ranges> = Arc::<Bucket>::clone(silver);
        let dataset = contract.dataset.as_str();
        let opened = new.iter().map(|file| RemoteFile::of(&source, dataset, file).boxed());
        let opened = opened.chain(unfiltered.iter().map(|&index| {
            let (file, source) = (distant[index], &source);
            async move { RemoteFile::open(source, &format!("{dataset}/{}", file.path), file.size).await }.boxed()
        }));
        let files: Vec<RemoteFile> = stream::iter(opened).buffered(CONCURRENT_OPENS).try_collect().await?;
        let mut hashes = probe::read(files, keys).await?;
        let owners = std::iter::repeat_n(None, new.len()).chain(unfiltered.iter().copied().map(Some));
        let mut probe = Probe::new(&mut hashes, owners.collect());
        let hits = probe.hits(&source, &known).await?;
        tracing::info!(
            dataset = contract.dataset,
            distant = distant.len(),
            unfiltered = unfiltered.len(),
            hits = hits.len(),
            "keys looked up in key filters"
        );
        let unfiltered = unfiltered.into_iter().map(|index| FileName::clone(distant[index]));
        let unfiltered = unfiltered.zip(hashes.drain(new.len()..)).collect();
        Ok(Self {
            hits: hits.into_iter().map(|index| distant[index].path.to_string()).collect(),
            unfiltered,
            stored,
        })
    }

    /// Stores the filters of the files that had none, but for those that the candidate removes: should it not be committed,
    /// what was found about them has to be found again.
    ///
    /// # Errors
    /// The filters cannot be written.
    pub(crate) async fn store(
        self,
        context: &Context,
        contract: &Contract,
        committed: &Committed,
        removed: &[String],
    ) -> Result<(), ReconcilerError> {
        let stays = |file: &FileName| removed.binary_search_by(|path| path.as_str().cmp(&file.path)).is_err();
        let filters: Vec<_> = self.unfiltered.into_iter().filter(|(file, _)| stays(file)).collect();
        if filters.is_empty() {
            return Ok(());
        }
        let is_active = |path: &str| committed.contains(path);
        store::write(context, contract, filters, &self.stored, &is_active).await
    }
}

/// Stores filters of merged files (one for each group of replaced ones) whose replaced files all have one, so that no later batch
/// takes their keys for never looked up.
///
/// # Errors
/// A merged file or a filter cannot be read, or the filters cannot be written.
pub(crate) async fn carry_over(
    context: &Context,
    silver: &Arc<Bucket>,
    contract: &Contract,
    replaced: &[Vec<ActiveFile>],
    merged: &[DataFile],
) -> Result<(), ReconcilerError> {
    let keys = KeyColumns::of(contract);
    let stored = store::open_all(context, silver, contract, &keys).await?;
    let filters = stored.iter().flat_map(|object| &object.files);
    let known: BTreeSet<(&str, u64)> = filters.map(|file| (file.path.as_str(), file.size)).collect();
    let has_filter = |file: &ActiveFile| known.contains(&(file.path.as_str(), file.size));
    let pairs = replaced.iter().zip(merged);
    let covered: Vec<&DataFile> = pairs
        .filter(|(files, _)| files.iter().all(has_filter))
        .map(|(_, merged)| merged)
        .collect();
    if covered.is_empty() {
        return Ok(());
    }
    let source: Arc<dyn Ranges> = Arc::<Bucket>::clone(silver);
    let files: Vec<RemoteFile> = stream::iter(&covered)
        .map(|file| RemoteFile::of(&source, &contract.dataset, file))
        .buffered(CONCURRENT_OPENS)
        .try_collect()
        .await?;
    let hashes = probe::read(files, keys).await?;
    let filters = covered.into_iter().map(FileName::of).zip(hashes).collect();
    // The replaced files stay in the table until the commit.
    store::write(context, contract, filters, &stored, &|_| true).await
}
