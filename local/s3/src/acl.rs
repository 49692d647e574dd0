//! Who may do what: everybody who has the one key, everything. Clients ask before they copy or change an access control list.

use s3s::dto::*;

/// The owner of all buckets and objects.
const OWNER: &str = "cardlake";

pub(crate) fn owner() -> Owner {
    Owner {
        display_name: Some(OWNER.to_owned()),
        id: Some(OWNER.to_owned()),
    }
}

/// The owner has full control.
pub(crate) fn grants() -> Grants {
    vec![Grant {
        grantee: Some(Grantee {
            display_name: Some(OWNER.to_owned()),
            email_address: None,
            id: Some(OWNER.to_owned()),
            type_: Type::from_static(Type::CANONICAL_USER),
            uri: None,
        }),
        permission: Some(Permission::from_static(Permission::FULL_CONTROL)),
    }]
}
