//! One tick of a load: an event in a context, and what starting and looking at transactions share.

use crate::checksums::{Expected, MAX_SUMMED_ROWS, Scope, sum_columns};
use crate::context::Context;
use crate::cursor::{Cursor, Loading};
use crate::error::LoaderError;
use crate::silver_file::SilverFile;
use cardlake_aws::data_api::{Submission, client_token};
use cardlake_core::contract::Contract;
use cardlake_core::events::LoaderEvent;

/// Attempts to plan a load after conflicts, before it counts as failed.
pub(crate) const MAX_ATTEMPTS: u32 = 20;

/// One event and its context.
pub(crate) struct Tick<'a> {
    pub(crate) event: &'a LoaderEvent,
    pub(crate) context: &'a Context,
}

impl Tick<'_> {
    pub(crate) async fn submit(
        &self,
        cursor: &Cursor,
        step: &str,
        statements: Vec<String>,
    ) -> Result<String, LoaderError> {
        let submission = Submission {
            name: format!("cardlake load {} {step}", self.event.batch_date),
            token: client_token(&[&cursor.run, step, &cursor.attempt.to_string()]),
            statements,
        };
        Ok(self.context.warehouse.submit(&submission).await?)
    }

    /// Expected row counts and checksums per touched partition, or `None` if no file was added.
    pub(crate) async fn expected(
        &self,
        contract: &Contract,
        new: &[SilverFile],
        files: &[SilverFile],
    ) -> Result<Option<Expected>, LoaderError> {
        if new.is_empty() {
            return Ok(None);
        }
        let scope = Scope::new(contract, new, files);
        let mut sums = sum_columns(contract);
        if scope.rows() > MAX_SUMMED_ROWS {
            tracing::warn!(
                dataset = contract.dataset,
                rows = scope.rows(),
                "too many rows to add up"
            );
            sums.clear();
        }
        let names: Vec<String> = sums.iter().map(|column| column.name.clone()).collect();
        let contents = if names.is_empty() {
            vec![Default::default(); scope.files.len()]
        } else {
            let silver = &self.context.silver;
            silver.contents(&contract.dataset, &scope.files, &names).await?
        };
        Ok(Some(Expected::new(&contract.dataset, scope, &contents, sums)?))
    }

    /// As [`Self::expected`], without the sums, for a load that was submitted before.
    pub(crate) async fn touched(
        &self,
        cursor: &Cursor,
        index: usize,
        loading: &Loading,
    ) -> Result<Option<Expected>, LoaderError> {
        let dataset = cursor.datasets[index].dataset.as_str();
        // Negative: nothing was loaded before.
        let from = u64::try_from(loading.from).ok().filter(|_| !cursor.full_refresh);
        let new = self.context.silver.changes(dataset, from, loading.version).await?.added;
        if new.is_empty() {
            return Ok(None);
        }
        let files = self.context.silver.files(dataset, loading.version).await?;
        let scope = Scope::new(self.context.contracts.get(dataset)?, &new, &files);
        let contents = vec![Default::default(); scope.files.len()];
        Ok(Some(Expected::new(dataset, scope, &contents, Vec::new())?))
    }
}
