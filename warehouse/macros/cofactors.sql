{#-
    Cofactors of a relation: how many rows, the sums, and the sums of products of its columns, in long form. They are
    all that linear models need of the rows (`ml.indb.cofactors`), and they add and subtract without losing a bit, so
    that kept by day they give any window without reading its rows again.

    The statement is that of `ml.indb.cofactor_sql`, with one row a sum; a test holds the two against each other.

      relation    name of a CTE
      keys        its columns that split the rows; they come first in the result
      declared    what is measured, from the model's YAML (`config.meta.cofactors`):
                    numbers     name, limit (the largest size taken) and, where they are not the default:
                                decimals (0: whole numbers), rounded (false: more decimals are refused),
                                missing (refuse; indicator measures 0 and a column <name>__is_missing)
                    categories  names of columns of text; missing is a category of its own

    Result: the keys, row_term, column_term, total. A term is `1`, a number, `<category>=<text>` or
    `<category> is missing`; terms come in the order of the declaration, numbers first, and each pair once. The total is
    the sum of the product of both terms: with `1` the sum of a term, of `1` with itself the number of rows. A pair of
    categories that no row has gives no row.

    Numbers count in whole steps of their decimals, so that sums do not depend on the order of rows. A value that is not
    taken (missing, infinite, too large, of more decimals) makes the totals of its column null: give the column total
    the constraint not_null, and the build stops at the row that names it.
-#}
{% macro cofactors(relation, keys, declared) -%}
    {%- set numbers = cofactor_numbers(declared) -%}
    {%- set categories = declared.get('categories', []) -%}
    {%- set listed = keys | join(', ') -%}
    with encoded as (

        select
            {{ listed }}
            {%- for number in numbers %},
            {{ number.sql }} as v{{ loop.index0 }}
            {%- endfor %}
            {%- for category in categories %},
            cast({{ category }} as {{ dbt.type_string() }}) as c{{ loop.index0 }}
            {%- endfor %}
        from {{ relation }}

    )

    {{ cofactors_of_numbers(numbers, listed) }}
    {%- if categories %}
    union all
    {{ cofactors_of_levels(numbers, categories, listed) }}
    {%- endif %}
    {%- for first in range(categories | length) %}
    {%- for second in range(first + 1, categories | length) %}
    union all
    select
        {{ listed }},
        {{ level_term('c' ~ first, categories[first]) }},
        {{ level_term('c' ~ second, categories[second]) }},
        {{ exact_count() }}
    from encoded
    group by {{ listed }}, c{{ first }}, c{{ second }}
    {%- endfor %}
    {%- endfor %}
{%- endmacro %}

{#- What the model's YAML declares; dbt reads it after its first look at the SQL, at which it is still empty. -#}
{% macro cofactor_declaration() -%}
    {{ return((config.get('meta') or {}).get('cofactors') or {'numbers': [], 'categories': []}) }}
{%- endmacro %}

{#- The measured columns: name, the SQL of its whole steps, decimals and the largest number of steps. -#}
{% macro cofactor_numbers(declared) -%}
    {%- set found = [] -%}
    {%- for number in declared['numbers'] -%}
        {%- set x, decimals, missing = number['name'], number.get('decimals', 0), number.get('missing', 'refuse') -%}
        {%- set limit = number.get('limit', 0) -%}
        {%- set most = limit * 10 ** decimals -%}
        {%- if not modules.re.match('^[a-z_][a-z0-9_]*$', x) or most <= 0 or most > 2 ** 53
            or missing not in ['refuse', 'indicator'] -%}
            {{ exceptions.raise_compiler_error(
                "Cofactors of column " ~ x ~ ": received limit " ~ limit ~ ", decimals " ~ decimals ~ ", missing "
                ~ missing ~ ". Allowed: a name of small letters, digits and _; a limit above 0 of up to 2^53 steps; "
                ~ "missing refuse or indicator. Correct meta.cofactors of " ~ this.identifier ~ "."
            ) }}
        {%- endif -%}
        {%- set steps = x if not decimals
            else 'cast(' ~ x ~ ' as ' ~ dbt.type_float() ~ ') * ' ~ 10 ** decimals -%}
        {%- set back = nearest_whole(steps) -%}
        {%- set taken = x ~ ' between -' ~ limit ~ ' and ' ~ limit -%}
        {%- if not number.get('rounded', false) -%}
            {%- set whole = back ~ ' = ' ~ x if not decimals
                else 'round(' ~ steps ~ ') / cast(' ~ 10 ** decimals ~ ' as ' ~ dbt.type_float() ~ ') = ' ~ x -%}
            {%- set taken = taken ~ ' and ' ~ whole -%}
        {%- endif -%}
        {%- set value = 'case when ' ~ taken ~ ' then ' ~ back ~ ' end' -%}
        {%- if missing == 'indicator' -%}
            {%- set value = 'case when ' ~ x ~ ' is null then 0 else ' ~ value ~ ' end' -%}
        {%- endif -%}
        {%- do found.append({'name': x, 'sql': value, 'decimals': decimals, 'most': most}) -%}
        {%- if missing == 'indicator' -%}
            {%- do found.append({
                'name': x ~ '__is_missing', 'decimals': 0, 'most': 1,
                'sql': 'cast(case when ' ~ x ~ ' is null then 1 else 0 end as ' ~ dbt.type_bigint() ~ ')'
            }) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}

{#- A sum in the columns' own units; null where a value of a column is null. -#}
{% macro exact_sum(numbers, places) -%}
    {%- set factors, guards, size = [], [], namespace(most=1, decimals=0) -%}
    {%- for place in places -%}
        {%- set size.most = size.most * numbers[place].most -%}
        {%- set size.decimals = size.decimals + numbers[place].decimals -%}
        {%- do factors.append('v' ~ place) -%}
        {%- do guards.append('count(v' ~ place ~ ') = count(*)') -%}
    {%- endfor -%}
    {%- if size.most >= 2 ** 63 -%}
        {%- do factors.insert(0, 'cast(' ~ factors.pop(0) ~ ' as ' ~ exact_type() ~ ')') -%}
    {%- endif -%}
    {%- set steps = 'cast(sum(' ~ factors | join(' * ') ~ ') as ' ~ exact_type() ~ ')' -%}
    {%- if size.decimals -%}
        {#- As text: a literal would be a double in BigQuery. -#}
        {%- set unit = "cast('0." ~ '0' * (size.decimals - 1) ~ "1' as " ~ exact_type() ~ ')' -%}
        {%- set steps = steps ~ ' * ' ~ unit -%}
    {%- endif -%}
    case when {{ guards | unique | join(' and ') }} then {{ steps }} end
{%- endmacro %}

{% macro cofactors_of_numbers(numbers, listed) -%}
    {%- set rows, columns, sums = ['1'], ['1'], [exact_count()] -%}
    {%- for number in numbers -%}
        {%- do rows.append('1') -%}
        {%- do columns.append(number.name) -%}
        {%- do sums.append(exact_sum(numbers, [loop.index0])) -%}
    {%- endfor -%}
    {%- for first in range(numbers | length) -%}
        {%- for second in range(first, numbers | length) -%}
            {%- do rows.append(numbers[first].name) -%}
            {%- do columns.append(numbers[second].name) -%}
            {%- do sums.append(exact_sum(numbers, [first, second])) -%}
        {%- endfor -%}
    {%- endfor -%}
    select {{ listed }}, terms.row_term, terms.column_term, terms.total
    from (
        select
            {{ listed }},
            {{ array_of(sums) }} as totals
        from encoded
        group by {{ listed }}
    ) as summed
    cross join {{ unnested_totals('summed.totals', {'row_term': rows, 'column_term': columns}) }}
{%- endmacro %}

{#- Each category's rows and sums, all columns of categories in one scan. -#}
{% macro cofactors_of_levels(numbers, categories, listed) -%}
    {%- set rows, sums, sets = ['1'], [exact_count()], [] -%}
    {%- for number in numbers -%}
        {%- do rows.append(number.name) -%}
        {%- do sums.append(exact_sum(numbers, [loop.index0])) -%}
    {%- endfor -%}
    {%- for category in categories -%}
        {%- do sets.append('(' ~ listed ~ ', c' ~ loop.index0 ~ ')') -%}
    {%- endfor -%}
    select {{ listed }}, terms.row_term, summed.level_term, terms.total
    from (
        select
            {{ listed }},
            case
                {%- for category in categories %}
                when grouping(c{{ loop.index0 }}) = 0 then {{ level_term('c' ~ loop.index0, category) }}
                {%- endfor %}
            end as level_term,
            {{ array_of(sums) }} as totals
        from encoded
        group by grouping sets ({{ sets | join(', ') }})
    ) as summed
    cross join {{ unnested_totals('summed.totals', {'row_term': rows}) }}
{%- endmacro %}

{% macro level_term(value, category) -%}
    coalesce('{{ category }}=' || {{ value }}, '{{ category }} is missing')
{%- endmacro %}

{% macro exact_count() -%}
    cast(count(*) as {{ exact_type() }})
{%- endmacro %}

{#- Numbers of any size, never rounded. -#}
{% macro exact_type() -%}
    {{ return(adapter.dispatch('exact_type')()) }}
{%- endmacro %}

{% macro default__exact_type() -%}
    numeric
{%- endmacro %}

{% macro bigquery__exact_type() -%}
    bignumeric
{%- endmacro %}

{% macro array_of(values) -%}
    {{ return(adapter.dispatch('array_of')(values)) }}
{%- endmacro %}

{% macro default__array_of(values) -%}
    array[{{ values | join(', ') }}]
{%- endmacro %}

{% macro bigquery__array_of(values) -%}
    [{{ values | join(', ') }}]
{%- endmacro %}

{#- A row for each element of an array, as `total`, with the text at its place in each list of `names`. -#}
{% macro unnested_totals(totals, names) -%}
    {{ return(adapter.dispatch('unnested_totals')(totals, names)) }}
{%- endmacro %}

{% macro default__unnested_totals(totals, names) -%}
    unnest(
        {%- for texts in names.values() %}array['{{ texts | join("', '") }}'], {% endfor -%}
        {{ totals }}
    ) as terms ({{ names | join(', ') }}, total)
{%- endmacro %}

{% macro bigquery__unnested_totals(totals, names) -%}
    unnest([
        {%- for place in range((names.values() | first) | length) %}
        struct(
            {%- for name, texts in names.items() %}'{{ texts[place] }}' as {{ name }}, {% endfor -%}
            {{ totals }}[offset({{ place }})] as total
        ){{ ',' if not loop.last }}
        {%- endfor %}
    ]) as terms
{%- endmacro %}
