//! Which files can be copied together: those with the same columns in the same order. Pure: no I/O.

use crate::error::LoaderError;
use crate::silver_file::{FileContents, SilverFile};
use arrow::datatypes::DataType;
use cardlake_core::contract::Contract;

/// Files with the same columns in the same order, which one COPY can load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileGroup {
    /// Name and Redshift type of each column, in the order of the files.
    pub(crate) columns: Vec<(String, String)>,
    /// The files.
    pub(crate) files: Vec<SilverFile>,
}

/// Groups files by their columns, in order of first appearance. The types are those of the contract; a
/// column that the contract has given up gets one that can hold it, since COPY has to put it somewhere.
pub(crate) fn groups(
    contract: &Contract,
    files: &[SilverFile],
    contents: &[FileContents],
) -> Result<Vec<FileGroup>, LoaderError> {
    let mut groups: Vec<FileGroup> = Vec::new();
    for (file, contents) in files.iter().zip(contents) {
        let columns = contents.columns.iter().map(|(name, data_type)| {
            let physical_type = match contract.column(name) {
                Some(column) => column.physical_type.clone(),
                None => redshift_type(data_type).ok_or_else(|| LoaderError::UnknownColumn {
                    dataset: contract.dataset.clone(),
                    file: file.path.clone(),
                    column: format!("{name} ({data_type})"),
                })?,
            };
            Ok((name.clone(), physical_type))
        });
        let columns: Vec<(String, String)> = columns.collect::<Result<_, LoaderError>>()?;
        match groups.iter_mut().find(|group| group.columns == columns) {
            Some(group) => group.files.push(file.clone()),
            None => groups.push(FileGroup {
                columns,
                files: vec![file.clone()],
            }),
        }
    }
    Ok(groups)
}

fn redshift_type(data_type: &DataType) -> Option<String> {
    Some(match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR(65535)".to_owned(),
        DataType::Int16 => "SMALLINT".to_owned(),
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::Float64 => "DOUBLE PRECISION".to_owned(),
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Timestamp(..) => "TIMESTAMP".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardlake_core::contract::Contracts;

    fn file(path: &str) -> SilverFile {
        SilverFile {
            path: path.to_owned(),
            size: 1,
            rows: 1,
            partition: Default::default(),
        }
    }

    fn contents(columns: &[(&str, DataType)]) -> FileContents {
        let columns = columns
            .iter()
            .map(|(name, data_type)| ((*name).to_owned(), data_type.clone()));
        FileContents {
            columns: columns.collect(),
            ..FileContents::default()
        }
    }

    #[test]
    fn files_go_together_when_their_columns_have_the_same_order() {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let contract = contracts.get("merchants").unwrap();
        let (name, city) = (("name", DataType::Utf8), ("city", DataType::Utf8));
        let old = ("old", DataType::Decimal128(9, 3));
        let forms = [
            contents(&[name.clone(), city.clone()]),
            contents(&[city.clone(), name.clone()]),
            contents(&[name.clone(), city.clone()]),
            contents(&[name, old, city]),
        ];
        let groups = groups(contract, &["a", "b", "c", "d"].map(file), &forms).unwrap();
        let files = |group: &FileGroup| group.files.iter().map(|file| file.path.clone()).collect::<String>();
        assert_eq!(groups.iter().map(files).collect::<Vec<_>>(), ["ac", "b", "d"]);
        assert_eq!(groups[2].columns[1], ("old".to_owned(), "DECIMAL(9,3)".to_owned()));
        assert_eq!(groups[2].columns[2].1, "VARCHAR(128)");
    }

    #[test]
    fn a_given_up_column_of_a_nested_type_is_refused_by_name() {
        let contracts = Contracts::load(&cardlake_assets::embedded()).unwrap();
        let contract = contracts.get("merchants").unwrap();
        let nested = contents(&[("tags", DataType::new_list(DataType::Utf8, true))]);
        let error = groups(contract, &[file("a.parquet")], &[nested]).unwrap_err();
        assert!(error.to_string().contains("column tags ("), "{error}");
    }
}
