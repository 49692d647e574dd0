//! Locations of the lake's layers and of the warehouse.

/// Buckets and warehouse of a deployment.
#[derive(Debug, Clone)]
pub(crate) struct Locations {
    pub(crate) bronze_bucket: String,
    pub(crate) silver_bucket: String,
    pub(crate) gold_bucket: String,
    /// Name of the workgroup or cluster, or an ARN that ends with it.
    pub(crate) warehouse: String,
    pub(crate) region: String,
    pub(crate) database: String,
}
