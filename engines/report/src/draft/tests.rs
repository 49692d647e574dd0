use super::*;

const BLOCK: &str = "# The page.\ntitle: Shop\npanels:\n  # first things first\n  - orders\n\n# the end\nnote: done\n";
const ORDERS: &str = "title: Orders\nsql: select 1\ntable:\n  - {column: n, title: N}\n";

fn files(page: &str) -> Vec<(String, String)> {
    [("page.yml", page), ("orders.yml", ORDERS)]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into()
}

fn draft(id: &str) -> Draft {
    Draft {
        id: id.to_owned(),
        title: "By \"kind\": #1".to_owned(),
        sql: "select kind, n -- 1 < 2  \n\nfrom {{ ref('orders') }}\n".to_owned(),
        chart: Some(DraftChart {
            kind: DraftChartKind::Bars,
            name: "kind".to_owned(),
            value: "n".to_owned(),
        }),
        columns: vec!["kind".to_owned(), "n: {% x".to_owned()],
    }
}

#[test]
fn a_question_is_a_panel_of_the_page() {
    let saved = draft("by-kind").add_to(&files(BLOCK)).unwrap();
    assert_eq!((&*saved.panel_file, &*saved.page_file), ("by-kind.yml", "page.yml"));
    assert_eq!(saved.page, BLOCK.replace("  - orders\n", "  - orders\n  - by-kind\n"));
    assert_eq!(
        saved.panel,
        r#"title: "By \"kind\": #1"
sql: |
  select kind, n -- 1 < 2

  from {{ ref('orders') }}
chart:
  bars:
    name: "kind"
    value: "n"
    alternative: "{{ points | listing }}"
table:
  - {column: "kind", title: "kind"}
  - {column: "n: {% x", title: "n: {% x"}
"#
    );
    let mut all = files(&saved.page);
    all.push((saved.panel_file.clone(), saved.panel));
    let again = draft("by-kind").add_to(&all).unwrap_err().to_string();
    assert_eq!(again, "there is a by-kind.yml already: choose another name");
}

#[test]
fn any_sql_comes_back_as_it_was() {
    for sql in [
        "select 1",
        "  select 1\n  from a",
        "select '\t'\nfrom a",
        "select 'ü' || '\u{7f}'",
    ] {
        let draft = Draft {
            sql: sql.to_owned(),
            chart: None,
            ..draft("a")
        };
        let saved = draft.add_to(&files(BLOCK)).unwrap();
        let panels = [("page.yml", "title: a\npanels: [a]"), ("a.yml", &saved.panel)];
        let dashboard = Dashboard::parse(panels).unwrap();
        assert_eq!(dashboard.panels[0].definition.sql.trim_end(), sql, "{}", saved.panel);
    }
}

#[test]
fn columns_have_titles_that_are_no_templates() {
    let mut draft = draft("a");
    draft.chart = Some(DraftChart {
        kind: DraftChartKind::Columns,
        name: "{{ day".to_owned(),
        value: "n".to_owned(),
    });
    let saved = draft.add_to(&files(BLOCK)).unwrap();
    assert!(saved.panel.contains("x_title: \" day\""), "{}", saved.panel);
}

#[test]
fn the_list_of_panels_may_be_written_in_other_ways() {
    for (page, expected) in [
        ("title: a\npanels: [orders]\n", "title: a\npanels: [orders, x]\n"),
        (
            "panels: [orders] # all\ntitle: a",
            "panels: [orders, x] # all\ntitle: a",
        ),
        ("title: a\npanels:\n- orders", "title: a\npanels:\n- orders\n- x\n"),
    ] {
        let saved = draft("x").add_to(&files(page)).unwrap();
        assert_eq!(saved.page.trim_end(), expected.trim_end());
    }
    let page = "title: a\npanels: [\n  orders\n]\n";
    let refused = draft("x").add_to(&files(page)).unwrap_err().to_string();
    assert_eq!(refused, "cannot add 'x' to 'panels' of page.yml: add it there yourself");
}

#[test]
fn what_is_no_panel_is_refused() {
    for id in ["", "page", "../x", "X", "a.b", "a b"] {
        let refused = draft(id).add_to(&files(BLOCK)).unwrap_err();
        assert!(matches!(refused, SaveError::Id(_)), "{refused}");
    }
    assert!(matches!(draft("x").add_to(&[]), Err(SaveError::NoPage)));
    let wrong = Draft {
        sql: "select {{ nothing }}".to_owned(),
        ..draft("x")
    };
    let refused = wrong.add_to(&files(BLOCK)).unwrap_err().to_string();
    assert_eq!(refused, "x.yml: sql: there is no variable 'nothing' here");
}
