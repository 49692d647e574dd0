//! Numbers in JSON are given out as they are written, whatever stands around them.

use cardlake_redshift_sql::prelude::MACROS;
use duckdb::Connection;
use proptest::prelude::*;

/// A JSON value: how it is written, and its text.
#[derive(Debug, Clone)]
struct Written {
    json: String,
    text: Option<String>,
}

fn number() -> impl Strategy<Value = Written> {
    "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,2})?".prop_map(|json| Written {
        text: Some(json.clone()),
        json,
    })
}

/// Texts with all that could be taken for the end of a text, or for a number.
fn text() -> impl Strategy<Value = Written> {
    "[a0-9.eE\"\\\\,:{}\\[\\] é-]{0,12}".prop_map(|text| Written {
        json: serde_json::to_string(&text).unwrap(),
        text: Some(text),
    })
}

fn word() -> impl Strategy<Value = Written> {
    prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(|word| Written {
        json: word.to_owned(),
        text: (word != "null").then(|| word.to_owned()),
    })
}

/// Any value; the text of an array is its JSON without blanks.
fn value() -> impl Strategy<Value = Written> {
    let scalar = || prop_oneof![4 => number(), 2 => text(), 1 => word()];
    let array = proptest::collection::vec(scalar(), 0..4).prop_map(|items| {
        let items: Vec<String> = items.into_iter().map(|item| item.json).collect();
        Written {
            json: format!("[{}]", items.join(", ")),
            text: Some(format!("[{}]", items.join(","))),
        }
    });
    prop_oneof![4 => scalar(), 1 => array]
}

#[test]
fn a_number_in_json_keeps_its_digits() {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(MACROS).unwrap();
    let ask =
        |sql: &str, json: &str| -> Option<String> { connection.query_row(sql, [json], |row| row.get(0)).unwrap() };
    let mut runner = proptest::test_runner::TestRunner::default();
    let members = proptest::collection::vec(value(), 1..5);
    runner
        .run(&members, |members| {
            let written = members.iter().enumerate();
            let written: Vec<String> = written
                .map(|(at, member)| format!("\"k{at}\" : {}", member.json))
                .collect();
            let json = format!("{{ {} }}", written.join(" , "));
            for (at, member) in members.iter().enumerate() {
                let found = ask(&format!("SELECT rs_json_path_text(?, '/k{at}')"), &json);
                prop_assert_eq!(&found, &member.text, "member {} of {}", at, json);
            }
            let scalar = &members[0];
            let parsed = ask("SELECT rs_to_varchar(json_parse(?))", &scalar.json);
            prop_assert_eq!(&parsed, &scalar.text, "{}", scalar.json);
            // COPY takes SUPER as it is written, blanks included.
            let copied = ask("SELECT rs_to_varchar(CAST(? AS JSON))", &format!(" {}\n", scalar.json));
            prop_assert_eq!(&copied, &scalar.text, "{}", scalar.json);
            Ok(())
        })
        .unwrap();
}
