//! Reads the fields of a `Map` state other than its processor.

use serde::Deserialize;

use crate::data::paths::Path;
use crate::definition::amount::Amount;
use crate::definition::error::DefinitionError;
use crate::definition::fields::Fields;
use crate::definition::model::{Batcher, Flow, Items, MapState, Percentage};

/// Beside control characters, what the label of a distributed map must not hold.
const NOT_IN_A_LABEL: &str = " ?*<>{}[]:;,\\|^~$#%&`\"";

/// How a map runs its items.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProcessorConfig {
    mode: Option<String>,
    execution_type: Option<String>,
}

/// Reads a map that runs `processor` for every item.
pub(crate) fn read_map(fields: &mut Fields, processor: Flow, distributed: bool) -> Result<MapState, DefinitionError> {
    let selector_field = if fields.has("Parameters") {
        "Parameters"
    } else {
        "ItemSelector"
    };
    let selector = fields.template(selector_field)?;
    let items_path = fields.path("ItemsPath", Path::parse_definite)?;
    let max_concurrency = Amount::read(fields, "MaxConcurrency")?;
    let mut map = MapState {
        processor,
        distributed,
        items: Items::Path(
            items_path
                .map_or_else(|| Path::parse("$"), Ok)
                .map_err(|e| fields.fault("ItemsPath", e))?,
        ),
        selector,
        batcher: None,
        max_concurrency,
        tolerated_count: None,
        tolerated_percentage: None,
        label: None,
    };
    if distributed {
        if let Some(reader) = fields.take("ItemReader") {
            map.items = read_item_reader(Fields::new(format!("{}, ItemReader", fields.owner()), reader)?)?;
        }
        if let Some(batcher) = fields.take("ItemBatcher") {
            map.batcher = Some(read_batcher(Fields::new(
                format!("{}, ItemBatcher", fields.owner()),
                batcher,
            )?)?);
        }
        map.tolerated_count = Amount::read(fields, "ToleratedFailureCount")?;
        map.tolerated_percentage = read_percentage(fields)?;
        map.label = fields.optional("Label")?;
        if map
            .label
            .as_ref()
            .is_some_and(|label| label.is_empty() || label.chars().count() > 40)
        {
            return Err(fields.fault("Label", "must have 1 to 40 characters"));
        }
        let refused = |c: char| c.is_control() || NOT_IN_A_LABEL.contains(c);
        if let Some(character) = map.label.as_ref().and_then(|label| label.chars().find(|c| refused(*c))) {
            return Err(fields.fault("Label", format!("must not hold {character:?}")));
        }
    }
    Ok(map)
}

/// Reads `ProcessorConfig`; gives whether the mode is `DISTRIBUTED`.
pub(crate) fn read_mode(processor: &mut Fields) -> Result<bool, DefinitionError> {
    let config: ProcessorConfig = processor.optional("ProcessorConfig")?.unwrap_or_default();
    let fault = |problem: &str| Err(processor.fault("ProcessorConfig", problem));
    match (config.mode.as_deref(), config.execution_type.as_deref()) {
        (None | Some("INLINE"), None) => Ok(false),
        (None | Some("INLINE"), Some(_)) => fault("ExecutionType goes with the mode DISTRIBUTED only"),
        (Some("DISTRIBUTED"), Some("STANDARD" | "EXPRESS")) => Ok(true),
        (Some("DISTRIBUTED"), _) => fault("the mode DISTRIBUTED needs an ExecutionType, STANDARD or EXPRESS"),
        (Some(_), _) => fault("Mode must be INLINE or DISTRIBUTED"),
    }
}

fn read_item_reader(mut fields: Fields) -> Result<Items, DefinitionError> {
    let resource: String = fields.required("Resource")?;
    if !resource.ends_with(":states:::s3:listObjectsV2") {
        return Err(fields.fault("Resource", "only `arn:aws:states:::s3:listObjectsV2` is supported"));
    }
    let parameters = fields
        .template("Parameters")?
        .ok_or_else(|| fields.fault("Parameters", "is missing"))?;
    let max_items = match fields.take("ReaderConfig") {
        None => None,
        Some(config) => {
            let mut config = Fields::new(format!("{}, ReaderConfig", fields.owner()), config)?;
            let max_items = Amount::read(&mut config, "MaxItems")?;
            config.finish()?;
            max_items
        }
    };
    fields.finish()?;
    Ok(Items::ListObjects { parameters, max_items })
}

fn read_batcher(mut fields: Fields) -> Result<Batcher, DefinitionError> {
    let batcher = Batcher {
        max_items: Amount::read(&mut fields, "MaxItemsPerBatch")?,
        max_bytes: Amount::read(&mut fields, "MaxInputBytesPerBatch")?,
        batch_input: fields.template("BatchInput")?,
    };
    if batcher.max_items.is_none() && batcher.max_bytes.is_none() {
        return Err(fields.fault("MaxItemsPerBatch", "is missing, and so is MaxInputBytesPerBatch"));
    }
    fields.finish()?;
    Ok(batcher)
}

fn read_percentage(fields: &mut Fields) -> Result<Option<Percentage>, DefinitionError> {
    let literal: Option<f64> = fields.optional("ToleratedFailurePercentage")?;
    let path = fields.path("ToleratedFailurePercentagePath", Path::parse_definite)?;
    match (literal, path) {
        (Some(_), Some(_)) => Err(fields.fault(
            "ToleratedFailurePercentagePath",
            "excludes `ToleratedFailurePercentage`",
        )),
        (Some(percentage), None) if !(0.0..=100.0).contains(&percentage) => {
            Err(fields.fault("ToleratedFailurePercentage", "must be from 0 to 100"))
        }
        (Some(percentage), None) => Ok(Some(Percentage::Literal(percentage))),
        (None, path) => Ok(path.map(Percentage::Path)),
    }
}
