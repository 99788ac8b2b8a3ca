/**
 * The known functions of PostgreSQL ("Functions and Operators", PostgreSQL documentation). Any
 * other function might write, and its result might depend on more than its arguments and the tables
 * that the statement names.
 */
const set = (words: string): ReadonlySet<string> =>
  new Set(words.split(/\s+/).filter((word) => word !== ''));

/** Functions that depend only on their arguments and on settings that a pool's sessions share. */
export const PURE_FUNCTIONS = set(`
  abs acos acosd acosh asin asind asinh atan atan2 atan2d atand atanh cbrt ceil ceiling cos cosd
  cosh cot cotd degrees div exp factorial floor gcd lcm ln log log10 mod numeric pi power radians
  round scale sign sin sind sinh sqrt tan tand tanh trunc width_bucket min_scale trim_scale ascii
  btrim char_length character_length chr concat concat_ws convert_from convert_to decode encode
  format initcap left length lower lpad ltrim md5 normalize octet_length bit_length overlay
  position quote_ident quote_literal quote_nullable regexp_count regexp_instr regexp_like
  regexp_match regexp_matches regexp_replace regexp_split_to_array regexp_split_to_table
  regexp_substr repeat replace reverse right rpad rtrim split_part starts_with string_to_array
  string_to_table strpos substr substring to_ascii to_hex translate unistr upper sha224
  sha256 sha384 sha512 get_bit get_byte set_bit set_byte bit_count to_char to_date to_number
  to_timestamp date_bin date_part date_trunc extract isfinite justify_days justify_hours
  justify_interval make_date make_interval make_time make_timestamp make_timestamptz timezone
  array_agg avg bit_and bit_or bit_xor bool_and bool_or count every json_agg json_object_agg
  jsonb_agg jsonb_object_agg max min range_agg range_intersect_agg string_agg sum corr covar_pop
  covar_samp regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
  regr_syy stddev stddev_pop stddev_samp var_pop var_samp variance mode percentile_cont
  percentile_disc rank dense_rank percent_rank cume_dist row_number ntile lag lead
  first_value last_value nth_value array_append array_cat array_dims array_fill array_length
  array_lower array_ndims array_position array_positions array_prepend array_remove array_replace
  array_to_string array_upper cardinality trim_array unnest generate_series generate_subscripts
  to_json to_jsonb array_to_json row_to_json json_build_array jsonb_build_array json_build_object
  jsonb_build_object json_object jsonb_object json_array_elements jsonb_array_elements
  json_array_elements_text jsonb_array_elements_text json_array_length jsonb_array_length
  json_each jsonb_each json_each_text jsonb_each_text json_extract_path jsonb_extract_path
  json_extract_path_text jsonb_extract_path_text json_object_keys jsonb_object_keys
  json_populate_record jsonb_populate_record json_populate_recordset jsonb_populate_recordset
  json_to_record jsonb_to_record json_to_recordset jsonb_to_recordset json_strip_nulls
  jsonb_strip_nulls jsonb_set jsonb_set_lax jsonb_insert jsonb_path_exists jsonb_path_match
  jsonb_path_query jsonb_path_query_array jsonb_path_query_first jsonb_pretty json_typeof
  jsonb_typeof to_tsvector to_tsquery plainto_tsquery phraseto_tsquery websearch_to_tsquery
  ts_headline ts_rank ts_rank_cd ts_filter setweight strip tsvector_to_array array_to_tsvector
  numnode querytree similarity word_similarity strict_word_similarity 
  num_nonnulls num_nulls isempty lower_inc upper_inc lower_inf upper_inf range_merge
  int4range int8range numrange daterange tsrange tstzrange multirange like_escape
  similar_to_escape is_normalized overlaps xmlexists xpath xpath_exists xmlagg xmlcomment abbrev
  broadcast family host hostmask inet_merge inet_same_family masklen netmask network set_masklen
  area box center circle diagonal diameter height isclosed isopen line lseg npoints path point
  polygon radius slope width pow parse_ident pg_size_bytes pg_size_pretty ts_delete tsquery_phrase
  hashtext hashtextextended int2 int4 int8 float4 float8 bool text varchar bpchar date time
  timestamp timestamptz timetz interval any_value array_sort casefold crc32 crc32c erf erfc
  json_agg_strict jsonb_agg_strict pg_input_is_valid to_bin to_oct
  uuid_extract_timestamp uuid_extract_version
`);

/**
 * Functions that may run on a replica, but whose result differs for each call, or depends on the
 * clock, the session or the server.
 */
export const VOLATILE_FUNCTIONS = set(`
  age clock_timestamp current_database current_schema current_schemas
  current_setting gen_random_uuid inet_client_addr inet_client_port inet_server_addr
  inet_server_port now pg_backend_pid
  pg_is_in_recovery pg_last_wal_receive_lsn pg_last_wal_replay_lsn pg_last_xact_replay_timestamp
  pg_sleep random statement_timestamp timeofday transaction_timestamp uuid_generate_v4 uuidv4
  uuidv7 version
`);

/** Types whose values PostgreSQL looks up in the catalog. */
export const CATALOG_TYPES = set(`
  regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc
  regprocedure regrole regtype
`);
