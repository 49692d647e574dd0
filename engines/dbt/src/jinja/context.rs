//! dbt's context: ref, source, config, var, env_var, this, target and so on.

use super::library::DISPATCHED;
use super::objects::StartedAt;
use super::scope::{Captured, Invocation, Scope};
use crate::project::settings::merge;
use crate::sql::identifier;
use chrono::{NaiveTime, TimeZone, Utc};
use minijinja::value::{Object, Rest, Serde, Value, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State};
use minijinja_contrib::pycompat::unknown_method_callback;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The dbt version that the engine follows, as reported to templates and artifacts.
pub(crate) const DBT_VERSION: &str = "1.10.23";

type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, problem.into())
}

/// Call arguments, keyword arguments last.
fn arguments(rest: Rest<ValueOrKwargs>) -> Vec<Value> {
    rest.0.into_iter().map(ValueOrKwargs::into_value).collect()
}

/// Positional arguments and keyword arguments.
fn split(args: &[Value]) -> (&[Value], Option<&Value>) {
    match args.split_last() {
        Some((last, rest)) if last.is_kwargs() => (rest, Some(last)),
        _ => (args, None),
    }
}

/// A JSON value as a template value.
fn from_json(value: Json) -> Value {
    Value::from(Serde(value))
}

fn json(value: &Value) -> Result<Json, Error> {
    serde_json::to_value(value).map_err(|error| wrong(error.to_string()))
}

/// Installs dbt's globals and functions.
pub(super) fn install(
    environment: &mut Environment<'_>,
    invocation: &Invocation,
    macros: &[String],
    scope: &Scope,
    captured: &Shared<Captured>,
) {
    install_macros(environment, invocation, macros);
    install_graph(environment, scope, captured);
    install_functions(environment, invocation);
    environment.add_global(
        "config",
        Value::from_object(Config {
            known: scope.config.clone(),
            captured: Arc::clone(captured),
        }),
    );
    if let Some(this) = &scope.this {
        environment.add_global("this", Value::from_object(this.clone()));
    }
    let incremental = scope.incremental && scope.execute;
    environment.add_function("is_incremental", move || incremental);
    environment.add_global("execute", scope.execute);
    environment.add_global("model", from_json(serde_json::json!({"name": scope.name})));
    environment.add_global(
        "target",
        from_json(serde_json::json!({
            "name": "prod", "profile_name": invocation.project, "type": "redshift", "threads": 8,
            "database": invocation.database, "dbname": invocation.database, "schema": invocation.schema,
        })),
    );
    let midnight = Utc.from_utc_datetime(&invocation.batch_date.and_time(NaiveTime::MIN));
    environment.add_global("run_started_at", Value::from_object(StartedAt(midnight)));
    environment.add_global("invocation_id", invocation.invocation_id.clone());
    environment.add_global("project_name", invocation.project.clone());
    environment.add_global("database", invocation.database.clone());
    environment.add_global("schema", invocation.schema.clone());
    environment.add_global("dbt_version", DBT_VERSION);
    environment.add_global(
        "flags",
        from_json(serde_json::json!({"FULL_REFRESH": invocation.full_refresh})),
    );
    environment.add_global("exceptions", Value::from_object(Exceptions));
    environment.set_unknown_method_callback(unknown_method_callback);
}

/// A macro, callable from every template and macro.
#[derive(Debug)]
struct ProjectMacro {
    name: String,
    defined: Shared<HashMap<String, Value>>,
    returned: Shared<Option<Value>>,
}

impl Object for ProjectMacro {
    fn call(self: &Arc<Self>, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let defined = lock(&self.defined).get(&self.name).cloned();
        let defined = defined.ok_or_else(|| wrong(format!("macro {} is not defined yet", self.name)))?;
        defined
            .call(state, args)
            .or_else(|error| lock(&self.returned).take().ok_or(error))
    }
}

fn install_macros(environment: &mut Environment<'_>, invocation: &Invocation, names: &[String]) {
    let defined: Shared<HashMap<String, Value>> = Shared::default();
    let returned: Shared<Option<Value>> = Shared::default();
    let callable = |name: &String| {
        Value::from_object(ProjectMacro {
            name: name.clone(),
            defined: Arc::clone(&defined),
            returned: Arc::clone(&returned),
        })
    };
    for name in names {
        environment.add_global(name.clone(), callable(name));
    }
    let all = || Value::from_pairs(names.iter().map(|name| (name.clone(), callable(name))));
    environment.add_global(invocation.project.clone(), all());
    environment.add_global("dbt", all());
    let macros = names.iter().map(|name| (name.clone(), callable(name))).collect();
    environment.add_global("adapter", Value::from_object(Adapter { macros }));
    let hand_over = Arc::clone(&defined);
    environment.add_function("__macros", move |macros: Value| -> Result<String, Error> {
        let mut defined = lock(&hand_over);
        for name in macros.try_iter()? {
            defined.insert(name.to_string(), macros.get_item(&name)?);
        }
        Ok(String::new())
    });
    environment.add_function("return", move |value: Value| -> Result<Value, Error> {
        *lock(&returned) = Some(value);
        Err(wrong("return() ends a macro; here is none"))
    });
}

/// `adapter`: dispatch, type and quote; methods that query the warehouse are not supported.
#[derive(Debug)]
struct Adapter {
    macros: HashMap<String, Value>,
}

