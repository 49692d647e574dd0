use super::*;

/// Resolves with the types that `types` gives for operands, as a binder that merges nothing would.
fn resolved(sql: &str, types: &[(&str, &[&str])]) -> String {
    resolve(sql, |probe| {
        let mut found = OperandTypes::new();
        for (at, _) in probe.match_indices("hash(") {
            for (operands, types) in types {
                if probe[at..].starts_with(&format!("hash({operands})")) {
                    found.insert(at, types.iter().map(|&name| name.to_owned()).collect());
                }
            }
        }
        found
    })
}

fn result_type(left: &str, right: &str) -> Option<String> {
    let call = result_type::division(left, right)?;
    let start = call.find("CAST(NULL AS ")? + 13;
    Some(call[start..].trim_end_matches("), ").to_owned())
}

#[test]
fn the_scale_of_a_quotient_follows_the_documented_rule() {
    // The example of Redshift's documentation.
    assert_eq!(result_type("DECIMAL(8,2)", "DECIMAL(8,2)").unwrap(), "DECIMAL(17, 9)");
    assert_eq!(result_type("DECIMAL(38,2)", "BIGINT").unwrap(), "DECIMAL(38, 4)");
    assert_eq!(result_type("DECIMAL(18,2)", "INTEGER").unwrap(), "DECIMAL(29, 13)");
    assert_eq!(result_type("BIGINT", "INTEGER"), None);
    assert_eq!(result_type("DECIMAL(18,2)", "DOUBLE"), None);
}

#[test]
fn operations_of_unknown_or_floating_point_operands_are_duckdbs() {
    assert_eq!(
        resolved(
            r#"SELECT "rs division 1"(a, "rs division 1"(b, 2)), "rs average 1"(avg(x), sum(x), count(x))"#,
            &[]
        ),
        "SELECT rs_div(a, rs_div(b, 2)), rs_avg_double(avg(x), sum(x), count(x))"
    );
}

#[test]
fn inner_operations_are_resolved_before_outer_ones() {
    let mut probes = Vec::new();
    resolve(r#"SELECT "rs division 1"("rs division 1"(a, b), c)"#, |probe| {
        probes.push(probe.to_owned());
        OperandTypes::new()
    });
    assert_eq!(
        probes,
        [
            "SELECT rs_div(CASE WHEN hash(a, b) IS NOT NULL THEN rs_div(a, b) END, c)",
            "SELECT CASE WHEN hash(rs_div(a, b), c) IS NOT NULL THEN rs_div(rs_div(a, b), c) END",
        ]
    );
}

#[test]
fn an_operation_that_the_binder_merged_with_another_has_its_types() {
    let types: &[(&str, &[&str])] = &[("t.a, b", &["DECIMAL(8,2)", "INTEGER"])];
    let sql = r#"SELECT "rs division 1"(a, b) FROM t GROUP BY "rs division 1"(t.a, b)"#;
    assert_eq!(resolved(sql, types).matches("rs_divide_decimal(").count(), 2);
    let other_select = r#"SELECT "rs division 1"(a, b) FROM (SELECT "rs division 2"(t.a, b) FROM t)"#;
    assert_eq!(resolved(other_select, types).matches("rs_divide_decimal(").count(), 1);
}

#[test]
fn placeholders_in_strings_and_names_are_text() {
    for sql in [
        r#"SELECT '"rs division 1"(a, b)', "rs division x", "rs division 1""(a)", E'\'"rs division 1"(', $$'"rs division 1"($$"#,
        r#"SELECT "rs division 1" FROM t"#,
    ] {
        assert!(!is_pending(sql), "{sql}");
        assert_eq!(resolved(sql, &[]), sql);
    }
    assert_eq!(
        resolved(r#"SELECT "rs division 1"('it''s (', ')ü')"#, &[]),
        "SELECT rs_div('it''s (', ')ü')"
    );
}

#[test]
fn qualifiers_do_not_distinguish_operands() {
    assert_eq!(placeholder::unqualified(r#""s"."t"."a" + t.b * 1.5"#), "a + b * 1.5");
    assert_eq!(placeholder::unqualified("sum(t.a), 't.a'"), "sum(a), 't.a'");
}
