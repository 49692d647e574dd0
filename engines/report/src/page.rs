//! The page: panels, tiles and the caller's facts in one HTML document.

use crate::definition::Dashboard;
use crate::explore::{self, Live};
use crate::facts::{Body, Facts, Section, TextTable, Tile};
use crate::panel::{self, Drawing, Drawn, View};
use crate::query::{Answer, value_query};
use crate::table::Value;
use crate::template;
use cardlake_pages::{Page, PageError, content_security_policy};
use chrono::NaiveDate;
use minijinja::context;
use minijinja::value::{Serde, Value as Variable};
use std::collections::BTreeMap;

const TEMPLATE: &str = include_str!("page.html.j2");
const STYLE: &str = include_str!("page.css");

/// Why there is no page: an internal bug, or a chart of the facts that no scale holds. Panels are no reason.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A chart of the facts.
    #[error(transparent)]
    Chart(#[from] crate::charts::ChartError),
    /// The page's own template.
    #[error(transparent)]
    Template(#[from] PageError),
}

/// A part of the dashboard that failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part} ({file}): {problem}")]
pub struct Failure {
    /// `panel sales`, `value currency`.
    pub part: String,
    /// The file that defines it.
    pub file: String,
    /// The warehouse's error, or what does not fit the result.
    pub problem: String,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// HTML.
    pub html: String,
    /// Its content security policy; the document has it too, but a header also covers what a document cannot say.
    pub policy: String,
}

/// The drawn panels of a page.
#[derive(Debug)]
pub struct Panels {
    title: String,
    note: String,
    batch_date: NaiveDate,
    explore: Option<explore::View>,
    is_live: bool,
    views: Vec<View>,
    tiles: Vec<Tile>,
    failures: Vec<Failure>,
}

impl Dashboard {
    /// Draws the panels from the answers to their queries. A panel without an answer is left out, and so is one whose
    /// result has no rows; a panel that fails shows its error. `live`: what the server of the page can do, if it has one.
    #[must_use]
    pub fn draw(&self, batch_date: NaiveDate, answers: &[Answer], live: Option<&Live>) -> Panels {
        let answers: BTreeMap<&str, &Answer> = answers.iter().map(|answer| (&*answer.name, answer)).collect();
        let mut failures = Vec::new();
        let values = self.values(batch_date, &answers, &mut failures);
        let failure = |part: String, file: &str, problem: String| Failure {
            part,
            file: file.to_owned(),
            problem,
        };
        let note = template::texts().render_str(&self.page.note, values.clone());
        let note = note.unwrap_or_else(|error| {
            let problem = format!("note: {}", template::explain(&error));
            failures.push(failure("page".to_owned(), &self.page_file, problem));
            String::new()
        });
        let explore = self.explore(&answers, &values, live, &mut failures);
        let (mut views, mut tiles) = (Vec::new(), Vec::new());
        for panel in &self.panels {
            let Some(answer) = answers.get(&*panel.id) else {
                continue;
            };
            let drawn = match &answer.result {
                Ok(table) if table.rows.is_empty() => continue,
                Ok(table) => panel::draw(&panel.definition, table, &values).map_err(|error| error.to_string()),
                Err(problem) => Err(problem.trim().to_owned()),
            };
            let drawn = drawn.unwrap_or_else(|problem| {
                failures.push(failure(format!("panel {}", panel.id), &panel.file, problem.clone()));
                Drawn {
                    view: View {
                        title: panel.definition.title.clone(),
                        error: Some(problem),
                        ..View::default()
                    },
                    tiles: Vec::new(),
                }
            });
            tiles.extend(drawn.tiles);
            views.push(View {
                id: panel.id.clone(),
                query: answer.sql.clone(),
                in_menu: true,
                ..drawn.view
            });
        }
        Panels {
            title: self.page.title.clone(),
            note: note.trim().to_owned(),
            batch_date,
            is_live: live.is_some() && explore.is_some(),
            explore,
            views,
            tiles,
            failures,
        }
    }

    /// The explorer, if its query was run and found something.
    fn explore(
        &self,
        answers: &BTreeMap<&str, &Answer>,
        values: &Variable,
        live: Option<&Live>,
        failures: &mut Vec<Failure>,
    ) -> Option<explore::View> {
        let explore = self.explore.as_ref()?;
        let answer = answers.get(&*explore.id)?;
        let view = match &answer.result {
            Ok(table) if table.rows.is_empty() => return None,
            Ok(table) => explore::view(&explore.definition, table, values, live).map_err(|error| error.to_string()),
            Err(problem) => Err(problem.trim().to_owned()),
        };
        let view = view.unwrap_or_else(|problem| {
            failures.push(Failure {
                part: format!("explorer {}", explore.id),
                file: explore.file.clone(),
                problem: problem.clone(),
            });
            explore::View {
                title: explore.definition.title.clone(),
                error: Some(problem),
                ..explore::View::default()
            }
        });
        Some(explore::View {
            id: explore.id.clone(),
            query: answer.sql.clone(),
            ..view
        })
    }

    /// The variables of all texts.
    fn values(
        &self,
        batch_date: NaiveDate,
        answers: &BTreeMap<&str, &Answer>,
        failures: &mut Vec<Failure>,
    ) -> Variable {
        let values = self.page.values.iter().map(|(name, value)| {
            let texts = match answers.get(&*value_query(name)).map(|answer| &answer.result) {
                Some(Ok(table)) => table
                    .rows
                    .iter()
                    .filter_map(|row| row.first().map(Value::display))
                    .collect(),
                Some(Err(problem)) => {
                    failures.push(Failure {
                        part: format!("value {name}"),
                        file: self.page_file.clone(),
                        problem: problem.trim().to_owned(),
                    });
                    Vec::new()
                }
                None => Vec::new(),
            };
            let text = if texts.is_empty() {
                value.otherwise.clone()
            } else {
                texts.join(&value.separator)
            };
            (name.clone(), Variable::from(text))
        });
        let batch_date = Variable::from(batch_date.to_string());
        Variable::from_pairs(values.chain([(template::BATCH_DATE.to_owned(), batch_date)]))
    }
}

impl Panels {
    /// The panels and values that failed.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// The page.
    ///
    /// # Errors
    /// See [`RenderError`].
    pub fn page(self, facts: Facts) -> Result<Document, RenderError> {
        let mut views = self.views;
        for section in facts.sections {
            views.push(view(section)?);
        }
        let tiles: Vec<Tile> = self.tiles.into_iter().chain(facts.tiles).collect();
        let failures = self.failures.iter().map(ToString::to_string);
        let warnings: Vec<String> = facts.warnings.into_iter().chain(failures).collect();
        let script = self.explore.as_ref().filter(|view| view.error.is_none());
        let script = script.map_or("", |view| view.script);
        let policy = content_security_policy(&[script], self.is_live);
        let context = context! {
            policy => policy.clone(),
            explore => Serde(self.explore),
            title => self.title,
            note => self.note,
            batch_date => self.batch_date.to_string(),
            tiles => Serde(tiles),
            panels => Serde(views),
            warnings => warnings,
            page_style => STYLE,
            style => facts.style,
            footer => facts.footer,
        };
        let page = Page {
            template: TEMPLATE,
            script,
        };
        let html = page.html(context)?;
        Ok(Document { html, policy })
    }
}

/// A section of the caller's as a panel.
fn view(section: Section) -> Result<View, RenderError> {
    let view = View {
        id: section.id,
        title: section.title,
        note: section.note,
        in_menu: section.in_menu,
        ..View::default()
    };
    let with_table = |view: View, table: TextTable| View {
        columns: table.columns,
        rows: table.rows,
        ..view
    };
    Ok(match section.body {
        Body::Table(table) => with_table(view, table),
        Body::Chart {
            chart,
            alternative,
            table,
        } => View {
            alternative,
            ..with_table(view, table).with_chart(&chart)?
        },
        Body::Drawing { svg, label, class } => View {
            drawing: Some(Drawing { svg, label, class }),
            ..view
        },
    })
}
