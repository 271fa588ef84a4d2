//! The way to a cluster: found as kubectl finds it, and tried once.

mod endpoint;
mod kubeconfig;
mod plugin;
mod proxy;
mod stamp;

use std::{ffi::OsString, fmt, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use kube::{
    Client, Config,
    client::ClientBuilder,
    config::{AuthInfo, KubeConfigOptions},
};

pub(crate) use self::plugin::Plugin;
pub use self::{endpoint::Endpoint, stamp::Stamp};
use crate::{
    ask::{Agent, Asker, JSON, Patience, Refusal, usual_agent},
    clock::Clock,
    error::{ClusterError, Place},
    trouble::{Reason, of_credential, of_kube, where_broken},
};
use kubeconfig::{Chosen, choose};

/// The most bytes that `/version` may have.
const VERSION_BYTES: usize = 64 << 10;

/// Which cluster, and how long to wait for it.
#[derive(Debug, Clone, Default)]
pub struct ConnectOptions {
    /// The kubeconfig. Else that of `KUBECONFIG`, else `~/.kube/config`, else the cluster of the pod that this runs in.
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context. Else its current one.
    pub context: Option<String>,
    /// How long the server is waited for.
    pub patience: Patience,
    /// That nobody sits at a terminal, and how long a credential plugin may then take. One that asks there is refused
    /// (as with `interactiveMode: Never`), and one that does not end in time is killed.
    pub unattended: Option<Duration>,
}

/// A cluster that answers.
#[derive(Clone)]
pub struct Connection {
    client: Client,
    /// Where the credential comes from, unless the client has it.
    plugin: Option<Arc<Plugin>>,
    patience: Patience,
    place: Place,
    version: Result<Bytes, Reason>,
    /// How to reach the server, with no credential in it.
    nobody: Arc<Config>,
    clock: Arc<Clock>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Connection {
    /// Finds the cluster, gets the credential, and asks the server for its version.
    ///
    /// A credential plugin that the kubeconfig names is run. It may talk to the terminal and take its time, as with
    /// kubectl, unless [`ConnectOptions::unattended`] says otherwise.
    ///
    /// # Errors
    ///
    /// Where no cluster is named, the kubeconfig is wrong, the server cannot be reached or does not accept the
    /// credential.
    pub async fn open(options: ConnectOptions) -> Result<Self, ClusterError> {
        Self::open_from(options, &Surroundings::here()).await
    }

    async fn open_from(options: ConnectOptions, around: &Surroundings) -> Result<Self, ClusterError> {
        let (mut config, place) = configure(&options, around).await?;
        let mut nobody = config.clone();
        (nobody.auth_info, nobody.headers) = (AuthInfo::default(), Vec::new());
        if config.accept_invalid_certs {
            tracing::warn!(
                server = place.server,
                "the kubeconfig turns the check of the server's certificate off"
            );
        }
        let unusable = |why| ClusterError::Unusable { place: Box::new(place.clone()), why };
        let (plugin, client) = match options.unattended {
            None => (None, client(config, &place).await?),
            Some(limit) => {
                let plugin = plugin::take(&mut config.auth_info, limit).await.map_err(unusable)?;
                let built = tokio::time::timeout(limit, client(config, &place)).await;
                let slow = |_| unusable(format!("the credential was not there within {limit:?}"));
                (plugin.map(Arc::new), built.map_err(slow)??)
            }
        };
        let mut connection = Self {
            client,
            plugin,
            patience: options.patience,
            place,
            version: Err(Reason::NotAsked),
            nobody: Arc::new(nobody),
            clock: Arc::default(),
        };
        connection.version = connection.ask_version().await?;
        Ok(connection)
    }

    /// The server's version, as any authenticated account may ask. An answer that says nothing of it is no error.
    async fn ask_version(&self) -> Result<Result<Bytes, Reason>, ClusterError> {
        let asker = Asker { known_good: false, ..self.asker() };
        let place = Box::new(self.place.clone());
        match asker.get("/version", JSON, VERSION_BYTES).await {
            Ok(version) => Ok(is_json(version)),
            Err(Refusal::Because(Reason::Unauthorized)) => Err(ClusterError::Unauthorized { place }),
            Err(Refusal::Because(Reason::Credential { why })) => Err(ClusterError::Unusable { place, why }),
            Err(Refusal::Because(why @ (Reason::Unreachable { .. } | Reason::Silent { .. }))) => {
                Err(ClusterError::Unreachable { place, why })
            }
            Err(other) => Ok(Err(other.into_reason(VERSION_BYTES))),
        }
    }

    /// Which cluster this is, and how it was found.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// What the server answered to `/version`: JSON with `gitVersion`, `major` and `minor` (apimachinery version
    /// types.go); or why it said nothing of it.
    ///
    /// # Errors
    ///
    /// Never keeps from collecting: only the version is unknown.
    pub fn version(&self) -> Result<&Bytes, &Reason> {
        self.version.as_ref()
    }

    /// What the server's clock shows, by the latest answer that named its time; to the second. None before.
    pub fn now(&self) -> Option<Timestamp> {
        self.clock.now()
    }

    pub(crate) fn asker(&self) -> Asker {
        self.asker_as(usual_agent())
    }

    /// An asker whose requests show another user agent.
    pub(crate) fn asker_as(&self, agent: Agent) -> Asker {
        let (client, clock) = (self.client.clone(), Arc::clone(&self.clock));
        Asker { client, plugin: self.plugin.clone(), patience: self.patience, known_good: true, agent, clock }
    }

    /// An asker with no credential, over a connection of its own.
    pub(crate) async fn nobody(&self, agent: Agent) -> Result<Asker, ClusterError> {
        let client = client(Config::clone(&self.nobody), &self.place).await?;
        Ok(Asker { client, plugin: None, ..self.asker_as(agent) })
    }
}

/// What the environment says, apart from it so that a test can say it.
struct Surroundings {
    /// `KUBECONFIG`.
    kubeconfig: Option<OsString>,
    home: Option<PathBuf>,
    /// Whether this runs in a pod.
    in_pod: bool,
}

impl Surroundings {
    fn here() -> Self {
        Self {
            kubeconfig: std::env::var_os("KUBECONFIG"),
            home: std::env::home_dir(),
            in_pod: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
        }
    }
}

async fn configure(options: &ConnectOptions, around: &Surroundings) -> Result<(Config, Place), ClusterError> {
    let Some(chosen) = choose(options, around)? else {
        return in_pod(options.context.as_deref());
    };
    let Chosen { kubeconfig, context, place, proxied } = chosen;
    let wanted = KubeConfigOptions { context: Some(context), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &wanted)
        .await
        .map_err(|error| kubeconfig::unusable(place.clone(), &error))?;
    if !proxied && !proxy::wanted(&config.cluster_url) {
        config.proxy_url = None;
    }
    Ok((config, place))
}

fn in_pod(context: Option<&str>) -> Result<(Config, Place), ClusterError> {
    if let Some(context) = context {
        return Err(ClusterError::ContextInPod { context: context.to_owned() });
    }
    let mut place = Place { server: "the API server".into(), context: None, file: None };
    let config = Config::incluster().map_err(|error| ClusterError::Unusable {
        place: Box::new(place.clone()),
        why: format!(
            "{error}; mount the account's token (automountServiceAccountToken), or name a kubeconfig"
        ),
    })?;
    place.server = kubeconfig::bare(&config.cluster_url);
    Ok((config, place))
}

async fn client(mut config: Config, place: &Place) -> Result<Client, ClusterError> {
    // Its own retries know no 500, cannot be bounded in time, and would multiply with ours.
    config.default_retry = false;
    // It runs the credential plugin and waits for its end.
    let built =
        tokio::task::spawn_blocking(move || ClientBuilder::try_from(config).map(ClientBuilder::build));
    let unusable = |why| ClusterError::Unusable { place: Box::new(place.clone()), why };
    match built.await {
        Ok(Ok(client)) => Ok(client),
        Ok(Err(error)) => Err(unusable(of_building(&error))),
        Err(_) => {
            Err(unusable("the connection could not be set up; see whether the kubeconfig is whole".into()))
        }
    }
}

/// Why no client could be built, with no word of what is in a certificate, a key or a proxy's URL.
fn of_building(error: &kube::Error) -> String {
    match error {
        kube::Error::Auth(auth) => of_credential(auth),
        kube::Error::InferKubeconfig(error) => kubeconfig::told(error),
        kube::Error::RustlsTls(_) => {
            "the certificate authority, client certificate or key that the kubeconfig gives cannot be used; they must \
             be PEM, and the key must be the certificate's"
                .into()
        }
        kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => {
            "the proxy's URL must begin with http:// or https://; correct proxy-url or HTTPS_PROXY".into()
        }
        other => match of_kube(other) {
            Reason::Credential { why } => why,
            _ => "what the kubeconfig says of the cluster and the user cannot be used; correct it".into(),
        },
    }
}

fn is_json(version: Bytes) -> Result<Bytes, Reason> {
    match serde_json::from_slice::<serde::de::IgnoredAny>(&version) {
        Ok(_) => Ok(version),
        Err(error) => Err(Reason::Damaged { what: where_broken(&error) }),
    }
}

#[cfg(test)]
mod tests;
