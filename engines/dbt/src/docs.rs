//! Documentation of a project: a self-contained HTML page with a drawing of the lineage. No I/O.

use crate::artifacts::Compiled;
use crate::error::DocsError;
use crate::manifest::{Manifest, Node};
use crate::materialize::catalog::ColumnTypes;
use crate::project::yaml::ColumnProperties;
use cardlake_pages::Page;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const PAGE: Page<'_> = Page {
    template: include_str!("docs/page.html.j2"),
    script: include_str!("docs/page.js"),
};
const STYLE: &str = include_str!("docs/page.css");
const LINEAGE: &str = include_str!("docs/lineage.svg.j2");
/// Kinds of nodes in the order of the contents, with their titles.
const KINDS: [(&str, &str); 4] = [
    ("source", "Sources"),
    ("seed", "Seeds"),
    ("snapshot", "Snapshots"),
    ("model", "Models"),
];

/// Sizes of the drawing, in pixels.
const WIDTH: usize = 210;
const HEIGHT: usize = 26;
const GAP_ACROSS: usize = 64;
const GAP_DOWN: usize = 12;
const MARGIN: usize = 10;

/// A box of the drawing: a source, seed, snapshot or model.
struct Drawn<'a> {
    id: &'a str,
    name: String,
    kind: &'static str,
    parents: Vec<&'a str>,
}

/// The page, with the compiled SQL of the nodes in `compiled`, and the types of the columns that the warehouse has.
///
/// # Errors
/// A template cannot be rendered: an internal bug.
pub fn page(manifest: &Manifest, compiled: &Compiled, types: &ColumnTypes) -> Result<String, DocsError> {
    let drawn = drawn(manifest);
    let mut used_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for one in &drawn {
        for parent in &one.parents {
            used_by.entry(parent).or_default().push(one.id);
        }
    }
    let names: BTreeMap<&str, &str> = drawn.iter().map(|one| (one.id, one.name.as_str())).collect();
    let links = |ids: &[&str]| -> Vec<Value> {
        let known = ids.iter().filter_map(|id| Some((id, names.get(id)?)));
        known.map(|(id, name)| json!({"id": id, "name": name})).collect()
    };
    let sections: Vec<Value> = drawn
        .iter()
        .map(|one| {
            let mut section = section(manifest, one, compiled, types);
            section["parents"] = json!(links(&one.parents));
            section["children"] = json!(links(used_by.get(one.id).map_or(&[], Vec::as_slice)));
            section
        })
        .collect();
    let tests = manifest.nodes.values().filter(|node| node.test().is_some());
    let singular = tests
        .clone()
        .filter(|node| node.test().is_some_and(|test| test.generic.is_none()));
    let singular = singular.map(|node| json!({"name": node.name, "file": node.file, "sql": node.raw_code}));
    let groups = KINDS.iter().filter_map(|(kind, title)| {
        let mut nodes: Vec<&Drawn<'_>> = drawn.iter().filter(|one| one.kind == *kind).collect();
        nodes.sort_by_key(|one| &one.name);
        let nodes: Vec<Value> = nodes
            .into_iter()
            .map(|one| json!({"id": one.id, "name": one.name}))
            .collect();
        (!nodes.is_empty()).then(|| json!({"kind": kind, "title": title, "nodes": nodes}))
    });
    let context = json!({
        "project": manifest.invocation().project,
        "style": STYLE,
        "types_note": if types.is_empty() { "" } else { "Column types are those of the warehouse." },
        "lineage": svg(&drawn, true)?,
        "groups": groups.collect::<Vec<_>>(),
        "sections": sections,
        "tests": tests.count(),
        "singular": singular.collect::<Vec<_>>(),
    });
    Ok(PAGE.html(context)?)
}

/// The lineage as SVG, from sources on the left to descendants on the right.
///
/// # Errors
/// The template cannot be rendered: an internal bug.
pub fn lineage(manifest: &Manifest) -> Result<String, DocsError> {
    svg(&drawn(manifest), false)
}

