//! Pages as a real browser shows them: headless Chromium, shared by the tests of everything that makes HTML.

use regex::Regex;
use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Widths of a telephone and of a desk, in pixels.
const WINDOWS: [u32; 2] = [380, 1440];

/// Fails if the browser complains about a page (scripts, styles, anything that it would load and may not), or if its
/// contents, with everything that is folded opened, are wider than the window of a telephone or a desk. Fails as well if
/// there is no browser, unless the environment says `CHROMIUM=none`: then it says what is skipped.
#[allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a helper of tests: it fails loudly, and says what it skips"
)]
pub fn assert_shown_well(pages: &[&Path]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("scripts/chromium.sh"))
        .find(|script| script.is_file())
        .unwrap();
    let found = Command::new(script).output().unwrap();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
    let chromium = String::from_utf8(found.stdout).unwrap();
    let Some(chromium) = chromium.lines().next() else {
        // Not `eprintln!`, which is shown for failed tests only. The skip stands whether or not it can be printed.
        let pages: Vec<String> = pages.iter().map(|page| page.display().to_string()).collect();
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED, CHROMIUM=none: no browser has looked at {}",
            pages.join(", ")
        );
        return;
    };
    // Frames as wide as the windows. The title tells how wide the contents are.
    let frames = pages.iter().flat_map(|page| {
        WINDOWS.map(|width| {
            let style = format!("border:0;width:{width}px;height:900px");
            format!("<iframe src=\"file://{}\" style=\"{style}\"></iframe>", page.display())
        })
    });
    let frames: String = frames.collect();
    let probe = "<script>onload = () => { document.title = 'widths ' + [...document.querySelectorAll('iframe')].map(f => { \
                 const d = f.contentDocument; d.querySelectorAll('details').forEach(e => e.open = true); \
                 return d.documentElement.scrollWidth + '/' + d.documentElement.clientWidth; }).join(' '); }</script>";
    let folder = tempfile::tempdir().unwrap();
    let outer = folder.path().join("outer.html");
    std::fs::write(&outer, format!("<!doctype html><title></title>{frames}{probe}")).unwrap();
    let output = Command::new(chromium)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--allow-file-access-from-files",
        ])
        .args(["--enable-logging=stderr", "--window-size=1600,1200", "--dump-dom"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("file://{}", outer.display()))
        .output()
        .unwrap();
    let (dom, log) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    let title = Regex::new("<title>widths ([^<]*)</title>").unwrap();
    let widths = title.captures(&dom).unwrap_or_else(|| panic!("{dom}\n{log}"))[1].to_owned();
    let widths: Vec<(u32, u32)> = widths
        .split(' ')
        .map(|each| each.split_once('/').unwrap())
        .map(|(content, window)| (content.parse().unwrap(), window.parse().unwrap()))
        .collect();
    assert_eq!(widths.len(), pages.len() * WINDOWS.len());
    for (content, window) in &widths {
        assert!(
            *window > 300 && content <= window,
            "{content} in a window of {window}: {widths:?}"
        );
    }
    assert!(!log.contains("CONSOLE"), "the browser complains: {log}");
}
