"""The SQL of drift: frozen reference bins, counts by bin, and the statistics, every step one statement.

Belongs here: statement texts over the temporary tables that `ml.drift` creates. Does not belong here: which
windows and which version (`ml.drift`), tail probabilities (`ml.drift_functions`), tables that stay
(`ml.registry_schema`).

Temporary tables: drift_window (window_start null = the reference), drift_subject (position, subject, name,
kind, …) and drift_value (position, number | category, window_start, rows): the distinct values of a column
with their counts, which every step reads instead of the rows. Counts are double precision there, exact to
2^53: sums of bigint would become NUMERIC, five times slower.
"""

TEMPORARY_TABLES = """
create temp table drift_window (window_start date, first_date date not null, last_date date not null)
    on commit drop;
create temp table drift_subject (position integer primary key, subject text not null, name text not null,
    kind text not null, is_seasonal boolean not null, importance_share double precision) on commit drop;
create temp table drift_value (position integer not null, number double precision, category text,
    window_start date, rows double precision not null) on commit drop;
"""

# NaN means "not there" to every model here, so it counts as null.
COUNT_NUMBERS = """
insert into drift_value (position, number, window_start, rows)
select %(position)s, nullif({column}, 'NaN'), window_start, count(*) from {rows} group by 2, 3
"""

COUNT_CATEGORIES = """
insert into drift_value (position, category, window_start, rows)
select %(position)s, {column}::text, window_start, count(*) from {rows} group by 2, 3
"""

# Bins of (nearly) equal reference counts. A value that alone fills a bin gets one of its own, or the zeros of
# a precipitation column would swallow every quantile and hide what happens above them. Lower bounds are
# inclusive, upper ones exclusive but for the last. Null, below, above and never-seen have bins of their own:
# nothing is dropped.
NUMBER_BINS = """
with reference as (
    select v.position, v.number as value, sum(v.rows) as n
    from drift_value v join drift_subject s using (position)
    where v.window_start is null and v.number is not null and s.kind = 'number' {only}
    group by v.position, v.number
), ranked as (
    select *, sum(n) over (partition by position) as total,
        lead(value) over (partition by position order by value) as next_value,
        max(value) over (partition by position) as highest
    from reference
), marked as (
    select *, n * %(bins)s >= total as is_heavy from ranked
), light as (
    select position, value, n, sum(n) over (partition by position order by value) - n as before,
        sum(n) over (partition by position) as light_total
    from marked where not is_heavy
), room as (
    select position, greatest(2, %(bins)s - count(*) filter (where is_heavy)) as bins
    from marked group by position
), edge as (
    select position, value from marked where is_heavy
    union select position, next_value from marked where is_heavy and next_value is not null
    union select l.position, min(l.value) from light l join room r using (position)
        group by l.position, floor(l.before * r.bins / l.light_total)
), ranges as (
    select position, value as lower_bound, row_number() over (partition by position order by value) as number,
        lead(value) over (partition by position order by value) as upper_bound,
        count(*) over (partition by position) as ranges
    from edge
), highest as (select position, max(highest) as highest from ranked group by position)
select position, 0 as bin, 'null' as bin_kind, null::float8 as lower_bound, null::float8 as upper_bound,
    null::text as category
from drift_subject s where kind = 'number' {only}
union all
select position, 1, 'below', null, min(lower_bound), null from ranges group by position
union all
select position, 1 + number, 'range', lower_bound, coalesce(upper_bound, highest), null
from ranges join highest using (position)
union all
select position, 2 + max(ranges), 'above', max(highest), null, null
from ranges join highest using (position) group by position
union all
select position, 1, 'unseen', null, null, null
from drift_subject s
where kind = 'number' and not exists (select from ranges where ranges.position = s.position) {only}
"""

CATEGORY_BINS = """
with reference as (
    select v.position, v.category, sum(v.rows) as n
    from drift_value v join drift_subject s using (position)
    where v.window_start is null and v.category is not null and s.kind <> 'number' {only}
    group by v.position, v.category
), ordered as (
    select *, row_number() over (partition by position order by n desc, category collate "C") as bin
    from reference
)
select position, 0 as bin, 'null' as bin_kind, null::float8 as lower_bound, null::float8 as upper_bound,
    null::text as category
from drift_subject s where kind <> 'number' {only}
union all select position, bin, 'category', null, null, category from ordered
union all
select position, 1 + coalesce((select max(bin) from ordered o where o.position = s.position), 0), 'unseen',
    null, null, null
from drift_subject s where kind <> 'number' {only}
"""

# Only what has no frozen bins yet: a score appears after its features.
NOT_YET_FROZEN = """and not exists (select from ml.drift_bin b where b.model_name = %(model_name)s
    and b.model_version = %(version)s and b.subject = s.subject and b.name = s.name)"""

# Each distinct value finds its bin by binary search over the range bins' lower bounds.
ASSIGN = """
with number_bins as (
    select position, array_agg(lower_bound order by bin) filter (where bin_kind = 'range') as edges,
        max(upper_bound) filter (where bin_kind = 'range') as highest,
        coalesce(max(bin) filter (where bin_kind = 'above'), 1) as above
    from {bins} where position in (select position from drift_subject where kind = 'number') group by position
)
select v.position, v.window_start, v.rows, case
    when s.kind = 'number' then case
        when v.number is null then 0
        when n.edges is null then 1
        when v.number > n.highest then n.above
        else 1 + width_bucket(v.number, n.edges) end
    when v.category is null then 0
    else coalesce(c.bin, (select max(bin) from {bins} u where u.position = v.position)) end as bin
from drift_value v
join drift_subject s using (position)
left join number_bins n using (position)
left join {bins} c on c.position = v.position and c.category = v.category
"""

FREEZE = """
insert into ml.drift_bin (model_name, model_version, subject, name, bin, bin_kind, lower_bound, upper_bound,
    category, reference_rows, frozen_at)
select %(model_name)s, %(version)s, s.subject, s.name, b.bin, b.bin_kind, b.lower_bound, b.upper_bound,
    b.category, coalesce(sum(a.rows), 0), now()
from drift_new_bin b join drift_subject s using (position)
left join drift_assigned a on a.position = b.position and a.bin = b.bin and a.window_start is null
group by s.subject, s.name, b.bin, b.bin_kind, b.lower_bound, b.upper_bound, b.category
"""

FROZEN_BINS = """
create temp table drift_frozen_bin on commit drop as
select s.position, b.bin, b.bin_kind, b.lower_bound, b.upper_bound, b.category, b.reference_rows
from ml.drift_bin b join drift_subject s using (subject, name)
where b.model_name = %(model_name)s and b.model_version = %(version)s
"""

COUNT_CURRENT = """
insert into ml.drift_bin_count (model_name, model_version, subject, name, window_start, bin, current_rows)
select %(model_name)s, %(version)s, s.subject, s.name, a.window_start, a.bin, sum(a.rows)
from drift_assigned a join drift_subject s using (position)
where a.window_start is not null
group by s.subject, s.name, a.window_start, a.bin
"""