/// The drawing; boxes optionally link to the sections of the page.
fn svg(drawn: &[Drawn<'_>], linked: bool) -> Result<String, DocsError> {
    let mut context = drawing(drawn);
    context["linked"] = Value::from(linked);
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let rendered = environment.render_named_str("lineage.svg.html", LINEAGE, Serde(context));
    Ok(rendered?)
}

fn drawn(manifest: &Manifest) -> Vec<Drawn<'_>> {
    let sources = manifest.sources.iter().map(|(id, source)| Drawn {
        id,
        name: format!("{}.{}", source.source, source.patch.properties.name),
        kind: "source",
        parents: Vec::new(),
    });
    let models = manifest.nodes.values().filter(|node| node.model().is_some());
    let models = models.map(|node| Drawn {
        id: &node.id,
        name: node.name.clone(),
        kind: node.resource_type(),
        parents: node.depends_on.iter().map(String::as_str).collect(),
    });
    sources.chain(models).collect()
}

/// The section of a source or model.
fn section(manifest: &Manifest, one: &Drawn<'_>, compiled: &Compiled, types: &ColumnTypes) -> Value {
    let (node, source) = (manifest.nodes.get(one.id), manifest.sources.get(one.id));
    let model = node.and_then(Node::model);
    let (patch, materialized) = match model {
        Some(model) => (model.patch.as_ref(), model.config.materialization.name()),
        None => (source.map(|source| &source.patch), "source"),
    };
    let relation = match (model, source) {
        (Some(model), _) if !model.relation.ephemeral => Some((&model.relation.schema, &model.relation.identifier)),
        (None, Some(source)) => Some((&source.schema, &source.identifier)),
        _ => None,
    };
    let file = node.map(|node| node.file.as_str());
    let file = file
        .or_else(|| patch.map(|patch| patch.file.as_str()))
        .unwrap_or_default();
    let columns = patch.map_or(&[][..], |patch| &patch.properties.columns);
    let tests: Vec<&Node> = manifest
        .nodes
        .values()
        .filter(|node| node.test().is_some_and(|test| test.attached.as_deref() == Some(one.id)))
        .collect();
    let found = relation.map_or(&[][..], |(schema, table)| types.of(schema, table));
    let data_type = |name: &str| {
        let found = found.iter().find(|(column, _)| column.eq_ignore_ascii_case(name));
        found.map(|(_, data_type)| data_type.as_str())
    };
    let column = |column: &ColumnProperties| {
        let own = tests.iter().filter_map(|node| node.test());
        let own = own.filter(|test| test.column.as_ref() == Some(&column.name));
        let own: BTreeSet<_> = own.filter_map(|test| test.generic.as_deref()).collect();
        json!({
            "name": column.name,
            "data_type": data_type(&column.name).or(column.data_type.as_deref()).unwrap_or_default(),
            "description": column.description.trim(),
            "tests": own.into_iter().collect::<Vec<_>>().join(", "),
        })
    };
    let mut shown: Vec<Value> = columns.iter().map(column).collect();
    // The warehouse may have more than the files describe.
    let others = found
        .iter()
        .filter(|(name, _)| !columns.iter().any(|column| column.name.eq_ignore_ascii_case(name)));
    shown.extend(
        others.map(|(name, data_type)| json!({"name": name, "data_type": data_type, "description": "", "tests": ""})),
    );
    let seed = node.is_some_and(Node::is_seed);
    json!({
        "id": one.id,
        "name": one.name,
        "kind": one.kind,
        "relation": relation.map_or(String::new(), |(schema, table)| format!("{schema}.{table}")),
        "typed": shown.iter().any(|column| column["data_type"] != ""),
        "raw": node.filter(|_| !seed).map_or("", |node| node.raw_code.trim()),
        "materialized": materialized,
        "file": file,
        "tags": manifest.nodes.get(one.id).map_or("".to_owned(), |node| node.tags.join(", ")),
        "description": patch.map_or("", |patch| patch.properties.description.trim()),
        "columns": shown,
        "sql": compiled.get(one.id).map_or("", String::as_str),
    })
}

