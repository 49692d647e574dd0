//! Who may connect: one user with a password, by SCRAM-SHA-256 or, as Redshift's own drivers expect it, by MD5.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use cardlake_redshift_sql::shown;
use futures::Sink;
use pgwire::api::auth::md5pass::{Md5PasswordAuth, hash_md5_password};
use pgwire::api::auth::mechanism::AuthMechanismFactory;
use pgwire::api::auth::sasl::SaslMechanisms;
use pgwire::api::auth::sasl::scram::{ScramAuth, gen_salted_password};
use pgwire::api::auth::{
    AuthDriver, AuthOutcome, AuthSource, LoginInfo, Password, ServerParameterProvider, StartupHandler,
    protocol_negotiation, save_startup_parameters_to_metadata,
};
use pgwire::api::{ClientInfo, METADATA_DATABASE, METADATA_USER};
use pgwire::error::{ErrorInfo, PgWireError, PgWireResult};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use uuid::Uuid;

use super::connection::Connections;
use crate::engine::Engine;
use crate::options::WireOptions;

/// The startup parameter by which Redshift's drivers are known. They know MD5 and no SCRAM.
const REDSHIFT_DRIVER: &str = "client_protocol_version";
/// The settings that a server tells at the start.
const REPORTED: &[&str] = &[
    "client_encoding",
    "DateStyle",
    "integer_datetimes",
    "is_superuser",
    "server_encoding",
    "server_version",
    "standard_conforming_strings",
    "TimeZone",
];
/// Rounds of hashing in SCRAM, PostgreSQL's number.
const ITERATIONS: usize = 4096;

/// Lets clients in, and gives each a connection.
pub(super) struct Authentication {
    driver: AuthDriver<Parameters>,
    md5: Md5PasswordAuth<Md5Source>,
    scram: SaslMechanisms,
    database: String,
    engine: Arc<Engine>,
    connections: Arc<Connections>,
}

impl Authentication {
    pub(super) fn new(options: WireOptions, engine: &Arc<Engine>, connections: &Arc<Connections>) -> Self {
        let login = Arc::new(options);
        let scram = ScramAuth::new(Arc::new(ScramSource(Arc::clone(&login))));
        Self {
            driver: AuthDriver::new(Parameters),
            md5: Md5PasswordAuth::new(Arc::new(Md5Source(login))),
            scram: SaslMechanisms::new(vec![Arc::new(scram)]),
            database: engine.database.clone(),
            engine: Arc::clone(engine),
            connections: Arc::clone(connections),
        }
    }

    /// Ends a successful handshake: the client has a connection before it may send anything.
    async fn finish<C>(&self, client: &mut C, outcome: AuthOutcome) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let AuthOutcome::Authenticated { final_message, .. } = outcome else {
            return Ok(());
        };
        // A client that names no database means the one there is, under the user's name.
        let database = client.metadata().get(METADATA_DATABASE);
        if let Some(database) = database.filter(|name| **name != self.database) {
            return Err(fatal("3D000", format!("database \"{database}\" does not exist")));
        }
        let Some(slot) = self.connections.open(&self.engine) else {
            return Err(fatal("53300", "too many connections".to_owned()));
        };
        client.session_extensions().insert(slot.connection());
        self.driver.complete_authentication(client, final_message).await?;
        let (process, key) = client.pid_and_secret_key();
        slot.register(process, key);
        client.session_extensions().insert(slot);
        Ok(())
    }
}

fn fatal(state: &str, message: String) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("FATAL".to_owned(), state.to_owned(), message)))
}

#[async_trait]
impl StartupHandler for Authentication {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let outcome = match message {
            PgWireFrontendMessage::Startup(startup) => {
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                if !client.metadata().contains_key(METADATA_USER) {
                    return Err(PgWireError::UserNameRequired);
                }
                let mechanism = if client.metadata().contains_key(REDSHIFT_DRIVER) {
                    self.md5.create()
                } else {
                    self.scram.create()
                };
                self.driver.begin_authentication(client, mechanism).await?
            }
            PgWireFrontendMessage::PasswordMessageFamily(message) => {
                self.driver.advance_authentication(client, message).await?
            }
            _ => return Ok(()),
        };
        self.finish(client, outcome).await
    }
}

/// The password of a login; that of nobody for another user, who is then refused like one with a wrong password.
fn password(login: &WireOptions, info: &LoginInfo<'_>) -> String {
    if info.user() == Some(login.user.as_str()) {
        login.password.clone()
    } else {
        Uuid::new_v4().to_string()
    }
}

/// A salt that no one can foresee.
fn salt<const LENGTH: usize>() -> [u8; LENGTH] {
    let random = Uuid::new_v4().into_bytes();
    std::array::from_fn(|index| random[index % random.len()])
}

/// The hash that MD5 wants.
struct Md5Source(Arc<WireOptions>);

impl Debug for Md5Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Md5Source")
    }
}

#[async_trait]
impl AuthSource for Md5Source {
    async fn get_password(&self, info: &LoginInfo) -> PgWireResult<Password> {
        let salt = salt::<4>();
        let user = info.user().unwrap_or_default();
        let hash = hash_md5_password(user, &password(&self.0, info), &salt);
        Ok(Password::new(Some(salt.to_vec()), hash.into_bytes()))
    }
}

/// The hash that SCRAM wants.
struct ScramSource(Arc<WireOptions>);

impl Debug for ScramSource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ScramSource")
    }
}

#[async_trait]
impl AuthSource for ScramSource {
    async fn get_password(&self, info: &LoginInfo) -> PgWireResult<Password> {
        let salt = salt::<16>();
        let salted = gen_salted_password(&password(&self.0, info), &salt, ITERATIONS);
        Ok(Password::new(Some(salt.to_vec()), salted))
    }
}

/// What a client is told about the server: what Redshift tells.
struct Parameters;

impl ServerParameterProvider for Parameters {
    fn server_parameters<C: ClientInfo>(&self, client: &C) -> Option<HashMap<String, String>> {
        // The same as SHOW tells.
        let value = |name: &str| Some((name.to_owned(), shown(&name.to_lowercase()).ok()?.to_owned()));
        let mut parameters: HashMap<String, String> = REPORTED.iter().filter_map(|name| value(name)).collect();
        let user = client.metadata().get(METADATA_USER).cloned();
        parameters.extend(user.map(|user| ("session_authorization".to_owned(), user)));
        if client.metadata().contains_key(REDSHIFT_DRIVER) {
            // The first version: descriptions of columns are PostgreSQL's.
            parameters.insert("server_protocol_version".to_owned(), "0".to_owned());
        }
        Some(parameters)
    }
}
