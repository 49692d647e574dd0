//! Parquet files as input.

use crate::formats::{NOTES, notes};
use crate::support::{LIMITS, plan, read};
use arrow::array::{
    ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Decimal128Type, Int64Type, TimestampMicrosecondType};
use cardlake_core::bronze::InputFormat;
use cardlake_transformer::{EncodedFile, FileNames, Pipeline, PipelineError, Summary, TransformPlan};
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

type Outcome = (Summary, BTreeMap<String, Vec<u8>>, String);

fn transform(file: &[u8], format: InputFormat, plan: &TransformPlan) -> Result<Outcome, PipelineError> {
    let files = Mutex::new(BTreeMap::new());
    let emit = |encoded: EncodedFile| {
        files.lock().unwrap().insert(encoded.file.path, encoded.bytes.to_vec());
        true
    };
    let mut lines = Vec::new();
    let pipeline = Pipeline {
        plan,
        names: &FileNames::new(&["x"]),
        limits: &LIMITS,
        emit: &emit,
    };
    let summary = pipeline.run(file, format, &mut lines)?;
    assert!(summary.counts.balanced() && summary.text.balanced());
    Ok((summary, files.into_inner().unwrap(), String::from_utf8(lines).unwrap()))
}

pub fn file(columns: Vec<(&str, ArrayRef)>, compression: Compression) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)));
    let batch = batch.unwrap();
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(700))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn every_type_goes_through_the_rules_of_the_contract() {
    const TYPES: &str = "
apiVersion: v3.1.0
kind: DataContract
version: 1.0.0
schema:
  - name: types
    customProperties: [{property: timeZone, value: Asia/Seoul}]
    properties:
      - {name: id, logicalType: string, physicalType: VARCHAR(9), primaryKey: true}
      - {name: amount, logicalType: number, physicalType: 'DECIMAL(9,2)'}
      - {name: count, logicalType: integer, physicalType: BIGINT, logicalTypeOptions: {maximum: 5}}
      - {name: ratio, logicalType: number, physicalType: DOUBLE PRECISION}
      - {name: flag, logicalType: boolean, physicalType: BOOLEAN}
      - {name: day, logicalType: date, physicalType: DATE}
      - {name: local, logicalType: timestamp, physicalType: TIMESTAMP}
      - {name: at, logicalType: timestamp, physicalType: TIMESTAMP}
      - {name: list, logicalType: string, physicalType: VARCHAR(9)}
      - {name: extra, logicalType: string, physicalType: VARCHAR(99), customProperties: [{property: derivation, value: {kind: extra}}]}
";
    let midnight = 1_768_435_200_000_000;
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>([None, None, None, Some(vec![Some(1)])]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(BinaryArray::from_vec(vec![b"a", b"b", b"\xff", b"d"]))),
        (
            "amount",
            Arc::new(
                Decimal128Array::from(vec![Some(125), None, Some(1), Some(2)])
                    .with_precision_and_scale(18, 2)
                    .unwrap(),
            ),
        ),
        ("count", Arc::new(Int64Array::from(vec![5, 6, 1, 1]))),
        ("ratio", Arc::new(Float64Array::from(vec![1e-9, f64::NAN, 0.0, 0.0]))),
        ("flag", Arc::new(BooleanArray::from(vec![true, false, true, true]))),
        ("day", Arc::new(Date32Array::from(vec![20_468; 4]))),
        ("local", Arc::new(TimestampMicrosecondArray::from(vec![midnight; 4]))),
        (
            "at",
            Arc::new(TimestampMicrosecondArray::from(vec![midnight + 1; 4]).with_timezone("UTC")),
        ),
        ("list", Arc::new(lists)),
        (
            "new",
            Arc::new(StringArray::from(vec![Some("\"x\"\n"), None, None, None])),
        ),
    ];
    let bytes = file(columns, Compression::UNCOMPRESSED);
    let plan = plan(TYPES);
    let (summary, files, lines) = transform(&bytes, InputFormat::Parquet, &plan).unwrap();
    assert_eq!(
        (summary.counts.silver_rows, summary.counts.quarantined),
        (1, 3),
        "{lines}"
    );
    let batch = &read(&files)[0];
    assert_eq!(batch["amount"].as_primitive::<Decimal128Type>().value(0), 125);
    let micros = |name: &str| batch[name].as_primitive::<TimestampMicrosecondType>().value(0);
    assert_eq!(
        micros("local"),
        midnight - 9 * 3_600_000_000,
        "without a zone it is local"
    );
    assert_eq!(micros("at"), midnight + 1);
    assert_eq!(batch["extra"].as_string::<i32>().value(0), r#"{"new":"\"x\"\n"}"#);
    let reasons: Vec<_> = summary.quarantine.reasons.keys().map(String::as_str).collect();
    assert_eq!(
        reasons,
        [
            "count: above the maximum",
            "list: not a single value",
            "ratio: not a number",
            "row: not UTF-8"
        ]
    );
}

