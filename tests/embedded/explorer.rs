//! The explorer of a page that is served: details and questions against a real lake, in a real browser.

use crate::harness::{Lake, cardlake, ended, interrupt, project, project_files};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command};

/// `cardlake report --serve`, and its address.
fn serve(lake: &Lake, assets: Option<&Path>) -> (Child, String) {
    let mut command = cardlake(lake, &["report", "--serve"]);
    if let Some(assets) = assets {
        command.env("CARDLAKE_ASSETS_DIR", assets);
    }
    let mut server = command.spawn().unwrap();
    let mut lines = BufReader::new(server.stderr.take().unwrap()).lines();
    let url = lines.find_map(|line| {
        let line = line.unwrap();
        Some(line.strip_prefix("serving ")?.split(',').next()?.to_owned())
    });
    (server, url.unwrap())
}

#[test]
fn readers_drill_into_a_served_page_and_ask_questions_of_it() {
    let (lake, assets) = (Lake::new(), project_files());
    lake.run_json(&["--date", "2026-01-15", "--rows", "1500", "--seed", "7"]);
    let (server, url) = serve(&lake, Some(assets.path()));
    let (embedded, embedded_url) = serve(&lake, None);
    // Between requests the lake is free: a command that needs it for itself has it.
    let rebuilt = lake.cardlake(&["build", "--select", "mart_sales_daily"]);
    assert_eq!(rebuilt.code, 0, "{}", rebuilt.stderr);

    let tested = Command::new(project().join("scripts/web.sh"))
        .args(["test", "live"])
        .env("EXPLORE_URL", &url)
        .env("EXPLORE_EMBEDDED_URL", &embedded_url)
        .env("EXPLORE_FOLDER", assets.path().join("warehouse/dashboard"))
        .status();
    assert!(tested.unwrap().success());

    for server in [server, embedded] {
        interrupt(&server);
        assert_eq!(ended(server).code, 0);
    }
}
