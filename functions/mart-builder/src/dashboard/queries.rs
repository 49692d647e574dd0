//! What the dashboard asks the warehouse.

/// A question, and the model that it needs.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) panel: &'static str,
    model: &'static str,
    /// `{}` stands for the relation.
    select: &'static str,
}

pub(super) const SALES: &str = "sales";
pub(super) const CATEGORIES: &str = "categories";
pub(super) const CHANNELS: &str = "channels";
pub(super) const SEGMENTS: &str = "segments";
pub(super) const RFM_GRID: &str = "rfm-grid";
pub(super) const LIFETIME_VALUE: &str = "lifetime-value";
pub(super) const COHORTS: &str = "cohorts";
pub(super) const MERCHANTS: &str = "merchants";
pub(super) const FRAUD: &str = "fraud";
pub(super) const CREDIT: &str = "credit";
pub(super) const LATENESS: &str = "lateness";
pub(super) const CURRENCIES: &str = "currencies";

pub(super) const QUERIES: [Query; 12] = [
    Query {
        panel: SALES,
        model: "mart_sales_daily",
        select: "select day, sum(gross_sales) as sales, sum(txn_count) as transactions\nfrom {}\ngroup by day\n\
                 order by day desc\nlimit 92",
    },
    Query {
        panel: CATEGORIES,
        model: "mart_sales_daily",
        select: "select merchant_category, sum(gross_sales) as sales, sum(txn_count) as transactions\nfrom {}\n\
                 group by merchant_category\norder by sales desc, merchant_category",
    },
    Query {
        panel: CHANNELS,
        model: "mart_sales_daily",
        select: "select channel, sum(gross_sales) as sales, sum(txn_count) as transactions\nfrom {}\n\
                 group by channel\norder by sales desc, channel",
    },
    Query {
        panel: SEGMENTS,
        model: "mart_rfm_customer",
        select: "select segment, count(*) as customers, sum(monetary) as value, avg(recency_days) as days_since\n\
                 from {}\ngroup by segment\norder by value desc, segment",
    },
    Query {
        panel: RFM_GRID,
        model: "mart_rfm_customer",
        select: "select recency_score, frequency_score, count(*) as customers, sum(monetary) as value\nfrom {}\n\
                 group by recency_score, frequency_score\norder by recency_score, frequency_score",
    },
    Query {
        panel: LIFETIME_VALUE,
        model: "mart_ltv_customer",
        // Classes that double: 1 to 2, 2 to 4, ...; what is below 1 is class -1.
        select: "select\n    case when historic_value < 1 then -1 else cast(floor(ln(historic_value) / ln(2)) as integer) end as class,\n\
                 \x20   count(*) as customers,\n    sum(historic_value) as historic_value,\n\
                 \x20   sum(projected_value_365_days) as projected_value\nfrom {}\ngroup by 1\norder by 1",
    },
    Query {
        panel: COHORTS,
        model: "mart_cohort_retention",
        select: "select cohort_month, months_since_first, cohort_size, active_customers, retention_rate\nfrom {}\n\
                 order by cohort_month desc, months_since_first\nlimit 200",
    },
    Query {
        panel: MERCHANTS,
        model: "mart_merchant_performance",
        select: "select merchant_name, merchant_category, net_sales, approved_count, approval_rate\nfrom {}\n\
                 order by net_sales desc, merchant_id\nlimit 12",
    },
    Query {
        panel: FRAUD,
        model: "mart_fraud_signals",
        select: "select 'burst of attempts' as signal, count(*) as cards, sum(attempt_count) as attempts\nfrom {} where has_burst\n\
                 union all\nselect 'outlying amount', count(*), sum(attempt_count)\nfrom {} where has_outlier\n\
                 union all\nselect 'mostly at night', count(*), sum(attempt_count)\nfrom {} where is_mostly_at_night\n\
                 union all\nselect 'often declined', count(*), sum(attempt_count)\nfrom {} where is_often_declined\n\
                 union all\nselect 'two signals or more', count(*), sum(attempt_count)\nfrom {} where signal_count >= 2\n\
                 order by cards desc, signal",
    },
    Query {
        panel: CREDIT,
        model: "mart_credit_risk",
        select: "select risk_band, count(*) as customers, sum(spend_30_days) as spend_30_days,\n\
                 \x20   avg(utilisation) as utilisation, avg(decline_rate) as decline_rate\nfrom {}\n\
                 group by risk_band\norder by avg(risk_score) desc, risk_band",
    },
    Query {
        panel: LATENESS,
        model: "fact_transactions",
        select: "select days_late, count(*) as transactions\nfrom {}\ngroup by days_late\norder by days_late",
    },
    Query {
        panel: CURRENCIES,
        model: "fact_transactions",
        select: "select distinct currency\nfrom {}\norder by currency\nlimit 10",
    },
];

impl Query {
    /// The statement; none where the model does not exist.
    fn sql(&self, relation: &impl Fn(&str) -> Option<String>) -> Option<String> {
        Some(self.select.replace("{}", &relation(self.model)?))
    }
}

/// The statements that can be asked where `relation` gives the relations of models, as SQL, each with the panel it is for.
pub fn queries(relation: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, String)> {
    let queries = QUERIES.iter();
    queries
        .filter_map(|query| Some((query.panel, query.sql(&relation)?)))
        .collect()
}
