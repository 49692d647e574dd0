-- PostgreSQL's catalog as clients ask it for schemas, tables and columns: the user's own objects, and no other.
-- {database} is replaced by the name of the database. Numbers of types are those that results have on the wire.

CREATE OR REPLACE VIEW main.pg_namespace AS
SELECT CAST(oid AS INTEGER) AS oid, schema_name AS nspname, 100 AS nspowner, CAST(NULL AS VARCHAR[]) AS nspacl
FROM duckdb_schemas() WHERE NOT internal AND schema_name <> 'main' AND database_name = '{database}';

CREATE OR REPLACE VIEW main.pg_class AS
SELECT CAST(t.table_oid AS INTEGER) AS oid, t.table_name AS relname, CAST(t.schema_oid AS INTEGER) AS relnamespace, 'r' AS relkind,
       t.column_count AS relnatts, CAST(t.estimated_size AS REAL) AS reltuples,
       CASE json_extract_string(t.comment, '$.dist_style') WHEN 'EVEN' THEN 0 WHEN 'KEY' THEN 1 WHEN 'ALL' THEN 8 ELSE 9 END AS reldiststyle,
       100 AS relowner, CAST(NULL AS VARCHAR[]) AS relacl, CAST(NULL AS VARCHAR) AS definition, t.database_name, t.schema_name, t.comment
FROM duckdb_tables() t WHERE NOT t.internal AND t.schema_name <> 'main' AND t.database_name = '{database}'
UNION ALL
SELECT CAST(v.view_oid AS INTEGER), v.view_name, CAST(v.schema_oid AS INTEGER), 'v', v.column_count, 0, 0, 100, NULL, v.sql,
       v.database_name, v.schema_name, NULL
FROM duckdb_views() v WHERE NOT v.internal AND v.schema_name <> 'main' AND v.database_name = '{database}';

CREATE OR REPLACE VIEW main.pg_type AS
SELECT oid, typname, definition, 11 AS typnamespace, typlen, 'b' AS typtype, 0 AS typelem, 0 AS typrelid, 0 AS typbasetype,
       false AS typnotnull, -1 AS typtypmod
FROM (VALUES (16, 'bool', 'boolean', 1), (20, 'int8', 'bigint', 8), (21, 'int2', 'smallint', 2), (23, 'int4', 'integer', 4),
             (700, 'float4', 'real', 4), (701, 'float8', 'double precision', 8), (1042, 'bpchar', 'character', -1),
             (1043, 'varchar', 'character varying', -1), (1082, 'date', 'date', 4), (1083, 'time', 'time without time zone', 8),
             (1114, 'timestamp', 'timestamp without time zone', 8), (1184, 'timestamptz', 'timestamp with time zone', 8),
             (1186, 'interval', 'interval', 16), (1266, 'timetz', 'time with time zone', 12), (1700, 'numeric', 'numeric', -1),
             (4000, 'super', 'super', -1), (6551, 'varbyte', 'binary varying', -1)) AS types(oid, typname, definition, typlen);

-- A type's modifier is its length, or its precision and scale, and 4.
CREATE OR REPLACE VIEW main.pg_attribute AS
SELECT r.oid AS attrelid, c.column_name AS attname, coalesce(y.oid, 1043) AS atttypid, coalesce(y.typlen, -1) AS attlen,
       CAST(c.ordinal_position AS SMALLINT) AS attnum, 0 AS attndims,
       CAST(CASE WHEN c.definition LIKE 'numeric%'
                 THEN CAST(regexp_extract(c.definition, '\((\d+)', 1) AS INTEGER) * 65536
                      + CAST(regexp_extract(c.definition, ',(\d+)', 1) AS INTEGER) + 4
                 WHEN c.definition LIKE '%(%' THEN CAST(regexp_extract(c.definition, '\d+') AS INTEGER) + 4
                 ELSE -1 END AS INTEGER) AS atttypmod,
       NOT c.is_nullable AS attnotnull, c.column_default IS NOT NULL AS atthasdef, false AS attisdropped, 0 AS attencodingtype,
       coalesce(json_extract_string(r.comment, '$.dist_key') = c.column_name, false) AS attisdistkey,
       CAST(coalesce(list_position(CAST(json_extract(r.comment, '$.sort_keys') AS VARCHAR[]), c.column_name), 0) AS INTEGER) AS attsortkeyord
FROM main.rs_columns c
JOIN main.pg_class r ON r.schema_name = c.table_schema AND r.relname = c.table_name
LEFT JOIN main.pg_type y ON y.definition = regexp_replace(c.definition, '\(.*', '');

