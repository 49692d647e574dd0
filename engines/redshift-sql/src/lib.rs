//! Redshift SQL to DuckDB SQL, text to text.
