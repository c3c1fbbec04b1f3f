"""The statistics of drift, as one statement over counts by bin and distinct values.

Belongs here: PSI, JS, chi-square, KS, Benjamini-Hochberg and the rule that calls a window drifted. Does not
belong here: how values come into bins (`ml.drift_sql`).

- PSI: sum of (c - r) ln(c / r) over bins, half a row added to each bin, so that an empty one is finite.
- JS: Jensen-Shannon distance, base 2, of the plain shares; 0 to 1.
- p: chi-square of homogeneity over the same bins (so nulls, unseen and out-of-range values count), bins with
  an expected count under 5 merged into one, and the next larger bin with them if that is still under 5. Under
  no drift, PSI is (1/N + 1/M) times that chi-square.
- KS: largest distance of the exact empirical distributions, nulls left out; its p by Kolmogorov's limit with
  N M / (N + M).
- q: Benjamini-Hochberg over all columns of the model in the window, the score included.

Rows of one day share weather and congestion, so p is too small for what it says of rows: it only screens
noise in small windows. That is why a window is called drifted only where the effect (PSI or JS) reaches its
floor as well.
"""

STATISTICS = """
with cell as (
    select w.window_start, b.position, b.bin, b.bin_kind, b.reference_rows as r,
        coalesce(c.current_rows, 0) as c
    from drift_frozen_bin b
    join drift_subject s using (position)
    cross join (select distinct window_start from drift_value where window_start is not null) w
    left join ml.drift_bin_count c on c.model_name = %(model_name)s and c.model_version = %(version)s
        and c.subject = s.subject and c.name = s.name and c.window_start = w.window_start and c.bin = b.bin
), used as (
    -- A bin empty on both sides says nothing, and must not take a share of the smoothing.
    select *, sum(r) over side as r_all, sum(c) over side as c_all, count(*) over side as bins
    from cell where r + c > 0 window side as (partition by window_start, position)
), share as (
    select *, (r + 0.5) / (r_all + 0.5 * bins)::float8 as rs, (c + 0.5) / (c_all + 0.5 * bins)::float8 as cs,
        r / nullif(r_all, 0)::float8 as rp, c / nullif(c_all, 0)::float8 as cp,
        -- Expected count under 5: by itself, or (the next one up) all the smaller ones together.
        least(r + c, coalesce(sum(r + c) over (partition by window_start, position order by r + c, bin
            rows between unbounded preceding and 1 preceding), 0))
            * least(r_all, c_all) < 5 * (r_all + c_all) as is_rare
    from used
), effect as (
    select window_start, position, max(r_all) as reference_rows, max(c_all) as current_rows,
        sum((cs - rs) * ln(cs / rs) order by bin) as psi,
        sqrt(least(1, greatest(0, 0.5 / ln(2::float8) * sum(
            case when rp > 0 then rp * ln(2 * rp / (rp + cp)) else 0 end
            + case when cp > 0 then cp * ln(2 * cp / (rp + cp)) else 0 end order by bin)))) as js,
        coalesce(sum(rp) filter (where bin_kind = 'null'), 0) as null_share_reference,
        coalesce(sum(cp) filter (where bin_kind = 'null'), 0) as null_share_current,
        coalesce(sum(cp) filter (where bin_kind in ('below', 'above', 'unseen')), 0) as outside_share_current
    from share group by window_start, position
), merged as (
    select window_start, position, case when is_rare then -1 else bin end as bin,
        sum(r)::float8 as r, sum(c)::float8 as c, max(r_all)::float8 as r_all, max(c_all)::float8 as c_all
    from share where r_all > 0 and c_all > 0 group by 1, 2, 3
), chi as (
    select window_start, position, (count(*) - 1)::integer as degrees_of_freedom,
        sum((r * sqrt(c_all / r_all) - c * sqrt(r_all / c_all)) ^ 2 / (r + c) order by bin) as chi_square
    from merged group by window_start, position
), total as (
    select position, window_start, sum(rows) as rows
    from drift_value where number is not null group by position, window_start
), pair as (
    select c.position, c.window_start, r.rows as r_all, c.rows as c_all
    from total c join total r on r.position = c.position and r.window_start is null
    where c.window_start is not null
), step as (
    select position, window_start, number as value, rows,
        sum(case when window_start is null then rows else 0 end) over upto as r_upto,
        sum(case when window_start is null then rows else 0 end) over here as r_here
    from drift_value where number is not null
    window upto as (partition by position order by number), here as (partition by position, number)
), distance as (
    select window_start, position, r_upto, r_upto - r_here as r_before, rows as c_here,
        sum(rows) over (partition by position, window_start order by value) as c_upto
    from step where window_start is not null
), ks as (
    -- Between two current values one distribution stands still and the other only rises: the extremes are at
    -- the current values and just before them, so the reference is not sorted again for every window.
    select window_start, position, max(greatest(
        abs(r_upto / r_all - c_upto / c_all), abs(r_before / r_all - (c_upto - c_here) / c_all))) as ks
    from distance join pair using (window_start, position) group by window_start, position
), tested as (
    select e.*, chi.chi_square, chi.degrees_of_freedom, ks.ks,
        case when degrees_of_freedom > 0 then ml.chi_square_sf(chi_square, degrees_of_freedom) else 1 end
            as p_value,
        ml.kolmogorov_sf(sqrt(pair.r_all * pair.c_all / (pair.r_all + pair.c_all)) * ks.ks) as ks_p_value
    from effect e left join chi using (window_start, position) left join ks using (window_start, position)
    left join pair using (window_start, position)
    where e.current_rows > 0 and e.reference_rows > 0
), ranked as (
    select *, p_value * count(*) over (partition by window_start)
        / row_number() over (partition by window_start order by p_value, position) as scaled
    from tested
), adjusted as (
    select *,
        least(1, min(scaled) over (partition by window_start order by p_value desc, position desc)) as q_value
    from ranked
)
insert into ml.drift (model_name, model_version, subject, name, kind, window_start, window_end,
    reference_rows, current_rows, psi, js, ks, chi_square, degrees_of_freedom, p_value, q_value, ks_p_value,
    null_share_reference, null_share_current, outside_share_current, importance_share, is_seasonal,
    is_drifted, is_alert, computed_at)
select %(model_name)s, %(version)s, s.subject, s.name, s.kind, a.window_start, w.last_date,
    reference_rows, current_rows, psi, js, ks, chi_square, degrees_of_freedom, p_value, q_value, ks_p_value,
    null_share_reference, null_share_current, outside_share_current, s.importance_share, s.is_seasonal,
    q_value <= %(q_value)s and (psi >= %(psi)s or js >= %(js)s)
        and least(reference_rows, current_rows) >= %(min_rows)s,
    false, now()
from adjusted a join drift_subject s using (position) join drift_window w on w.window_start = a.window_start
"""

# One drifted window may be weather. An alert calls for action: it persists, it is not the season, and the
# model looks at it.
ALERTS = """
with counted as (
    select subject, name, window_start, is_drifted and not is_seasonal
        and (subject = 'score' or coalesce(importance_share, 0) >= %(min_importance)s)
        and count(*) filter (where is_drifted) over (
            partition by subject, name order by window_start rows between {before} preceding and current row
        ) >= %(persistent_windows)s as is_alert
    from ml.drift where model_name = %(model_name)s and model_version = %(version)s
)
update ml.drift d set is_alert = c.is_alert from counted c
where d.model_name = %(model_name)s and d.model_version = %(version)s and d.subject = c.subject
    and d.name = c.name and d.window_start = c.window_start
    and d.is_alert <> c.is_alert
"""
