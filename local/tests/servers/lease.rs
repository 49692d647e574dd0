//! Leases over the local S3: of several takers one wins, and nobody blocks the others for ever.

use crate::support::{BUCKET, Fixture};
use cardlake_shared::lease::{EXPIRY, Lease};
use cardlake_shared::storage::Storage;
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::join_all;

const KEY: &str = "lease.json";

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
}

#[tokio::test]
async fn one_of_many_takers_gets_the_lease() {
    let fixture = Fixture::new().await;
    for round in 0..5 {
        let lease = Lease::new(Storage::new(fixture.client()), BUCKET, &format!("{round}.json"));
        let holders: Vec<String> = (0..8).map(|number| format!("run {number}")).collect();
        let taken = join_all(holders.iter().map(|holder| lease.acquire(holder, at(0)))).await;
        let winners = taken.into_iter().filter(|taken| *taken.as_ref().unwrap()).count();
        assert_eq!(winners, 1);
    }
}

#[tokio::test]
async fn a_lease_is_renewed_given_back_and_taken_over_when_it_expired() {
    let fixture = Fixture::new().await;
    let lease = Lease::new(Storage::new(fixture.client()), BUCKET, KEY);
    let expiry = EXPIRY.num_seconds();
    assert!(lease.acquire("a", at(0)).await.unwrap());
    assert!(!lease.acquire("b", at(10)).await.unwrap());
    assert!(lease.acquire("a", at(20)).await.unwrap(), "renewed");
    assert!(!lease.acquire("b", at(expiry + 10)).await.unwrap(), "not expired since");
    lease.release("b").await.unwrap();
    assert!(
        !lease.acquire("b", at(expiry + 11)).await.unwrap(),
        "only its holder gives it back"
    );

    assert!(lease.acquire("b", at(expiry + 20)).await.unwrap(), "expired");
    assert!(!lease.acquire("a", at(expiry + 21)).await.unwrap(), "it came too late");
    lease.release("b").await.unwrap();
    assert!(lease.acquire("a", at(expiry + 22)).await.unwrap());
}