/// Layout: boxes in layers from left to right, near their parents, and lines between them.
fn drawing(drawn: &[Drawn<'_>]) -> Value {
    let layers = layers(drawn);
    let mut places: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut columns: BTreeMap<usize, Vec<&Drawn<'_>>> = BTreeMap::new();
    for one in drawn {
        columns.entry(layers[one.id]).or_default().push(one);
    }
    let tallest = columns.values().map(Vec::len).max().unwrap_or_default();
    for (layer, column) in &mut columns {
        // Boxes are sorted by the height of their parents; twice the mean keeps integers.
        column.sort_by_key(|one| {
            let above: Vec<usize> = one
                .parents
                .iter()
                .filter_map(|id| places.get(id))
                .map(|(_, y)| *y)
                .collect();
            (2 * above.iter().sum::<usize>() / above.len().max(1), one.name.clone())
        });
        let top = MARGIN + (tallest - column.len()) * (HEIGHT + GAP_DOWN) / 2;
        for (row, one) in column.iter().enumerate() {
            let x = MARGIN + layer * (WIDTH + GAP_ACROSS);
            places.insert(one.id, (x, top + row * (HEIGHT + GAP_DOWN)));
        }
    }
    let boxes = drawn.iter().map(|one| {
        let (x, y) = places[one.id];
        json!({"id": one.id, "name": one.name, "kind": one.kind, "x": x, "y": y})
    });
    let lines = drawn.iter().flat_map(|one| {
        let places = &places;
        one.parents.iter().filter_map(move |parent| {
            let (from_x, from_y) = places.get(parent)?;
            let (to_x, to_y) = places.get(one.id)?;
            let (from_x, from_y, to_y) = (from_x + WIDTH, from_y + HEIGHT / 2, to_y + HEIGHT / 2);
            let middle = usize::midpoint(from_x, *to_x);
            let path = format!("M{from_x},{from_y} C{middle},{from_y} {middle},{to_y} {to_x},{to_y}");
            Some(json!({"path": path, "from": parent, "to": one.id}))
        })
    });
    json!({
        "width": 2 * MARGIN + columns.len() * (WIDTH + GAP_ACROSS) - GAP_ACROSS.min(columns.len() * GAP_ACROSS),
        "height": 2 * MARGIN + tallest * (HEIGHT + GAP_DOWN),
        "box_width": WIDTH,
        "box_height": HEIGHT,
        "boxes": boxes.collect::<Vec<_>>(),
        "lines": lines.collect::<Vec<_>>(),
    })
}

/// Length of the longest path to each box; sources are 0. Precondition: the graph is acyclic.
fn layers<'a>(drawn: &[Drawn<'a>]) -> BTreeMap<&'a str, usize> {
    let mut layers: BTreeMap<&str, usize> = drawn.iter().map(|one| (one.id, 0)).collect();
    for _ in 0..drawn.len() {
        let mut is_settled = true;
        for one in drawn {
            let parents = one.parents.iter().filter_map(|parent| layers.get(parent));
            let layer = parents.map(|layer| layer + 1).max().unwrap_or_default();
            if layers.insert(one.id, layer) != Some(layer) {
                is_settled = false;
            }
        }
        if is_settled {
            break;
        }
    }
    layers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_of_a_layer_stand_apart_and_come_after_what_they_need() {
        let one = |id: &'static str, parents: &[&'static str]| Drawn {
            id,
            name: id.to_owned(),
            kind: "model",
            parents: parents.to_vec(),
        };
        let drawn = [
            one("a", &[]),
            one("b", &["a"]),
            one("c", &["a"]),
            one("d", &["a", "b", "c"]),
        ];
        let layers = layers(&drawn);
        assert_eq!(["a", "b", "c", "d"].map(|id| layers[id]), [0, 1, 1, 2]);
        let drawing = drawing(&drawn);
        let boxes = drawing["boxes"].as_array().unwrap();
        assert_eq!(boxes[1]["x"], boxes[2]["x"]);
        assert_ne!(boxes[1]["y"], boxes[2]["y"]);
        assert_eq!(drawing["lines"].as_array().unwrap().len(), 5);
    }
}
