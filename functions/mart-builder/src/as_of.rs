//! The day that a build is as of: marts never go back in time unless that is asked for.
//!
//! A late correction makes a past day run again, and its rows change the marts of today. They are built as of the newest day
//! of which a run has succeeded, and published as such.

use crate::context::Context;
use crate::error::MartBuilderError;
use crate::state::BuildState;
use cardlake_core::events::MartBuilderEvent;
use chrono::NaiveDate;

/// The day of the build that an event belongs to; one under way keeps its day.
///
/// # Errors
/// The run records cannot be read.
pub(crate) async fn day(
    event: &MartBuilderEvent,
    stored: Option<&BuildState>,
    context: &Context,
) -> Result<NaiveDate, MartBuilderError> {
    match (&event.cursor, stored) {
        _ if event.as_of => Ok(event.batch_date),
        (Some(_), Some(state)) => Ok(state.batch_date),
        _ => {
            let newest = context.files.newest_day(&context.silver_bucket).await?;
            Ok(newest.map_or(event.batch_date, |newest| newest.max(event.batch_date)))
        }
    }
}

/// What to say about a build for an older day.
pub(crate) fn notice(state: &BuildState) -> Option<String> {
    let asked = state.asked_for?;
    let day = state.batch_date;
    Some(format!(
        "the marts are as of {day}, the newest day that was run, not of {asked}: `cardlake build --date {asked} --as-of` \
         builds what was known then"
    ))
}
