-- What Redshift's catalog views say, from DuckDB's catalog and the comments that table definitions leave there.
-- {database} is replaced by the name of the database.

CREATE SCHEMA IF NOT EXISTS public;

CREATE TABLE IF NOT EXISTS main.rs_load_errors (
    query_id BIGINT, table_id INTEGER, start_time TIMESTAMP, table_name VARCHAR, file_name VARCHAR, line_number BIGINT,
    column_name VARCHAR, column_type VARCHAR, column_length VARCHAR, error_code INTEGER, error_message VARCHAR
);

CREATE TABLE IF NOT EXISTS main.rs_users (usename VARCHAR, usesysid INTEGER);
CREATE TABLE IF NOT EXISTS main.rs_groups (groname VARCHAR, grosysid INTEGER);
CREATE TABLE IF NOT EXISTS main.rs_group_members (groname VARCHAR, usename VARCHAR);

CREATE OR REPLACE VIEW main.rs_columns AS
SELECT '{database}' AS table_catalog,
       CASE WHEN database_name = 'temp' THEN 'pg_temp_1' ELSE schema_name END AS table_schema,
       table_name, column_name,
       row_number() OVER (PARTITION BY database_name, schema_name, table_name ORDER BY column_index) AS ordinal_position,
       column_default, is_nullable,
       coalesce(json_extract_string(comment, '$.type'), CASE
           WHEN data_type = 'VARCHAR' THEN 'character varying(65535)'
           WHEN data_type = 'BOOLEAN' THEN 'boolean'
           WHEN data_type IN ('TINYINT', 'SMALLINT') THEN 'smallint'
           WHEN data_type = 'INTEGER' THEN 'integer'
           WHEN data_type IN ('BIGINT', 'HUGEINT', 'UBIGINT', 'UHUGEINT') THEN 'bigint'
           WHEN data_type = 'FLOAT' THEN 'real'
           WHEN data_type = 'DOUBLE' THEN 'double precision'
           WHEN data_type = 'DATE' THEN 'date'
           WHEN data_type = 'TIME' THEN 'time without time zone'
           WHEN data_type = 'TIMESTAMP' THEN 'timestamp without time zone'
           WHEN data_type = 'TIMESTAMP WITH TIME ZONE' THEN 'timestamp with time zone'
           WHEN data_type = 'JSON' THEN 'super'
           WHEN data_type = 'BLOB' THEN 'binary varying(65535)'
           WHEN data_type LIKE 'DECIMAL(%' THEN replace('numeric' || substring(data_type, 8), ', ', ',')
           ELSE lower(data_type) END) AS definition,
       coalesce(json_extract_string(comment, '$.encode'), 'none') AS encoding
FROM duckdb_columns()
WHERE NOT internal AND NOT (schema_name = 'main' AND database_name <> 'temp') AND NOT starts_with(table_name, 'rs_cursor_');

CREATE OR REPLACE VIEW main.rs_information_schema_columns AS
SELECT table_catalog, table_schema, table_name, column_name, CAST(ordinal_position AS INTEGER) AS ordinal_position,
       column_default, CASE WHEN is_nullable THEN 'YES' ELSE 'NO' END AS is_nullable,
       regexp_replace(definition, '\(.*', '') AS data_type,
       CASE WHEN definition LIKE 'character%' THEN CAST(regexp_extract(definition, '\d+') AS INTEGER) END AS character_maximum_length,
       CASE WHEN definition LIKE 'numeric%' THEN CAST(regexp_extract(definition, '\((\d+)', 1) AS INTEGER)
            WHEN definition = 'smallint' THEN 16 WHEN definition = 'integer' THEN 32 WHEN definition = 'bigint' THEN 64
            WHEN definition = 'real' THEN 24 WHEN definition = 'double precision' THEN 53 END AS numeric_precision,
       CASE WHEN definition LIKE 'numeric%' THEN CAST(regexp_extract(definition, ',(\d+)', 1) AS INTEGER)
            WHEN definition IN ('smallint', 'integer', 'bigint') THEN 0 END AS numeric_scale
FROM main.rs_columns;

CREATE OR REPLACE VIEW main.rs_information_schema_tables AS
SELECT '{database}' AS table_catalog, CASE WHEN database_name = 'temp' THEN 'pg_temp_1' ELSE schema_name END AS table_schema,
       table_name, CASE WHEN database_name = 'temp' THEN 'LOCAL TEMPORARY' ELSE 'BASE TABLE' END AS table_type
FROM duckdb_tables()
WHERE NOT internal AND NOT (schema_name = 'main' AND database_name <> 'temp') AND NOT starts_with(table_name, 'rs_cursor_')
UNION ALL
SELECT '{database}', schema_name, view_name, 'VIEW' FROM duckdb_views() WHERE NOT internal AND schema_name <> 'main';

CREATE OR REPLACE VIEW main.svv_columns AS SELECT *, CAST(NULL AS VARCHAR) AS remarks FROM main.rs_information_schema_columns;
CREATE OR REPLACE VIEW main.svv_redshift_columns AS
SELECT table_catalog AS database_name, table_schema AS schema_name, table_name, column_name, ordinal_position,
       definition AS data_type, column_default, CASE WHEN is_nullable THEN 'YES' ELSE 'NO' END AS is_nullable, encoding
FROM main.rs_columns;
CREATE OR REPLACE VIEW main.svv_tables AS SELECT *, CAST(NULL AS VARCHAR) AS remarks FROM main.rs_information_schema_tables;
CREATE OR REPLACE VIEW main.svv_redshift_tables AS
SELECT table_catalog AS database_name, table_schema AS schema_name, table_name,
       CASE table_type WHEN 'VIEW' THEN 'VIEW' ELSE 'TABLE' END AS table_type
