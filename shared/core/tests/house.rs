//! The direction of dependencies: between crates (docs/architecture.md, "Code map") and between the files of a crate.
#![allow(clippy::panic, clippy::unwrap_used, reason = "tests fail loudly")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use syn::visit::{self, Visit};

fn project() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap()
}

/// A package of the workspace: its folder, and the workspace packages that it depends on.
struct Package {
    folder: String,
    normal: BTreeSet<String>,
    development: BTreeSet<String>,
}

/// All packages of the workspace by name, from `cargo metadata`.
fn packages() -> BTreeMap<String, Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(project())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let manifest = Path::new(package["manifest_path"].as_str().unwrap());
            let folder = manifest.parent().unwrap().strip_prefix(project()).unwrap();
            let dependencies = |is_wanted: fn(&Value) -> bool| {
                let all = package["dependencies"].as_array().unwrap().iter();
                all.filter(|dependency| is_wanted(&dependency["kind"]))
                    // Only a package of the workspace has a path.
                    .filter(|dependency| dependency["path"].is_string())
                    .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
                    .collect()
            };
            let package_of = Package {
                folder: folder.to_str().unwrap().to_owned(),
                normal: dependencies(|kind| kind != "dev"),
                development: dependencies(|kind| kind == "dev"),
            };
            (package["name"].as_str().unwrap().to_owned(), package_of)
        })
        .collect()
}

/// The folders whose packages a package of `folder` may depend on; a folder stands for all packages below it.
fn allowed(folder: &str) -> &'static [&'static str] {
    match folder {
        "shared/core" => &[],
        "shared/aws" => &["shared/core"],
        "shared/lake" => &["shared/core", "shared/aws"],
        "shared/assets" => &["shared/core"],
        "functions" => &["functions/", "shared/"],
        "local/loopback" => &[],
        "local/s3" | "local/secrets" => &["local/loopback"],
        "local/redshift" => &["local/loopback", "engines/redshift-sql"],
        "local/test-support" => &["local/", "shared/"],
        "cli" => &["cli", "functions/", "engines/", "local/", "shared/"],
        "engines/pages" => &[],
        "engines/dbt" | "engines/expectations" | "engines/report" => &["engines/pages"],
        folder if folder.starts_with("engines/") => &[],
        folder if folder.starts_with("functions/") => &["engines/", "shared/core", "shared/aws", "shared/lake"],
        folder => panic!("no rule for a package in {folder}: add one here and to docs/architecture.md"),
    }
}

#[test]
fn crates_depend_downwards_only() {
    let packages = packages();
    assert!(packages.len() >= 20, "{:?}", packages.keys());
    let mut violations = Vec::new();
    for (name, package) in &packages {
        for dependency in &package.normal {
            let target = &packages[dependency].folder;
            let is_allowed = |rule: &&str| target == rule || (rule.ends_with('/') && target.starts_with(*rule));
            if target == "local/test-support" || !allowed(&package.folder).iter().any(is_allowed) {
                violations.push(format!(
                    "{name} ({}) depends on {dependency} ({target})",
                    package.folder
                ));
            }
        }
        // Tests of an engine, too: it has to be publishable alone.
        if package.folder.starts_with("engines/") && !package.development.is_empty() {
            violations.push(format!(
                "{name} has dev-dependencies of ours: {:?}",
                package.development
            ));
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

/// The modules of a crate: the path of each (`["a", "b"]` for `crate::a::b`) and the file that it is in.
type Modules = BTreeMap<Vec<String>, PathBuf>;

/// Reads a module's file and those of its submodules. Test modules do not count.
fn collect(file: &Path, module: &[String], is_root: bool, modules: &mut Modules) {
    modules.insert(module.to_vec(), file.to_owned());
    let folder = if is_root || file.file_name().is_some_and(|name| name == "mod.rs") {
        file.parent().unwrap().to_owned()
    } else {
        file.with_extension("")
    };
    let syntax = parse(file);
    for item in &syntax.items {
        let syn::Item::Mod(declared) = item else { continue };
        if declared.content.is_some() || is_test(&declared.attrs) {
            continue;
        }
        let name = declared.ident.to_string();
        let candidates = [folder.join(format!("{name}.rs")), folder.join(&name).join("mod.rs")];
        let Some(found) = candidates.iter().find(|candidate| candidate.is_file()) else {
            panic!("{}: no file for module {name}", file.display());
        };
        collect(found, &[module, &[name]].concat(), false, modules);
    }
}

fn parse(file: &Path) -> syn::File {
    let text = std::fs::read_to_string(file).unwrap();
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        list.path.is_ident("cfg") && list.tokens.to_string().contains("test")
    })
}

/// Collects every path that a file names, re-exports (`pub use`) and tests excluded.
#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
}

impl Paths {
    fn add_tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => self.found.push(with(&name.ident)),
            syn::UseTree::Rename(name) => self.found.push(with(&name.ident)),
            syn::UseTree::Glob(_) => self.found.push(prefix.to_vec()),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_tree(prefix, tree)),
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if matches!(item.vis, syn::Visibility::Inherited) && !is_test(&item.attrs) {
            self.add_tree(&[], &item.tree);
        }
    }

    fn visit_vis_restricted(&mut self, _: &'ast syn::VisRestricted) {
        // `pub(super)` names a module, and uses nothing of it.
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.to_string());
        self.found.push(names.collect());
        visit::visit_path(self, path);
    }
}

/// What the modules of a crate import, by module and local name: re-exports lead to where an item is defined.
type Imports = BTreeMap<Vec<String>, BTreeMap<String, Vec<String>>>;

