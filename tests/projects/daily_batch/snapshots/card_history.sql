{% snapshot card_history %}

{{
    config(
        unique_key='card_id',
        strategy='timestamp',
        updated_at='delivered_at'
    )
}}

select
    card_id,
    status,
    cast(ingest_date as timestamp) as delivered_at
from {{ source('raw', 'cards') }}

{% endsnapshot %}