FROM main.rs_information_schema_tables;
CREATE OR REPLACE VIEW main.svv_all_columns AS SELECT * EXCLUDE (encoding) FROM main.svv_redshift_columns;
CREATE OR REPLACE VIEW main.svv_all_tables AS SELECT * FROM main.svv_redshift_tables;
CREATE OR REPLACE VIEW main.svv_redshift_schemas AS
SELECT '{database}' AS database_name, schema_name, 'local' AS schema_type
FROM duckdb_schemas() WHERE NOT internal AND schema_name <> 'main';
CREATE OR REPLACE VIEW main.svv_all_schemas AS SELECT * FROM main.svv_redshift_schemas;

CREATE OR REPLACE VIEW main.svv_table_info AS
SELECT '{database}' AS "database", t.schema_name AS "schema", CAST(t.table_oid AS INTEGER) AS table_id, t.table_name AS "table",
       CASE WHEN t.comment IS NULL THEN 'N'
            WHEN EXISTS (SELECT 1 FROM main.rs_columns c WHERE c.table_schema = t.schema_name AND c.table_name = t.table_name
                         AND c.encoding <> 'none') THEN 'Y' ELSE 'N' END AS encoded,
       CASE json_extract_string(t.comment, '$.dist_style')
            WHEN 'KEY' THEN concat('KEY(', json_extract_string(t.comment, '$.dist_key'), ')')
            WHEN 'ALL' THEN 'ALL' WHEN 'EVEN' THEN 'EVEN' ELSE 'AUTO(ALL)' END AS diststyle,
       coalesce(json_extract_string(t.comment, '$.sort_keys[0]'), 'AUTO(SORTKEY)') AS sortkey1,
       (SELECT max(CAST(regexp_extract(c.definition, '\d+') AS INTEGER)) FROM main.rs_columns c
        WHERE c.table_schema = t.schema_name AND c.table_name = t.table_name AND c.definition LIKE 'character varying%') AS max_varchar,
       (SELECT any_value(c.encoding) FROM main.rs_columns c WHERE c.table_schema = t.schema_name AND c.table_name = t.table_name
        AND c.column_name = json_extract_string(t.comment, '$.sort_keys[0]')) AS sortkey1_enc,
       CAST(coalesce(json_array_length(t.comment, '$.sort_keys'), 0) AS INTEGER) AS sortkey_num,
       -- Nothing is known of blocks and slices.
       CAST(NULL AS BIGINT) AS size, CAST(NULL AS DECIMAL(10, 4)) AS pct_used, 0 AS empty, CAST(NULL AS DECIMAL(5, 2)) AS unsorted,
       CAST(0 AS DECIMAL(5, 2)) AS stats_off, CAST(t.estimated_size AS DECIMAL(38, 0)) AS tbl_rows,
       CAST(NULL AS DECIMAL(19, 2)) AS skew_sortkey1, CAST(NULL AS DECIMAL(19, 2)) AS skew_rows,
       CAST(t.estimated_size AS DECIMAL(38, 0)) AS estimated_visible_rows, CAST(NULL AS VARCHAR) AS risk_event,
       CAST(NULL AS DECIMAL(12, 2)) AS vacuum_sort_benefit, CAST(NULL AS TIMESTAMP) AS create_time
FROM duckdb_tables() t WHERE NOT t.internal AND t.schema_name <> 'main' AND t.database_name <> 'temp';

CREATE OR REPLACE VIEW main.pg_table_def AS
SELECT c.table_schema AS schemaname, c.table_name AS tablename, c.column_name AS "column", c.definition AS type, c.encoding,
       coalesce(json_extract_string(t.comment, '$.dist_key') = c.column_name, false) AS distkey,
       CAST(coalesce(list_position(CAST(json_extract(t.comment, '$.sort_keys') AS VARCHAR[]), c.column_name), 0) AS INTEGER) AS sortkey,
       NOT c.is_nullable AS "notnull"
FROM main.rs_columns c JOIN duckdb_tables() t ON t.schema_name = c.table_schema AND t.table_name = c.table_name;

CREATE OR REPLACE VIEW main.sys_load_error_detail AS SELECT * FROM main.rs_load_errors;
CREATE OR REPLACE VIEW main.stl_load_errors AS
SELECT query_id AS query, table_id AS tbl, start_time AS starttime, file_name AS filename, line_number, column_name AS colname,
       column_type AS type, column_length AS col_length, error_code AS err_code, error_message AS err_reason
FROM main.rs_load_errors;

-- The user of every connection (`USER` of functions.rs), and those that were made.
CREATE OR REPLACE VIEW main.pg_user AS
SELECT u.usename, u.usesysid, u.usesysid = 100 AS usecreatedb, u.usesysid = 100 AS usesuper, false AS usecatupd,
       '********' AS passwd, CAST(NULL AS TIMESTAMP) AS valuntil, CAST(NULL AS VARCHAR) AS useconfig
FROM (SELECT 'cardlake' AS usename, 100 AS usesysid UNION ALL SELECT usename, usesysid FROM main.rs_users) u;
CREATE OR REPLACE VIEW main.pg_group AS
SELECT g.groname, g.grosysid, (SELECT list(u.usesysid ORDER BY u.usesysid) FROM main.rs_group_members m
       JOIN main.pg_user u ON u.usename = m.usename WHERE m.groname = g.groname) AS grolist
FROM main.rs_groups g;

CREATE OR REPLACE VIEW main.sys_query_history AS
SELECT 100 AS user_id, query_id, query_text AS query_label, query_type, status, '{database}' AS database_name, query_text,
       start_time, end_time, elapsed_time, elapsed_time AS execution_time, returned_rows, error_message
FROM memory.main.rs_queries;
