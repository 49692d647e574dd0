-- Functions that Redshift has and DuckDB lacks, or whose meaning differs. The translator calls those that begin with
-- rs_; the others are called by their Redshift names.

-- Errors are casts that fail: DuckDB takes its function error() for a side effect, and an expression with one cannot be used
-- again by its alias in the same SELECT. The engine's errors are translated to what is behind the prefix.
CREATE OR REPLACE MACRO rs_fail(message) AS CAST(concat('rs: ', message) AS INTEGER);
CREATE OR REPLACE MACRO rs_fail_text(message) AS CAST(rs_fail(message) AS VARCHAR);
CREATE OR REPLACE MACRO rs_fail_like(message, prototype) AS cast_to_type(concat('rs: ', message), prototype);

-- NULL divided by zero is NULL.
CREATE OR REPLACE MACRO rs_divisor(a, b) AS
    CASE WHEN b = 0 AND a IS NOT NULL THEN rs_fail_like('Divide by zero', b) ELSE b END;
CREATE OR REPLACE MACRO rs_div(a, b) AS a / rs_divisor(a, b);
CREATE OR REPLACE MACRO rs_mod(a, b) AS a % rs_divisor(a, b);
CREATE OR REPLACE MACRO rs_avg_double(average, total, n) AS average;
CREATE OR REPLACE MACRO rs_avg_integer(average, total, n) AS CAST(total // n AS BIGINT);
-- Decimals are divided as whole numbers: a * left_unit and b * right_unit have no fraction, up and down give the quotient
-- its digits, unit is the value of its last digit and prototype has its type.
CREATE OR REPLACE MACRO rs_divide_decimal(left_unit, right_unit, up, down, unit, prototype, a, b) AS
    cast_to_type(CAST((CAST(a * left_unit AS HUGEINT) * up)
        // (CAST(rs_divisor(a, b) * right_unit AS HUGEINT) * down) AS DECIMAL(38, 0))
        * unit, prototype);
CREATE OR REPLACE MACRO rs_avg_decimal(left_unit, right_unit, up, down, unit, prototype, average, total, n) AS
    CASE WHEN n > 0 THEN cast_to_type(CAST((CAST(total * left_unit AS HUGEINT) * up)
        // (CAST(n AS HUGEINT) * right_unit * down) AS DECIMAL(38, 0)) * unit, prototype) END;

-- Text to numbers: DuckDB also reads fractions and exponents as integers, hexadecimal digits, and underscores between digits.
-- The engine's errors are translated to the first character behind the prefix that is no part of a number.
--
-- A macro copies its arguments as often as they stand in it, and calls are nested: each stands there as seldom as possible.
CREATE OR REPLACE MACRO rs_integer_text(x) AS regexp_replace(x, '(?s)^(.*[^0-9\s+-].*)$', 'rs# \1');
CREATE OR REPLACE MACRO rs_decimal_text(x) AS regexp_replace(x, '(?s)^(.*[^0-9.\s+-].*)$', 'rs# \1');
CREATE OR REPLACE MACRO rs_double_text(x) AS regexp_replace(x, '(?si)^(.*[^0-9.\se+nainfty-].*)$', 'rs# \1');
CREATE OR REPLACE MACRO rs_text_to_integer(x, prototype) AS cast_to_type(rs_integer_text(x), prototype);
CREATE OR REPLACE MACRO rs_text_to_decimal(x, prototype) AS cast_to_type(rs_decimal_text(x), prototype);
CREATE OR REPLACE MACRO rs_text_to_double(x, prototype) AS cast_to_type(rs_double_text(x), prototype);
-- JSON without the blanks between its tokens. The engine's own function would write numbers anew, by way of a double.
CREATE OR REPLACE MACRO rs_json_compact(x) AS regexp_replace(x, '("(?:[^"\\]|\\.)*")|\s+', '\1', 'g');
-- The text of a SUPER value: that of a string has no quotation marks.
CREATE OR REPLACE MACRO rs_json_text(x) AS
    CASE WHEN regexp_matches(x, '^\s*"') THEN json_extract_string(x, '$') ELSE nullif(rs_json_compact(x), 'null') END;
-- What SUPER holds is read from its text, where a number has all its digits; what does not fit is NULL.
CREATE OR REPLACE MACRO rs_super_number(x) AS
    nullif(regexp_extract(rs_json_text(x), '^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$'), '');
CREATE OR REPLACE MACRO rs_to_integer(x, prototype) AS
    CASE typeof(x) WHEN 'VARCHAR' THEN rs_text_to_integer(CAST(x AS VARCHAR), prototype)
         WHEN 'JSON' THEN cast_to_type(rs_super_number(CAST(x AS VARCHAR)), prototype)
         ELSE cast_to_type(x, prototype) END;
CREATE OR REPLACE MACRO rs_to_decimal(x, prototype) AS
    CASE typeof(x) WHEN 'VARCHAR' THEN rs_text_to_decimal(CAST(x AS VARCHAR), prototype)
         WHEN 'JSON' THEN cast_to_type(rs_super_number(CAST(x AS VARCHAR)), prototype)
         ELSE cast_to_type(x, prototype) END;
CREATE OR REPLACE MACRO rs_to_double(x, prototype) AS
    CASE typeof(x) WHEN 'VARCHAR' THEN rs_text_to_double(CAST(x AS VARCHAR), prototype)
         WHEN 'JSON' THEN cast_to_type(rs_super_number(CAST(x AS VARCHAR)), prototype)
         ELSE cast_to_type(x, prototype) END;

-- Floating-point numbers have 15 digits as text, and REAL has six.
CREATE OR REPLACE MACRO rs_float_text(x, format) AS replace(replace(printf(format, x), 'inf', 'Infinity'), 'nan', 'NaN');
-- The engine settles the case by the type, once for a statement.
CREATE OR REPLACE MACRO rs_super_text(x) AS
    CASE typeof(x) WHEN 'JSON' THEN rs_json_text(CAST(x AS VARCHAR))
         WHEN 'DOUBLE' THEN rs_float_text(TRY_CAST(x AS DOUBLE), '%.15g')
         WHEN 'FLOAT' THEN rs_float_text(TRY_CAST(x AS DOUBLE), '%.6g')
         ELSE CAST(x AS VARCHAR) END;
-- A cast to VARCHAR.
CREATE OR REPLACE MACRO rs_to_varchar(x) AS
    CASE WHEN typeof(x) = 'BOOLEAN' THEN rs_fail_text('cannot cast type boolean to character varying')
         ELSE rs_super_text(x) END;
-- A plain string that is compared with x: a string for SUPER, or whatever type x has.
CREATE OR REPLACE MACRO rs_literal_like(literal, x) AS
    cast_to_type(CASE WHEN typeof(x) = 'JSON' THEN CAST(to_json(literal) AS VARCHAR) ELSE literal END, x);
-- Text functions take numbers and dates too.
CREATE OR REPLACE MACRO rs_text(x) AS
    CASE WHEN typeof(x) = 'BLOB' THEN rs_fail_text('this function of VARBYTE is not supported by the local Redshift')
         ELSE rs_super_text(x) END;
-- A cast to VARCHAR(n) keeps at most n bytes and never half a character (which has up to four bytes).
CREATE OR REPLACE MACRO rs_cut(x, n) AS
    CASE WHEN strlen(x) <= n THEN x
         ELSE list_transform([encode(x)], bytes ->
                  coalesce(try(decode(bytes[1:n])), try(decode(bytes[1:n - 1])), try(decode(bytes[1:n - 2])),
                           try(decode(bytes[1:n - 3]))))[1] END;
CREATE OR REPLACE MACRO rs_varchar(x, n) AS rs_cut(rs_to_varchar(x), n);
CREATE OR REPLACE MACRO rs_substring
    (s, f) AS substring(rs_text(s), greatest(f, 1)),
    (s, f, n) AS substring(rs_text(s), greatest(f, 1),
        CASE WHEN n < 0 THEN rs_fail('negative substring length not allowed') WHEN f < 1 THEN greatest(f + n - 1, 0) ELSE n END);

-- Dates.
CREATE OR REPLACE MACRO getdate() AS date_trunc('second', CAST(now() AS TIMESTAMP));
CREATE OR REPLACE MACRO sysdate() AS CAST(now() AS TIMESTAMP);
CREATE OR REPLACE MACRO rs_current_date() AS CAST(CAST(now() AS TIMESTAMP) AS DATE);
-- A leap day that has no counterpart becomes the first of March; months stay in February.
CREATE OR REPLACE MACRO rs_add_years(d, n) AS
    d + to_years(n) + to_days(CASE WHEN day(d) = 29 AND day(d + to_years(n)) = 28 THEN 1 ELSE 0 END);
CREATE OR REPLACE MACRO rs_dateadd_millennium(n, d) AS rs_add_years(d, 1000 * CAST(n AS INTEGER));
CREATE OR REPLACE MACRO rs_dateadd_century(n, d) AS rs_add_years(d, 100 * CAST(n AS INTEGER));
CREATE OR REPLACE MACRO rs_dateadd_decade(n, d) AS rs_add_years(d, 10 * CAST(n AS INTEGER));
CREATE OR REPLACE MACRO rs_dateadd_year(n, d) AS rs_add_years(d, CAST(n AS INTEGER));
CREATE OR REPLACE MACRO rs_dateadd_quarter(n, d) AS d + to_months(3 * CAST(n AS INTEGER));
CREATE OR REPLACE MACRO rs_dateadd_month(n, d) AS d + to_months(CAST(n AS INTEGER));
CREATE OR REPLACE MACRO rs_dateadd_week(n, d) AS d + to_days(7 * CAST(n AS INTEGER));
CREATE OR REPLACE MACRO rs_dateadd_day(n, d) AS d + to_days(CAST(n AS INTEGER));
CREATE OR REPLACE MACRO rs_dateadd_hour(n, d) AS d + to_hours(CAST(n AS BIGINT));
CREATE OR REPLACE MACRO rs_dateadd_minute(n, d) AS d + to_minutes(CAST(n AS BIGINT));
CREATE OR REPLACE MACRO rs_dateadd_second(n, d) AS d + to_seconds(CAST(n AS BIGINT));
CREATE OR REPLACE MACRO rs_dateadd_millisecond(n, d) AS d + to_milliseconds(CAST(n AS BIGINT));
CREATE OR REPLACE MACRO rs_dateadd_microsecond(n, d) AS d + to_microseconds(CAST(n AS BIGINT));
CREATE OR REPLACE MACRO rs_trunc
    (x TIMESTAMP) AS CAST(x AS DATE),
    (x) AS trunc(x),
    (x, n) AS trunc(x, n);
-- The last day of a month stays the last day.
CREATE OR REPLACE MACRO add_months(d, n) AS
    CASE WHEN last_day(CAST(d AS DATE)) = CAST(d AS DATE)
         THEN CAST(last_day(CAST(CAST(d AS DATE) + to_months(CAST(n AS INTEGER)) AS DATE)) AS TIMESTAMP)
              + (CAST(d AS TIMESTAMP) - date_trunc('day', CAST(d AS TIMESTAMP)))
         ELSE CAST(d AS TIMESTAMP) + to_months(CAST(n AS INTEGER)) END;
CREATE OR REPLACE MACRO months_between(a, b) AS
    CASE WHEN day(CAST(a AS TIMESTAMP)) = day(CAST(b AS TIMESTAMP))
           OR (CAST(a AS DATE) = last_day(CAST(a AS DATE)) AND CAST(b AS DATE) = last_day(CAST(b AS DATE)))
         THEN CAST(datediff('month', CAST(b AS TIMESTAMP), CAST(a AS TIMESTAMP)) AS DOUBLE)
         ELSE datediff('month', CAST(b AS TIMESTAMP), CAST(a AS TIMESTAMP))
              + (epoch(CAST(a AS TIMESTAMP) - date_trunc('month', CAST(a AS TIMESTAMP)))
                 - epoch(CAST(b AS TIMESTAMP) - date_trunc('month', CAST(b AS TIMESTAMP)))) / (31 * 86400.0) END;
CREATE OR REPLACE MACRO rs_next_day(d, dow) AS
    CAST(CAST(d AS DATE) + CAST(1 + (dow - date_part('dow', CAST(d AS DATE)) + 6) % 7 AS INTEGER) AS DATE);
-- Abbreviations have a fixed offset in Redshift, where ICU would know daylight saving time; an offset after any name counts
-- hours west of Greenwich and is all that matters.
CREATE OR REPLACE MACRO rs_zone(zone) AS
    CASE WHEN regexp_full_match(zone, '.*[A-Za-z]\s*[+-]\d{1,2}') THEN concat('Etc/GMT', regexp_extract(zone, '[+-]\d+$'))
         WHEN regexp_full_match(zone, '.*[A-Za-z]\s*[+-]\d.*')
         THEN rs_fail_text(concat('the time zone ', zone, ' is not supported by the local Redshift'))
         WHEN NOT regexp_full_match(zone, '[A-Za-z]{3,5}') THEN zone
         ELSE CASE upper(zone)
              WHEN 'UTC' THEN 'UTC' WHEN 'GMT' THEN 'UTC' WHEN 'ZULU' THEN 'UTC' WHEN 'WET' THEN 'UTC'
              WHEN 'HST' THEN 'Etc/GMT+10' WHEN 'AKST' THEN 'Etc/GMT+9' WHEN 'AKDT' THEN 'Etc/GMT+8'
              WHEN 'PST' THEN 'Etc/GMT+8' WHEN 'PDT' THEN 'Etc/GMT+7' WHEN 'MST' THEN 'Etc/GMT+7' WHEN 'MDT' THEN 'Etc/GMT+6'
              WHEN 'CST' THEN 'Etc/GMT+6' WHEN 'CDT' THEN 'Etc/GMT+5' WHEN 'EST' THEN 'Etc/GMT+5' WHEN 'EDT' THEN 'Etc/GMT+4'
              WHEN 'CET' THEN 'Etc/GMT-1' WHEN 'BST' THEN 'Etc/GMT-1' WHEN 'CEST' THEN 'Etc/GMT-2' WHEN 'EET' THEN 'Etc/GMT-2'
              WHEN 'EEST' THEN 'Etc/GMT-3' WHEN 'MSK' THEN 'Etc/GMT-3' WHEN 'JST' THEN 'Etc/GMT-9' WHEN 'KST' THEN 'Etc/GMT-9'
              ELSE CASE WHEN zone IN ('Cuba', 'Egypt', 'Eire', 'Iran', 'Japan', 'Libya', 'PRC', 'ROC', 'ROK', 'UCT') THEN zone
                   ELSE rs_fail_text(concat('the time zone ', zone, ' is not supported by the local Redshift')) END END END;
CREATE OR REPLACE MACRO convert_timezone
    (target, ts) AS timezone(rs_zone(target), timezone('UTC', CAST(ts AS TIMESTAMP))),
    (source, target, ts) AS timezone(rs_zone(target), timezone(rs_zone(source), CAST(ts AS TIMESTAMP)));
-- TO_DATE and TO_TIMESTAMP with is_strict.
CREATE OR REPLACE MACRO rs_strict_strptime(x, format) AS
    CASE WHEN x IS NOT NULL AND try_strptime(CAST(x AS VARCHAR), format) IS NULL
         THEN make_timestamp(CAST(rs_fail(concat('date/time field value out of range: ', x)) AS BIGINT))
         ELSE try_strptime(CAST(x AS VARCHAR), format) END;
CREATE OR REPLACE MACRO date_cmp(a, b) AS CASE WHEN a = b THEN 0 WHEN a > b THEN 1 ELSE -1 END;

-- Text.
CREATE OR REPLACE MACRO nvl2(x, a, b) AS CASE WHEN x IS NOT NULL THEN a ELSE b END;
CREATE OR REPLACE MACRO rs_split_part(s, delimiter, n) AS
    split_part(rs_text(s), delimiter, CASE WHEN n <= 0 THEN rs_fail('field position must be greater than zero') ELSE n END);
CREATE OR REPLACE MACRO rs_strpos(haystack, needle) AS strpos(rs_text(haystack), needle);
CREATE OR REPLACE MACRO charindex(needle, haystack) AS rs_strpos(haystack, needle);
-- A value has at most 16 MiB, as a VARCHAR of Redshift. What one call makes is not in DuckDB's memory limit.
CREATE OR REPLACE MACRO rs_length(n) AS
    CASE WHEN n > 16777216 THEN rs_fail('Value too long for character type DETAIL: a value has at most 16777216 bytes')
         ELSE n END;
CREATE OR REPLACE MACRO rs_repeat(s, n) AS
    repeat(s, CAST(CASE WHEN rs_length(CAST(n AS HUGEINT) * greatest(strlen(s), 1)) <= 0 THEN 0 ELSE n END AS BIGINT));
CREATE OR REPLACE MACRO rs_lpad(s, n, f) AS CASE WHEN n <= 0 THEN '' ELSE lpad(s, CAST(rs_length(n) AS INTEGER), f) END;
CREATE OR REPLACE MACRO rs_rpad(s, n, f) AS CASE WHEN n <= 0 THEN '' ELSE rpad(s, CAST(rs_length(n) AS INTEGER), f) END;
CREATE OR REPLACE MACRO initcap(s) AS
    list_aggregate([concat(upper(w[1]), lower(w[2:])) FOR w IN regexp_extract_all(s, '[\p{L}\p{N}]+|[^\p{L}\p{N}]+')], 'string_agg', '');
CREATE OR REPLACE MACRO strtol(s, base) AS
    CASE WHEN s IS NULL OR base IS NULL THEN NULL WHEN s = '' THEN 0
         ELSE CAST(CASE WHEN starts_with(s, '-') THEN -1 ELSE 1 END
              * list_reduce(list_prepend(CAST(0 AS HUGEINT), list_transform(
                    string_split(lower(regexp_replace(s, CASE base WHEN 16 THEN '^[+-]?(0[xX])?' ELSE '^[+-]?' END, '')), ''),
                    digit -> CASE WHEN instr(left('0123456789abcdefghijklmnopqrstuvwxyz', CAST(base AS INTEGER)), digit) > 0
                             THEN CAST(instr('0123456789abcdefghijklmnopqrstuvwxyz', digit) - 1 AS HUGEINT)
                             ELSE rs_fail(concat('The input ', s, ' is not valid to be converted to base ', base)) END)),
                (value, digit) -> value * base + digit) AS BIGINT) END;
CREATE OR REPLACE MACRO rs_regexp_count(s, p, f) AS len(regexp_extract_all(substring(s, f), p));
CREATE OR REPLACE MACRO rs_regexp_substr(s, p, f, o, g) AS
    CASE WHEN s IS NOT NULL AND p IS NOT NULL THEN coalesce(regexp_extract_all(substring(s, f), p, g)[o], '') END;
-- The text before the first match tells where it is.
CREATE OR REPLACE MACRO rs_regexp_instr(s, p) AS
    CASE WHEN regexp_matches(s, p) THEN length(regexp_extract(s, concat('^((?s:.*?))(?:', p, ')'), 1)) + 1 ELSE 0 END;

-- Where the given occurrence begins, or ends with one more. The first group is all that comes before it, or with it.
CREATE OR REPLACE MACRO rs_regexp_instr_nth(s, p, f, o, e) AS
    CASE WHEN regexp_matches(substring(s, f), concat('^(?s:(?:.*?(?:', p, ')){', o, '})'))
         THEN f + length(regexp_extract(substring(s, f),
              CASE WHEN e = 1 THEN concat('^((?s:(?:.*?(?:', p, ')){', o, '}))')
                   ELSE concat('^((?s:(?:.*?(?:', p, ')){', o - 1, '}.*?))(?:', p, ')') END, 1))
         WHEN s IS NOT NULL AND p IS NOT NULL THEN 0 END;
CREATE OR REPLACE MACRO quote_ident(s) AS
    CASE WHEN regexp_full_match(s, '[a-z_][a-z0-9_$]*') THEN s ELSE concat('"', replace(s, '"', '""'), '"') END;
CREATE OR REPLACE MACRO quote_literal(s) AS concat('''', replace(rs_text(s), '''', ''''''), '''');
CREATE OR REPLACE MACRO rs_to_hex(x) AS lower(hex(x));
CREATE OR REPLACE MACRO width_bucket(x, low, high, n) AS
    CAST(CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1 ELSE floor((x - low) * n / (high - low)) + 1 END AS INTEGER);
CREATE OR REPLACE MACRO bit_length(s) AS 8 * strlen(rs_text(s));

-- FNV-1a of 64 bits over the bytes of a value: whole numbers with the low byte first, text as UTF-8.
CREATE OR REPLACE MACRO rs_number_bytes(x, width) AS
    list_transform(range(0, width), i ->
        ((CAST(x AS HUGEINT) + 18446744073709551616::HUGEINT) // CAST(power(256, i) AS HUGEINT)) % 256);
CREATE OR REPLACE MACRO rs_text_bytes(x) AS
    list_transform(range(0, strlen(x)), i ->
        CAST((strpos('0123456789ABCDEF', hex(encode(x))[2 * i + 1]) - 1) * 16
             + strpos('0123456789ABCDEF', hex(encode(x))[2 * i + 2]) - 1 AS HUGEINT));
CREATE OR REPLACE MACRO rs_fnv(bytes, seed) AS
    list_reduce(list_prepend((CAST(seed AS HUGEINT) + 18446744073709551616::HUGEINT) % 18446744073709551616::HUGEINT, bytes),
                (h, b) -> (xor(h, b) * 1099511628211::HUGEINT) % 18446744073709551616::HUGEINT);
CREATE OR REPLACE MACRO rs_signed(h) AS
    CAST(CASE WHEN h >= 9223372036854775808::HUGEINT THEN h - 18446744073709551616::HUGEINT ELSE h END AS BIGINT);
CREATE OR REPLACE MACRO fnv_hash
    (x SMALLINT) AS rs_signed(rs_fnv(rs_number_bytes(x, 2), -3750763034362895579)),
    (x INTEGER) AS rs_signed(rs_fnv(rs_number_bytes(x, 4), -3750763034362895579)),
    (x BIGINT) AS rs_signed(rs_fnv(rs_number_bytes(x, 8), -3750763034362895579)),
    (x VARCHAR) AS rs_signed(rs_fnv(rs_text_bytes(x), -3750763034362895579)),
    (x SMALLINT, seed) AS rs_signed(rs_fnv(rs_number_bytes(x, 2), seed)),
    (x INTEGER, seed) AS rs_signed(rs_fnv(rs_number_bytes(x, 4), seed)),
    (x BIGINT, seed) AS rs_signed(rs_fnv(rs_number_bytes(x, 8), seed)),
    (x VARCHAR, seed) AS rs_signed(rs_fnv(rs_text_bytes(x), seed));

-- CRC-32C (Castagnoli), four bits at a time.
CREATE OR REPLACE MACRO rs_crc_step(crc) AS
    xor(crc >> 4, [0, 274646895, 549293790, 820201905, 1098587580, 1361435347, 1640403810, 1905808397,
        2197175160, 2460548119, 2722870694, 2987750089, 3280807620, 3553878443, 3811616794, 4084100981
        ][(crc % 16) + 1]);
CREATE OR REPLACE MACRO crc32(x) AS
    CASE WHEN x IS NOT NULL
         THEN printf('%08x', xor(4294967295, list_reduce(list_prepend(4294967295, rs_text_bytes(rs_text(x))),
              (crc, byte) -> rs_crc_step(rs_crc_step(xor(CAST(crc AS BIGINT), CAST(byte AS BIGINT))))))) END;

-- TO_CHAR of a number: text has its absolute value with all decimals.
CREATE OR REPLACE MACRO rs_number_digits(text, zeros, has_point) AS
    CASE WHEN ltrim(split_part(text, '.', 1), '0') = '' AND zeros = 0 AND NOT has_point THEN '0'
         WHEN strlen(ltrim(split_part(text, '.', 1), '0')) < zeros THEN lpad(ltrim(split_part(text, '.', 1), '0'), zeros, '0')
         ELSE ltrim(split_part(text, '.', 1), '0') END;
CREATE OR REPLACE MACRO rs_number_grouped(digits, grouped) AS
    CASE WHEN grouped THEN reverse(rtrim(regexp_replace(reverse(digits), '(\d{3})', '\1,', 'g'), ',')) ELSE digits END;
CREATE OR REPLACE MACRO rs_to_char_number(text, negative, positions, zeros, has_point, grouped, fill, width, overflow) AS
    CASE WHEN strlen(rs_number_digits(text, zeros, has_point)) > positions THEN overflow
         ELSE concat(lpad('', CAST(CASE WHEN fill THEN width + 1
                       - strlen(rs_number_grouped(rs_number_digits(text, zeros, has_point), grouped))
                       - CASE WHEN negative THEN 1 ELSE 0 END ELSE 0 END AS INTEGER), ' '),
                     CASE WHEN negative THEN '-' ELSE '' END,
                     rs_number_grouped(rs_number_digits(text, zeros, has_point), grouped),
                     CASE WHEN NOT has_point THEN ''
                          WHEN fill THEN concat('.', split_part(text, '.', 2))
                          ELSE concat('.', rtrim(split_part(text, '.', 2), '0')) END) END;

-- SUPER and JSON text.
-- The engine lets a comma before a closing bracket, NaN and Infinity pass.
CREATE OR REPLACE MACRO rs_json_valid(x) AS json_valid(x)
    AND NOT regexp_matches(regexp_replace(x, '"([^"\\]|\\.)*"', '""', 'g'), ',\s*[\]}]|(?i)nan|inf');
CREATE OR REPLACE MACRO rs_json_checked(x) AS
    CASE WHEN x IS NULL OR rs_json_valid(x) THEN x ELSE rs_fail_text(concat('JSON parsing error: invalid JSON ', x)) END;
CREATE OR REPLACE MACRO json_parse(x) AS CAST(rs_json_compact(rs_json_checked(x)) AS JSON);
CREATE OR REPLACE MACRO can_json_parse(x) AS rs_json_valid(x);
CREATE OR REPLACE MACRO is_valid_json(x) AS
    CASE WHEN x IS NULL THEN NULL WHEN rs_json_valid(x) THEN json_type(x) = 'OBJECT' ELSE false END;
CREATE OR REPLACE MACRO is_valid_json_array(x) AS
    CASE WHEN x IS NULL THEN NULL WHEN rs_json_valid(x) THEN json_type(x) = 'ARRAY' ELSE false END;
CREATE OR REPLACE MACRO split_to_array(s, d) AS to_json(string_split(rs_text(s), d));
CREATE OR REPLACE MACRO json_serialize(x) AS CAST(CAST(x AS JSON) AS VARCHAR);
CREATE OR REPLACE MACRO json_typeof(x) AS
    CASE json_type(x) WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' WHEN 'VARCHAR' THEN 'string'
         WHEN 'BOOLEAN' THEN 'boolean' WHEN 'NULL' THEN 'null' ELSE CASE WHEN json_type(x) IS NOT NULL THEN 'number' END END;
CREATE OR REPLACE MACRO get_array_length(x) AS CASE WHEN json_type(x) = 'ARRAY' THEN CAST(json_array_length(x) AS BIGINT) END;
CREATE OR REPLACE MACRO is_array(x) AS json_type(x) = 'ARRAY';
CREATE OR REPLACE MACRO is_object(x) AS json_type(x) = 'OBJECT';
-- A number is taken out as it is written. The engine reads it as a double, so where that may show, numbers are put into
-- strings before that begin with a character of the private use area. The number at the end makes the matches gapless, so
-- that none begins within a string.
CREATE OR REPLACE MACRO rs_json_marked(x) AS
    regexp_replace(concat(x, ' 0'), '((?:[^"0-9-]|"(?:[^"\\]|\\.)*")*)(-?[0-9][0-9.eE+-]*)', '\1"' || chr(57344) || '\2"', 'g')[:-6];
CREATE OR REPLACE MACRO rs_json_unmarked(x) AS regexp_replace(x, '"?\x{E000}([0-9.eE+-]*)"?', '\1', 'g');
CREATE OR REPLACE MACRO rs_json_at(x, path) AS
    CASE WHEN regexp_matches(x, '\.[0-9]*0([^0-9]|$)|[0-9][eE]|[0-9][0-9.]{15}|0\.000|-0')
         THEN rs_json_unmarked(json_extract_string(rs_json_marked(x), path))
         ELSE json_extract_string(x, path) END;
CREATE OR REPLACE MACRO rs_json_path_text
    (x, path) AS rs_json_at(rs_json_checked(x), path),
    (x, path, lenient) AS CASE WHEN lenient AND NOT rs_json_valid(x) THEN NULL ELSE rs_json_at(rs_json_checked(x), path) END;
CREATE OR REPLACE MACRO json_extract_array_element_text
    (x, n) AS rs_json_at(rs_json_checked(x), concat('$[', n, ']')),
    (x, n, lenient) AS CASE WHEN lenient AND NOT rs_json_valid(x) THEN NULL
        ELSE rs_json_at(rs_json_checked(x), concat('$[', n, ']')) END;
CREATE OR REPLACE MACRO rs_json_array_length
    (x) AS json_array_length(rs_json_checked(x)),
    (x, lenient) AS CASE WHEN lenient AND NOT rs_json_valid(x) THEN NULL ELSE json_array_length(rs_json_checked(x)) END;
