//! The user of the local warehouse, for clients that connect to it as to a cluster.
//!
//! The password is made once for each data directory. It is in a secret of the form that Redshift's own rotation uses, so that a
//! client that reads its login from Secrets Manager needs nothing else:
//! <https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html>.

use std::net::SocketAddr;

use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use cardlake_aws::clients::Aws;
use serde::{Deserialize, Serialize};

use crate::error::CliError;

/// Secret with the login.
const LOGIN_SECRET: &str = "cardlake/redshift";
/// The one user.
const USER: &str = "cardlake";

/// A login, and where it is good.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
    engine: String,
    #[serde(default)]
    host: String,
    #[serde(default)]
    port: u16,
    dbname: String,
    /// The text of the secret that it was read from.
    #[serde(skip)]
    stored: Option<String>,
}

impl Login {
    /// The login of a data directory; a new one if it has none.
    pub(crate) async fn of(aws: &Aws, database: &str) -> Result<Self, CliError> {
        const DOING: &str = "read the warehouse's login";
        let known = secret(aws, LOGIN_SECRET).await;
        if let Some(text) = known.map_err(|error| CliError::caused(DOING, &error))? {
            let login: Self = serde_json::from_str(&text).map_err(|error| {
                CliError::caused(DOING, &error).hint(format!(
                    "remove {LOGIN_SECRET} from secrets/secrets.json in the data directory: a new login is made"
                ))
            })?;
            return Ok(Self {
                stored: Some(text),
                ..login
            });
        }
        Ok(Self {
            username: USER.to_owned(),
            password: uuid::Uuid::new_v4().simple().to_string(),
            engine: "redshift".to_owned(),
            host: String::new(),
            port: 0,
            dbname: database.to_owned(),
            stored: None,
        })
    }

    /// Writes the login into its secret, with the address that is served this time.
    pub(crate) async fn publish(mut self, aws: &Aws, address: SocketAddr) -> Result<Self, CliError> {
        const DOING: &str = "write the warehouse's login";
        self.host = address.ip().to_string();
        self.port = address.port();
        let text = serde_json::to_string(&self).map_err(|error| CliError::caused(DOING, &error))?;
        if self.stored.as_ref() == Some(&text) {
            return Ok(self);
        }
        let client = aws.secrets_manager();
        if self.stored.is_none() {
            let made = client.create_secret().name(LOGIN_SECRET).secret_string(text);
            made.send().await.map_err(|error| CliError::caused(DOING, &error))?;
        } else {
            let put = client.put_secret_value().secret_id(LOGIN_SECRET).secret_string(text);
            put.send().await.map_err(|error| CliError::caused(DOING, &error))?;
        }
        Ok(self)
    }

    /// The variables by which `psql` and everything on top of libpq connect.
    pub(crate) fn exports(&self) -> [(String, String); 5] {
        [
            ("PGDATABASE", self.dbname.clone()),
            ("PGHOST", self.host.clone()),
            ("PGPASSWORD", self.password.clone()),
            ("PGPORT", self.port.to_string()),
            ("PGUSER", self.username.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }
}

/// The text of a secret; `None` if there is no such secret.
pub(crate) async fn secret(aws: &Aws, name: &str) -> Result<Option<String>, SdkError<GetSecretValueError>> {
    let asked = aws.secrets_manager().get_secret_value().secret_id(name).send().await;
    match asked {
        Ok(known) => Ok(Some(known.secret_string().unwrap_or_default().to_owned())),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
