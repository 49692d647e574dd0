//! Inputs and outputs of the stages: small JSON documents.
//!
//! Unknown fields are rejected, dates are ISO 8601 (`2026-01-15`), and every output carries row counts. The state machine
//! passes these documents on; anything large is passed as a key in the silver bucket (see [`crate::records`]).

mod bootstrap;
mod generator;
mod notifier;
mod optimize;
mod stages;
mod vacuum;

pub use bootstrap::{BootstrapEvent, BootstrapOutput, LoaderRequest};
pub use generator::{Compression, FileFormat, GeneratorEvent, GeneratorOutput, GeneratorPart};
pub use notifier::{ExecutionFacts, NotifierEvent, NotifierOutput, PlannedRun};
pub use optimize::{OptimizeOutput, OptimizedDataset};
pub use stages::{
    BalanceOutput, ComparedPartitions, DatasetBooks, DayOutput, LISTED_FILES, LoadedDataset, LoaderEvent, LoaderOutput,
    MartBuilderEvent, MartBuilderOutput, PlanOutput, PlannedDataset, PublishOutput, ReconcileOutput, ReconcilerEvent,
    TickStatus, TransformStatus, TransformerEvent, TransformerOutput, UnreadFile, ValidatorEvent, ValidatorOutput,
};
pub use vacuum::{DEFAULT_RETENTION_DAYS, RemovedObjects, VacuumOutput, VacuumedDataset};