#[test]
fn row_groups_and_compressions_give_all_rows() {
    let ids: Vec<i64> = (0..2000).collect();
    let texts: Vec<String> = ids.iter().map(|id| format!("note {id}")).collect();
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("id", Arc::new(Int64Array::from(ids.clone()))),
            ("note", Arc::new(StringArray::from(texts.clone()))),
        ];
        let bytes = file(columns, compression);
        for format in [InputFormat::Parquet, InputFormat::Detected] {
            let (summary, files, _) = transform(&bytes, format, &plan(NOTES)).unwrap();
            assert_eq!(summary.counts.silver_rows, 2000);
            assert_eq!(notes(&files)[&1999].as_deref(), Some("note 1999"));
        }
        // Damage anywhere is seen, or changes nothing that is read.
        let error = transform(&bytes[..bytes.len() - 9], InputFormat::Parquet, &plan(NOTES)).unwrap_err();
        assert!(matches!(error, PipelineError::Read(_)), "{error:?}");
    }
}

#[test]
fn a_codec_that_is_not_known_is_named_with_what_to_do() {
    let columns: Vec<(&str, ArrayRef)> = vec![("id", Arc::new(Int64Array::from(vec![1])))];
    let mut bytes = file(columns, Compression::SNAPPY);
    // In the footer: the column's codec, then the number of its values. Another codec has another number.
    let codec = [0x15, 2, 0x16, 2];
    let at = bytes.windows(4).rposition(|window| window == codec).unwrap();
    bytes[at + 1] = 6;
    let error = transform(&bytes, InputFormat::Parquet, &plan(NOTES)).unwrap_err();
    assert!(matches!(error, PipelineError::Rejected(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the Parquet file is compressed with LZO, which cannot be read: write it with Zstandard, Snappy, GZIP, Brotli or \
         LZ4_RAW, or uncompressed"
    );
}

#[test]
fn the_content_counts_for_more_than_a_name_that_does_not_tell() {
    for text in [
        "id,note,amount\n1,a,1\n",
        "{\"id\":1,\"note\":\"a\"}",
        "\n [{\"id\":1,\"note\":\"a\"}]",
    ] {
        let (_, files, _) = transform(text.as_bytes(), InputFormat::Detected, &plan(NOTES)).unwrap();
        assert_eq!(notes(&files)[&1].as_deref(), Some("a"), "{text}");
        let error = transform(text.as_bytes(), InputFormat::Parquet, &plan(NOTES)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the file is not a Parquet file: it does not begin with PAR1"
        );
    }
    let error = transform(b"Obj\x01\x04\x16avro.schema", InputFormat::Detected, &plan(NOTES)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the file is an Avro file, which is not read: deliver Parquet, JSON lines or CSV"
    );
    for format in [InputFormat::Detected, InputFormat::Parquet] {
        assert_eq!(transform(b"", format, &plan(NOTES)).unwrap().0, Summary::default());
    }
}
