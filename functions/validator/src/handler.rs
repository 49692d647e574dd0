//! The handler: validates one candidate.

use crate::context::Context;
use crate::error::ValidatorError;
use crate::{accounting, candidate, figures, results};
use cardlake_aws::metrics::{self, Metric, Subject};
use cardlake_core::assets::AssetFolder;
use cardlake_core::contract::Contract;
use cardlake_core::events::{ValidatorEvent, ValidatorOutput};
use cardlake_core::pii::mask_card_numbers;
use cardlake_expectations::{
    ExpectationResult, ResultFormat, Severity, Source, Suite, ValidationResult, evaluate_and_describe,
    needs_reference_rows,
};
use futures::future::BoxFuture;

/// Failures listed in an error; the result has all of them. The cause of a failed state is limited to 32,768 characters.
const LISTED_FAILURES: usize = 5;

/// Validates a candidate: its row accounting, then the suite of its dataset over the files that it adds. Writes the
/// validation result whatever the outcome.
///
/// # Errors
/// A critical expectation that is not met, row accounting that does not balance, or an object that cannot be read or
/// written.
pub async fn handle(event: ValidatorEvent, context: &Context) -> Result<ValidatorOutput, ValidatorError> {
    // Boxed: the futures of the SDK and of the Parquet reader nest too deep for the compiler.
    let validation: BoxFuture<'_, _> = Box::pin(validate(event, context));
    validation.await
}

async fn validate(event: ValidatorEvent, context: &Context) -> Result<ValidatorOutput, ValidatorError> {
    let contract = context.contracts.get(&event.dataset)?;
    let nothing = |dataset| ValidatorOutput {
        dataset,
        evaluated: 0,
        successful: 0,
        warnings: Vec::new(),
        result: None,
    };
    let Some(key) = &event.candidate else {
        return Ok(nothing(event.dataset));
    };
    let candidate = candidate::read(context, &event, key).await?;
    let table = candidate::table(context, &candidate, contract).await?;
    accounting::check(&candidate, &table)?;
    if candidate.add.is_empty() {
        return Ok(nothing(event.dataset));
    }
    let suite = suite(context, &event.dataset)?;
    let table = if needs_reference_rows(&suite) {
        let files = candidate::staying_files(context, &candidate).await?;
        table.with_reference(files).await?
    } else {
        table
    };
    let meta = results::meta(&suite, &candidate, &table);
    let described = described(contract);
    let (result, of_batch) = evaluate_and_describe(&suite, &table, ResultFormat::Summary, meta, &described).await?;
    let result_key = results::write(context, &candidate, &result).await?;
    let statistics = &result.statistics;
    tracing::info!(
        dataset = event.dataset,
        batch_date = %event.batch_date,
        rows = table.rows(),
        reference_rows = table.reference_rows(),
        evaluated = statistics.evaluated_expectations,
        successful = statistics.successful_expectations,
        "candidate validated"
    );
    let figures = [
        (Metric::ExpectationsEvaluated, statistics.evaluated_expectations),
        (Metric::ExpectationsFailed, statistics.unsuccessful_expectations),
    ];
    metrics::record(&Subject::Dataset(event.dataset.clone()), &figures);
    let critical = messages(&result, Severity::Critical);
    if !critical.is_empty() {
        let rows_key = results::quarantine(context, &candidate, &table, &result).await?;
        return Err(ValidatorError::ExpectationFailed {
            rows: context.address(&rows_key),
            dataset: event.dataset,
            batch_date: event.batch_date,
            count: critical.len() as u64,
            evaluated: statistics.evaluated_expectations,
            failures: critical[..critical.len().min(LISTED_FAILURES)].join("; "),
            result: context.address(&result_key),
        });
    }
    let lower = [Severity::Warning, Severity::Info].map(|severity| messages(&result, severity));
    let mut warnings = lower.concat();
    if contract.anomaly_warnings {
        let unlike = figures::compare(context, contract, &candidate, of_batch).await?;
        warnings.extend(unlike.iter().map(|sentence| mask_card_numbers(sentence).into_owned()));
    }
    Ok(ValidatorOutput {
        dataset: event.dataset,
        evaluated: statistics.evaluated_expectations,
        successful: statistics.successful_expectations,
        warnings,
        result: Some(result_key),
    })
}

/// The columns whose figures are kept: those of the contract, if at all.
fn described(contract: &Contract) -> Vec<String> {
    let columns = contract.columns.iter().filter(|_| contract.anomaly_warnings);
    columns.map(|column| column.name.clone()).collect()
}

/// The suite of a dataset.
fn suite(context: &Context, dataset: &str) -> Result<Suite, ValidatorError> {
    let file = format!("{dataset}.json");
    let asset = context.assets.read(AssetFolder::Expectations, &file)?;
    let name = format!("{}/{file}", AssetFolder::Expectations.name());
    Ok(Suite::from_json(&name, &asset.text)?)
}

/// The failures of a severity as sentences. Messages leave the account, so anything that looks like a card number is
/// masked, although silver holds tokens.
fn messages(result: &ValidationResult, severity: Severity) -> Vec<String> {
    let message = |failure: &ExpectationResult| mask_card_numbers(&failure.sentence()).into_owned();
    result.failures(severity).map(message).collect()
}
