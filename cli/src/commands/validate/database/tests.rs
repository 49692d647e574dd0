//! Queries over the tables that are validated.

use super::super::data;
use super::*;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

async fn queryable(folder: &std::path::Path) -> Queryable {
    let rows = (0..10_000).map(|row| format!("{row},{},{}\n", row as f64 / 4.0, ["n", "s", ""][row % 3]));
    let text = format!("id,amount,shop\n{}", rows.collect::<String>());
    std::fs::write(folder.join("t.csv"), text).unwrap();
    std::fs::write(folder.join("o.csv"), "id,name\n1,a\n9999,b\n").unwrap();
    let open = async |name: &str| Arc::from(data::open("--data", &folder.join(name)).await.unwrap());
    let table: Arc<dyn Source> = open("t.csv").await;
    Queryable::new(table, vec![("o".to_owned(), open("o.csv").await)])
}

async fn number(table: &Queryable, sql: &str) -> Result<i64, String> {
    let batches = table.query(sql, 1).await.map_err(|error| error.to_string())?;
    Ok(batches[0].column(0).as_primitive::<Int64Type>().value(0))
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_read_all_rows_of_all_tables() {
    let folder = tempfile::tempdir().unwrap();
    let table = queryable(folder.path()).await;
    let sum = "SELECT CAST(SUM(id) AS BIGINT) FROM batch";
    assert_eq!(number(&table, sum).await, Ok(49_995_000));
    assert_eq!(number(&table, "SELECT COUNT(*) FROM batch").await, Ok(10_000));
    assert_eq!(
        number(&table, "SELECT COUNT(*) FROM batch WHERE shop IS NULL").await,
        Ok(3_333)
    );
    // A table can be read twice at a time, and whole numbers divide as in Redshift.
    let joined = "SELECT COUNT(*) FROM batch a JOIN batch b ON a.id = b.id JOIN o ON o.id = b.id WHERE o.id / 2 >= 0";
    assert_eq!(number(&table, joined).await, Ok(2));
    let first = table.query("SELECT * FROM batch ORDER BY id", 3).await.unwrap();
    assert_eq!(first[0].schema().field(1).name(), "amount");
    assert_eq!(first[0].column(0).as_primitive::<Int64Type>().value(2), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_reach_neither_files_nor_settings_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let table = queryable(folder.path()).await;
    let file = folder.path().join("o.csv").display().to_string();
    for (sql, reason) in [
        (format!("SELECT COUNT(*) FROM read_csv('{file}')"), "disabled"),
        (format!("SELECT COUNT(*) FROM '{file}'"), "disabled"),
        (format!("COPY (SELECT 1) TO '{file}'"), "disabled"),
        (format!("ATTACH '{file}.db'"), ""),
        ("SET enable_external_access = true".to_owned(), "lock"),
        ("SET memory_limit = '9GB'".to_owned(), "lock"),
        ("CREATE TABLE x (a INT)".to_owned(), "read-only"),
        ("DROP VIEW batch".to_owned(), "read-only"),
        ("SELECT nothing FROM batch".to_owned(), "nothing"),
        ("SELECT FROM WHERE".to_owned(), "syntax"),
        (
            "SELECT COUNT(*) FROM read_validated_table(0)".to_owned(),
            "no such table",
        ),
    ] {
        let error = number(&table, &sql).await.unwrap_err();
        assert!(error.contains(reason), "{sql}: {error}");
    }
    assert_eq!(number(&table, "SELECT COUNT(*) FROM batch").await, Ok(10_000));
}