/// The imports of a file, re-exports included, by local name.
fn imports(file: &syn::File) -> BTreeMap<String, Vec<String>> {
    fn add(prefix: &[String], tree: &syn::UseTree, found: &mut BTreeMap<String, Vec<String>>) {
        let with = |name: &syn::Ident| [prefix, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => add(&with(&path.ident), &path.tree, found),
            syn::UseTree::Name(name) => drop(found.insert(name.ident.to_string(), with(&name.ident))),
            syn::UseTree::Rename(name) => drop(found.insert(name.rename.to_string(), with(&name.ident))),
            syn::UseTree::Glob(_) => {}
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| add(prefix, tree, found)),
        }
    }
    let mut found = BTreeMap::new();
    for item in &file.items {
        if let syn::Item::Use(item) = item {
            add(&[], &item.tree, &mut found);
        }
    }
    found
}

/// The module that defines what a path names, seen from `module`; none: it leads out of the crate, or nowhere else.
fn target(path: &[String], module: &[String], modules: &Modules, imports: &Imports) -> Option<Vec<String>> {
    let (mut path, mut module) = (path.to_vec(), module.to_vec());
    // Chains of re-exports are short; a circle of them would not compile.
    for _ in 0..8 {
        let (found, name) = target_module(&path, &module, modules)?;
        match name.and_then(|name| imports.get(&found)?.get(&name)) {
            Some(next) if *next != path || found != module => (path, module) = (next.clone(), found),
            _ => return Some(found),
        }
    }
    None
}

/// The module whose file a path leads to, and the name that the path takes from it.
fn target_module(path: &[String], module: &[String], modules: &Modules) -> Option<(Vec<String>, Option<String>)> {
    let absolute: Vec<String> = match path.first()?.as_str() {
        "crate" => path[1..].to_vec(),
        "self" => [module, &path[1..]].concat(),
        "super" => {
            let up = path.iter().take_while(|name| *name == "super").count();
            let kept = module.len().checked_sub(up)?;
            [&module[..kept], &path[up..]].concat()
        }
        first => {
            let child = [module, &[first.to_owned()]].concat();
            modules.contains_key(&child).then_some([module, path].concat())?
        }
    };
    let length = (0..=absolute.len())
        .rev()
        .find(|length| modules.contains_key(&absolute[..*length]))?;
    Some((absolute[..length].to_vec(), absolute.get(length).cloned()))
}

/// Which file uses which, by module.
fn edges(root: &Path) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let mut modules = Modules::new();
    collect(root, &[], true, &mut modules);
    let imports: Imports = modules
        .iter()
        .map(|(module, file)| (module.clone(), imports(&parse(file))))
        .collect();
    let used_by = |(module, file): (&Vec<String>, &PathBuf)| {
        let mut paths = Paths::default();
        paths.visit_file(&parse(file));
        let found = paths
            .found
            .iter()
            .filter_map(|path| target(path, module, &modules, &imports));
        (module.clone(), found.filter(|target| target != module).collect())
    };
    modules.iter().map(used_by).collect()
}

/// Groups of modules that use one another in a circle.
fn circles(edges: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> BTreeSet<BTreeSet<String>> {
    let reachable = |from: &Vec<String>| {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![from]);
        while let Some(module) = waiting.pop() {
            waiting.extend(edges[module].iter().filter(|next| seen.insert((*next).clone())));
        }
        seen
    };
    let reach: BTreeMap<_, _> = edges.keys().map(|module| (module, reachable(module))).collect();
    let circle = |module: &Vec<String>| -> BTreeSet<String> {
        let back = reach[module].iter().filter(|other| reach[other].contains(module));
        back.map(|other| format!("crate::{}", other.join("::"))).collect()
    };
    let all = edges.keys().map(circle);
    all.filter(|circle| circle.len() > 1).collect()
}

#[test]
fn the_files_of_a_crate_form_no_circle() {
    let mut found = BTreeMap::new();
    for (name, package) in packages() {
        for root in ["src/lib.rs", "src/main.rs"] {
            let root = project().join(&package.folder).join(root);
            if root.is_file() {
                let circles = circles(&edges(&root));
                if !circles.is_empty() {
                    found.insert(name.clone(), circles);
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_circle_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a; mod b; mod c; pub use a::A;");
    write("a.rs", "use crate::b::B; pub struct A(B);");
    write(
        "b.rs",
        "pub struct B; impl B { fn back() -> Option<super::a::A> { None } }",
    );
    write("c.rs", "use crate::A; #[cfg(test)] mod tests { use crate::b::B; }");
    // A re-export is no use, and leads to where the item is.
    write("lib.rs", "mod a; mod b; mod c; pub use a::A; fn f() { c::g() }");
    write("c.rs", "use crate::A; pub fn g() -> Option<A> { None }");
    let found = circles(&edges(&folder.path().join("lib.rs")));
    let expected = BTreeSet::from(["crate::a".to_owned(), "crate::b".to_owned()]);
    assert_eq!(found, BTreeSet::from([expected]));
}

#[test]
fn no_file_is_included_across_crates() {
    let mut found = Vec::new();
    let mut waiting = ["shared", "engines", "functions", "local", "cli", "tests", "bench"]
        .map(|folder| project().join(folder))
        .to_vec();
    while let Some(folder) = waiting.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("house.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                if text.lines().any(|line| line.trim_start().starts_with("#[path")) {
                    found.push(path);
                }
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}
