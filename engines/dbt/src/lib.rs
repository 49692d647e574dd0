//! dbt projects: parsing, Jinja, manifest, selection, materialisations, artifacts, docs.