impl Object for Adapter {
    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let (positional, _) = split(args);
        let name = positional.first().and_then(Value::as_str).unwrap_or_default();
        match method {
            "dispatch" => {
                let starts = DISPATCHED.iter().map(|start| format!("{start}{name}"));
                let found = starts
                    .chain([name.to_owned()])
                    .find_map(|name| self.macros.get(&name).cloned());
                found.ok_or_else(|| {
                    wrong(format!(
                        "adapter.dispatch('{name}'): there is no macro redshift__{name} or default__{name}"
                    ))
                })
            }
            "type" => Ok(Value::from("redshift")),
            "quote" => Ok(Value::from(identifier(name))),
            _ => Err(wrong(format!(
                "adapter.{method} is not supported: a template cannot ask the warehouse"
            ))),
        }
    }
}

fn install_graph(environment: &mut Environment<'_>, scope: &Scope, captured: &Shared<Captured>) {
    let (relations, recorded) = (Arc::clone(&scope.relations), Arc::clone(captured));
    environment.add_function("ref", move |rest: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        let args = arguments(rest);
        let (names, _) = split(&args);
        let name = names.last().and_then(Value::as_str).unwrap_or_default().to_owned();
        let relation = relations.models.get(&name);
        let relation = relation.ok_or_else(|| wrong(format!("ref('{name}'): there is no such model")))?;
        let mut captured = lock(&recorded);
        if !captured.refs.contains(&name) {
            captured.refs.push(name);
        }
        Ok(Value::from_object(relation.clone()))
    });
    let (relations, recorded) = (Arc::clone(&scope.relations), Arc::clone(captured));
    environment.add_function("source", move |source: String, table: String| -> Result<Value, Error> {
        let key = (source, table);
        let relation = relations.sources.get(&key);
        let relation =
            relation.ok_or_else(|| wrong(format!("source('{}', '{}'): no properties file has it", key.0, key.1)))?;
        let mut captured = lock(&recorded);
        if !captured.sources.contains(&key) {
            captured.sources.push(key);
        }
        Ok(Value::from_object(relation.clone()))
    });
}

fn install_functions(environment: &mut Environment<'_>, invocation: &Invocation) {
    let vars = invocation.vars.clone();
    environment.add_function("var", move |rest: Rest<ValueOrKwargs>| -> Result<Value, Error> {
        let args = arguments(rest);
        let (positional, keywords) = split(&args);
        let name = positional.first().and_then(Value::as_str).unwrap_or_default();
        let by_name = keywords.map(|keywords| keywords.get_attr("default")).transpose()?;
        match (vars.get(name), positional.get(1).cloned().or(by_name)) {
            // dbt gives the default also for a variable that is set to null.
            (Some(Json::Null) | None, Some(default)) => Ok(default),
            (Some(value), _) => Ok(from_json(value.clone())),
            (None, None) => Err(wrong(format!(
                "var('{name}') is set nowhere: add it to vars in dbt_project.yml, or give a default"
            ))),
        }
    });
    environment.add_function(
        "env_var",
        |name: String, default: Option<String>| -> Result<String, Error> {
            if name.starts_with("DBT_ENV_SECRET") {
                return Err(wrong(format!("env_var('{name}'): secrets must not get into SQL")));
            }
            let value = std::env::var(&name).ok().or(default);
            value.ok_or_else(|| wrong(format!("env_var('{name}') is not set, and there is no default")))
        },
    );
    let log = |message: Value, _: Rest<ValueOrKwargs>| {
        tracing::debug!(message = %message, "a template says");
        ""
    };
    environment.add_function("log", log);
    environment.add_function("print", log);
    for missing in ["run_query", "statement", "load_result"] {
        environment.add_function(missing, move |_: Rest<ValueOrKwargs>| -> Result<Value, Error> {
            Err(wrong(format!(
                "{missing} is not supported: a template cannot ask the warehouse"
            )))
        });
    }
    environment.add_function("tojson", |value: Value| -> Result<String, Error> {
        Ok(json(&value)?.to_string())
    });
    environment.add_function("fromjson", |text: String| -> Result<Value, Error> {
        let value: Json = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        Ok(from_json(value))
    });
}

/// `config(…)`, `config.get(…)`, `config.require(…)`.
#[derive(Debug)]
struct Config {
    known: Map<String, Json>,
    captured: Shared<Captured>,
}

impl Config {
    fn find(&self, name: &str) -> Option<Json> {
        let own = lock(&self.captured).config.get(name).cloned();
        own.or_else(|| self.known.get(name).cloned())
    }
}

impl Object for Config {
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let mut captured = lock(&self.captured);
        for settings in args {
            if let Json::Object(settings) = json(settings)? {
                merge(&mut captured.config, &settings);
            } else {
                return Err(wrong("config() takes settings by name: config(materialized='table')"));
            }
        }
        Ok(Value::from(""))
    }

    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let (positional, keywords) = split(args);
        let name = positional.first().and_then(Value::as_str).unwrap_or_default();
        match method {
            "get" => Ok(match self.find(name) {
                Some(value) => from_json(value),
                None => match (positional.get(1), keywords) {
                    (Some(default), _) => default.clone(),
                    (None, Some(keywords)) => keywords.get_attr("default")?,
                    (None, None) => Value::from(()),
                },
            }),
            "require" => self
                .find(name)
                .map(from_json)
                .ok_or_else(|| wrong(format!("config '{name}' is required here, and not set"))),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// `exceptions.raise_compiler_error(…)`, `exceptions.warn(…)`.
#[derive(Debug)]
struct Exceptions;

impl Object for Exceptions {
    fn call_method(self: &Arc<Self>, _: &mut State<'_, '_>, method: &str, args: &[Value]) -> Result<Value, Error> {
        let message = args.first().map(ToString::to_string).unwrap_or_default();
        match method {
            "raise_compiler_error" => Err(wrong(message)),
            "warn" => {
                tracing::warn!(message, "a template warns");
                Ok(Value::from(""))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}
