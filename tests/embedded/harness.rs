//! A data directory of its own for each test, and the built command.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How a call ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A lake in a temporary folder.
pub struct Lake {
    folder: TempDir,
}

impl Lake {
    pub fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
        }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    /// Calls the command with this lake as its data directory.
    pub fn cardlake(&self, arguments: &[&str]) -> Outcome {
        self.cardlake_with(arguments, &[])
    }

    /// Calls the command with these variables in its environment.
    pub fn cardlake_with(&self, arguments: &[&str], variables: &[(&str, String)]) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardlake"));
        command
            .args(arguments)
            .env("CARDLAKE_DATA_DIR", self.data_dir())
            .env_remove("RUST_LOG");
        for (name, value) in variables {
            command.env(name, value);
        }
        outcome(&mut command)
    }

    /// `cardlake run … --json`, which has to succeed.
    pub fn run_json(&self, arguments: &[&str]) -> Value {
        let outcome = self.cardlake(&[&["run", "--json"], arguments].concat());
        assert_eq!(outcome.code, 0, "{}\n{}", outcome.stderr, outcome.stdout);
        serde_json::from_str(&outcome.stdout).unwrap()
    }

    /// What `cardlake sql` prints.
    pub fn sql(&self, statement: &str, format: &str) -> String {
        let outcome = self.cardlake(&["sql", statement, "--format", format]);
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        outcome.stdout
    }

    /// The one value that a statement gives.
    pub fn sql_value(&self, statement: &str) -> String {
        let csv = self.sql(statement, "csv");
        let mut lines = csv.lines().skip(1);
        let value = lines.next().unwrap_or_else(|| panic!("no row: {csv}")).to_owned();
        assert_eq!(lines.next(), None, "more than one row");
        value
    }

    /// A path of the data directory.
    pub fn path(&self, name: &str) -> String {
        self.data_dir().join(name).display().to_string()
    }

    /// All files below a folder of the data directory, by relative path, with their bytes.
    pub fn files_below(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        files_in(&self.data_dir().join(folder))
    }

    /// Makes every file below a folder of the data directory this many days older.
    pub fn make_older(&self, folder: &str, days: u64) {
        let root = self.data_dir().join(folder);
        for name in self.files_below(folder).keys() {
            let file = std::fs::File::options().append(true).open(root.join(name)).unwrap();
            let modified = file.metadata().unwrap().modified().unwrap();
            file.set_modified(modified - Duration::from_secs(days * 24 * 3600))
                .unwrap();
        }
    }

    /// What a Python script prints that gets a path of the data directory as its argument.
    pub fn python(&self, script: &str, path: &str) -> String {
        let mut command = python(&[]);
        // Threads of Arrow that still run can abort an orderly end of the interpreter.
        let script = format!(
            "{script}
import os, sys
sys.stdout.flush()
os._exit(0)
"
        );
        let outcome = outcome(command.arg("-c").arg(script).arg(self.data_dir().join(path)));
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        outcome.stdout
    }
}

/// How a Python program of the project ends; `environment` is what `python-env.sh` is called with.
pub fn python_script(environment: &[&str], script: &str, arguments: &[&str]) -> Outcome {
    outcome(python(environment).arg(project().join(script)).args(arguments))
}

fn python(environment: &[&str]) -> Command {
    let interpreter = outcome(Command::new(project().join("scripts/python-env.sh")).args(environment));
    assert_eq!(interpreter.code, 0, "{}", interpreter.stderr);
    Command::new(interpreter.stdout.trim())
}

/// The root of the repository.
pub fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All files below a folder, by relative path, with their bytes; none when there is no folder.
pub fn files_in(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    if root.is_dir() {
        collect(root, root, &mut files);
    }
    files
}

fn outcome(command: &mut Command) -> Outcome {
    outcome_of(command.output().unwrap())
}

fn outcome_of(output: Output) -> Outcome {
    Outcome {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

/// A copy of the files that make the project: contracts, suites, models, state machines.
pub fn project_files() -> TempDir {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = TempDir::new().unwrap();
    for name in ["contracts", "expectations", "warehouse", "statemachine"] {
        for (file, bytes) in files_in(&project.join(name)) {
            let to = folder.path().join(name).join(file);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, bytes).unwrap();
        }
    }
    folder
}

/// The command with this lake as its data directory, not started yet; what it says is kept.
pub fn cardlake(lake: &Lake, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardlake"));
    command
        .args(arguments)
        .env("CARDLAKE_DATA_DIR", lake.path(""))
        .env_remove("RUST_LOG");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Ctrl-C.
pub fn interrupt(child: &Child) {
    send("INT", child);
}

/// Sends a signal.
pub fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill")
        .args([format!("-{signal}"), child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

/// How a started command ended.
pub fn ended(child: Child) -> Outcome {
    outcome_of(child.wait_with_output().unwrap())
}
