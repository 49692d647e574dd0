//! Bronze objects in no folder of a dataset and day, which no run of a day would come upon.
//!
//! The folders are listed level by level, and those of days are not entered: the cost follows from the number of days and of
//! stray objects, not from the number of delivered ones. Of a stray folder, the first thousand objects are counted.

use crate::context::Context;
use crate::error::ReconcilerError;
use crate::not_read::NotRead;
use cardlake_aws::storage::Listing;
use cardlake_core::bronze::{hidden_folder, is_day_folder};
use futures::{StreamExt, TryStreamExt, stream};

/// Pages of a thousand entries that are read of a level of folders: twenty-seven years of days.
const LEVEL_PAGES: usize = 10;
/// Stray folders whose objects are counted; further ones are named only.
const SAMPLED_FOLDERS: usize = 50;
/// Folders listed at a time.
const CONCURRENT_LISTINGS: usize = 8;
/// Why a folder is named instead of its objects.
const FURTHER_FOLDER: &str = "one more folder outside of every folder <dataset>/ingest_date=YYYY-MM-DD";

/// The objects outside of every folder of a dataset and day.
///
/// # Errors
/// Bronze cannot be listed.
pub(crate) async fn find(context: &Context) -> Result<NotRead, ReconcilerError> {
    let mut found = NotRead::default();
    let root = level(context, "", &mut found).await?;
    let (datasets, mut strays): (Vec<_>, Vec<_>) = root.into_iter().partition(|folder| {
        let dataset = folder.trim_end_matches('/');
        context.contracts.get(dataset).is_ok()
    });
    for dataset in datasets {
        let folders = level(context, &dataset, &mut found).await?;
        strays.extend(folders.into_iter().filter(|folder| !is_day_folder(folder)));
    }
    let (hidden, strays): (Vec<_>, Vec<_>) = strays.into_iter().partition(|folder| hidden_folder(folder).is_some());
    for folder in hidden {
        if let Some(reason) = hidden_folder(&folder) {
            found.add(&folder, reason, false);
        }
    }
    let sampled = strays.len().min(SAMPLED_FOLDERS);
    let samples: Vec<Listing> = stream::iter(&strays[..sampled])
        .map(|folder| context.storage.list_some(&context.lake.bronze_bucket, folder, None, 1))
        .buffered(CONCURRENT_LISTINGS)
        .try_collect()
        .await?;
    for sample in samples {
        add_all(context, &sample, &mut found);
    }
    for folder in &strays[sampled..] {
        found.add(folder, FURTHER_FOLDER, true);
    }
    Ok(found)
}

/// Adds the objects of a level of folders; gives its folders.
async fn level(context: &Context, prefix: &str, found: &mut NotRead) -> Result<Vec<String>, ReconcilerError> {
    let bucket = &context.lake.bronze_bucket;
    let listing = context
        .storage
        .list_some(bucket, prefix, Some("/"), LEVEL_PAGES)
        .await?;
    add_all(context, &listing, found);
    Ok(listing.folders)
}

fn add_all(context: &Context, listing: &Listing, found: &mut NotRead) {
    let mut last = None;
    for object in &listing.objects {
        last = found.add_unless_input(&object.key, &context.contracts).or(last);
    }
    if let Some(reason) = last.filter(|_| listing.is_cut) {
        found.cut(reason);
    }
}
