//! Leases over the local S3: of several takers one wins, and nobody blocks the others for ever.

use crate::support::{BUCKET, Fixture};
use cardlake_aws::lease::{EXPIRY, Lease};
use cardlake_aws::storage::{Storage, StorageError};
use cardlake_core::error::{ErrorKind, StageError};
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
    assert!(lease.acquire("a", at(20)).await.unwrap(), "still fresh");
    assert!(lease.acquire("a", at(expiry / 2)).await.unwrap(), "renewed");
    assert!(!lease.acquire("b", at(expiry + 10)).await.unwrap(), "not expired since");
    lease.release("b").await.unwrap();
    assert!(
        !lease.acquire("b", at(expiry + 11)).await.unwrap(),
        "only its holder gives it back"
    );

    let late = expiry / 2 + expiry;
    assert!(lease.acquire("b", at(late)).await.unwrap(), "expired");
    assert!(!lease.acquire("a", at(late + 1)).await.unwrap(), "it came too late");
    lease.release("b").await.unwrap();
    assert!(lease.acquire("a", at(late + 2)).await.unwrap());
}

#[derive(Debug, thiserror::Error)]
enum WorkError {
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error("{0:?}")]
    Work(ErrorKind),
}

impl StageError for WorkError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Storage(error) => error.kind(),
            Self::Work(kind) => *kind,
        }
    }
}

#[tokio::test]
async fn work_keeps_the_lease_until_it_ends_well_or_not() {
    let fixture = Fixture::new().await;
    let lease = Lease::new(Storage::new(fixture.client()), BUCKET, KEY);
    let tick = async |holder: &str, outcome: Result<bool, ErrorKind>| {
        let work = async { outcome.map_err(WorkError::Work) };
        lease.tick(holder, work, |ended| *ended).await
    };
    assert_eq!(tick("a", Ok(false)).await.unwrap(), Some(false));
    assert_eq!(tick("b", Ok(true)).await.unwrap(), None, "a goes on");
    assert_eq!(tick("a", Ok(true)).await.unwrap(), Some(true));

    assert_eq!(tick("b", Ok(false)).await.unwrap(), Some(false), "a has ended");
    tick("b", Err(ErrorKind::Transient)).await.unwrap_err();
    assert_eq!(tick("a", Ok(true)).await.unwrap(), None, "b tries again");
    tick("b", Err(ErrorKind::BuildFailed)).await.unwrap_err();
    assert_eq!(tick("a", Ok(true)).await.unwrap(), Some(true), "b has failed");
}
