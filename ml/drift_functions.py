"""The two distribution functions that drift needs and stock Postgres lacks, as functions of schema `ml`.

Belongs here: upper tails of chi-square and Kolmogorov, agreeing with `scipy.stats.chi2.sf` and
`scipy.stats.kstwobign.sf` to 1e-12 relative. Does not belong here: the drift statistics themselves
(`ml.drift_sql`).

Method: chi-square by the regularised incomplete gamma function, series below a + 1 and Lentz's continued
fraction above it (Press et al., Numerical Recipes, 3rd ed., 6.2); Kolmogorov by its two classical series, the
theta-transformed one for small arguments. Postgres raises on an exponent below -745, so each tail stops at
zero before it.
"""

DRIFT_FUNCTIONS = """
create or replace function ml.chi_square_sf(x double precision, degrees_of_freedom integer)
returns double precision language plpgsql immutable strict parallel safe as $$
declare
    a double precision := degrees_of_freedom / 2.0::float8;
    z double precision := x / 2.0::float8;
    log_gamma double precision := case when degrees_of_freedom % 2 = 0 then 0 else ln(pi()) / 2 end;
    step double precision := case when degrees_of_freedom % 2 = 0 then 1 else 0.5::float8 end;
    log_front double precision;
    term double precision;
    total double precision;
    b double precision; c double precision; d double precision; h double precision; an double precision;
begin
    if degrees_of_freedom < 1 then return null; end if;
    if x = 'NaN' then return 'NaN'; end if;
    if z <= 0 then return 1; end if;
    if x = 'infinity' then return 0; end if;
    while step < a loop                                  -- gamma(a) by its recurrence from 1 or 1/2
        log_gamma := log_gamma + ln(step);
        step := step + 1;
    end loop;
    log_front := a * ln(z) - z - log_gamma;
    if z < a + 1 then
        term := 1 / a; total := term;
        for n in 1..10000 loop
            term := term * z / (a + n);
            total := total + term;
            exit when term < total * 1e-17;
        end loop;
        if log_front < -700 then return 1; end if;
        return greatest(0, 1 - total * exp(log_front));
    end if;
    if log_front < -700 then return 0; end if;
    b := z + 1 - a; c := 1e300; d := 1 / b; h := d;
    for n in 1..10000 loop
        an := -n * (n - a);
        b := b + 2;
        d := an * d + b; if abs(d) < 1e-300 then d := 1e-300; end if;
        c := b + an / c; if abs(c) < 1e-300 then c := 1e-300; end if;
        d := 1 / d;
        h := h * d * c;
        exit when abs(d * c - 1) < 1e-16;
    end loop;
    return least(1, exp(log_front) * h);
end $$;

create or replace function ml.kolmogorov_sf(x double precision)
returns double precision language plpgsql immutable strict parallel safe as $$
declare
    total double precision := 0;
begin
    if x = 'NaN' then return 'NaN'; end if;
    if x <= 0.05 then return 1; end if;                  -- 1 - 1e-210 and nearer
    if x > 18 then return 0; end if;                     -- below 1e-280
    if x < 1 then
        for k in 1..20 loop
            exit when (2 * k - 1) ^ 2 * pi() ^ 2 / (8 * x * x) > 700;
            total := total + exp(-((2 * k - 1) ^ 2) * pi() ^ 2 / (8 * x * x));
        end loop;
        return 1 - sqrt(2 * pi()) / x * total;
    end if;
    for k in 1..20 loop
        exit when 2.0::float8 * k * k * x * x > 700;
        total := total + (case when k % 2 = 1 then 2 else -2 end) * exp(-2.0::float8 * k * k * x * x);
    end loop;
    return least(1, total);
end $$;
"""
