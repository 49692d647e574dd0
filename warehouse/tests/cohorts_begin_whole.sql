-- In its first month a cohort is active as a whole, and later never more than that.
select
    cohort_month,
    months_since_first,
    cohort_size,
    active_customers
from {{ ref('mart_cohort_retention') }}
where active_customers > cohort_size
    or (months_since_first = 0 and active_customers <> cohort_size)