CREATE OR REPLACE VIEW main.pg_attrdef AS
SELECT r.oid AS adrelid, CAST(c.ordinal_position AS SMALLINT) AS adnum, c.column_default AS adbin, c.column_default AS adsrc
FROM main.rs_columns c JOIN main.pg_class r ON r.schema_name = c.table_schema AND r.relname = c.table_name
WHERE c.column_default IS NOT NULL;

CREATE OR REPLACE VIEW main.pg_tables AS
SELECT schema_name AS schemaname, relname AS tablename, 'cardlake' AS tableowner, CAST(NULL AS VARCHAR) AS tablespace,
       false AS hasindexes, false AS hasrules, false AS hastriggers
FROM main.pg_class WHERE relkind = 'r';
CREATE OR REPLACE VIEW main.pg_views AS
SELECT schema_name AS schemaname, relname AS viewname, 'cardlake' AS viewowner, definition
FROM main.pg_class WHERE relkind = 'v';
CREATE OR REPLACE VIEW main.pg_database AS
SELECT 1 AS oid, '{database}' AS datname, 100 AS datdba, 6 AS encoding, false AS datistemplate, true AS datallowconn;

-- What there is none of.
CREATE OR REPLACE VIEW main.pg_description AS
SELECT 0 AS objoid, 0 AS classoid, 0 AS objsubid, '' AS description WHERE false;
CREATE OR REPLACE VIEW main.pg_constraint AS
SELECT 0 AS oid, '' AS conname, 0 AS connamespace, '' AS contype, 0 AS conrelid, 0 AS confrelid, CAST([0] AS SMALLINT[]) AS conkey,
       CAST([0] AS SMALLINT[]) AS confkey WHERE false;
CREATE OR REPLACE VIEW main.pg_rewrite AS
SELECT 0 AS oid, '' AS rulename, 0 AS ev_class, 0 AS ev_attr, '' AS ev_type, false AS is_instead WHERE false;
CREATE OR REPLACE VIEW main.pg_depend AS
SELECT 0 AS classid, 0 AS objid, 0 AS objsubid, 0 AS refclassid, 0 AS refobjid, 0 AS refobjsubid, '' AS deptype WHERE false;
CREATE OR REPLACE VIEW main.pg_index AS
SELECT 0 AS indexrelid, 0 AS indrelid, 0 AS indnatts, false AS indisunique, false AS indisprimary, '' AS indkey WHERE false;
CREATE OR REPLACE VIEW main.svv_external_schemas AS
SELECT 0 AS esoid, 0 AS eskind, '' AS schemaname, 100 AS esowner, '' AS databasename, '' AS esoptions WHERE false;
CREATE OR REPLACE VIEW main.svv_external_tables AS
SELECT '' AS schemaname, '' AS tablename, '' AS tabletype, '' AS location, '' AS input_format, '' AS output_format, '' AS parameters
WHERE false;
CREATE OR REPLACE VIEW main.svv_external_columns AS
SELECT '' AS schemaname, '' AS tablename, '' AS columnname, '' AS external_type, 0 AS columnnum, 0 AS part_key, '' AS is_nullable
WHERE false;
-- Every view knows its columns, also one that was made WITH NO SCHEMA BINDING.
CREATE OR REPLACE VIEW main.rs_late_binding_view_cols AS
SELECT '' AS view_schema, '' AS view_name, '' AS col_name, '' AS col_type, 0 AS col_num WHERE false;

CREATE OR REPLACE MACRO main.rs_format_type(number, modifier) AS (
    SELECT CASE WHEN modifier < 4 THEN any_value(y.definition)
                WHEN number = 1700
                THEN concat('numeric(', (modifier - 4) // 65536, ',', (modifier - 4) % 65536, ')')
                WHEN y.typlen = -1 THEN concat(any_value(y.definition), '(', modifier - 4, ')')
                ELSE any_value(y.definition) END
    FROM main.pg_type y WHERE y.oid = number GROUP BY y.typlen);
CREATE OR REPLACE MACRO main.rs_view_definition(number) AS (SELECT any_value(c.definition) FROM main.pg_class c WHERE c.oid = number);
-- A cast to REGCLASS. Of tables with one name, that in PUBLIC is meant.
CREATE OR REPLACE MACRO main.rs_class_number(text) AS coalesce(
    (SELECT min_by(c.oid, c.schema_name <> 'public') FROM main.pg_class c
     WHERE replace(text, '"', '') IN (c.relname, concat(c.schema_name, '.', c.relname))),
    rs_fail(concat('relation "', replace(text, '"', ''), '" does not exist')));
