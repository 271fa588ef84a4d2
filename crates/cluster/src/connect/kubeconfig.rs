//! Finds the kubeconfig and the context in it, and says what is wrong with them.

use std::path::{Path, PathBuf};

use http::Uri;
use kube::config::{Context, Kubeconfig, KubeconfigError};

use super::{ConnectOptions, Surroundings};
use crate::error::{ClusterError, Known, Place};

/// A kubeconfig whose context, cluster and user are there.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) kubeconfig: Kubeconfig,
    pub(super) context: String,
    pub(super) place: Place,
    /// Whether the kubeconfig itself names a proxy.
    pub(super) proxied: bool,
}

/// Reads the kubeconfig. None where there is none and the pod's own cluster is meant.
pub(super) fn choose(
    options: &ConnectOptions,
    around: &Surroundings,
) -> Result<Option<Chosen>, ClusterError> {
    let files = find(options, around)?;
    if files.is_empty() {
        return Ok(None);
    }
    let names: Vec<_> = files.iter().map(|file| file.display().to_string()).collect();
    let file = names.join(":");
    let mut merged = Kubeconfig::default();
    for one in &files {
        let next = Kubeconfig::read_from(one).map_err(|error| unread(one, error))?;
        merged = merged.merge(next).map_err(|error| invalid(&file, told(&error)))?;
    }
    select(merged, file, options.context.as_deref()).map(Some)
}

/// The files to read: those that are there of what is named, in the order in which the first to say a thing wins.
/// None at all where the pod's own cluster is meant.
pub(super) fn find(options: &ConnectOptions, around: &Surroundings) -> Result<Vec<PathBuf>, ClusterError> {
    if let Some(file) = &options.kubeconfig {
        return Ok(vec![file.clone()]);
    }
    let named: Vec<_> = match &around.kubeconfig {
        Some(list) => std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect(),
        None => Vec::new(),
    };
    // One that is not there counts as empty, as with kubectl, as long as another is.
    let there: Vec<_> = named.iter().filter(|path| path.exists()).cloned().collect();
    if !there.is_empty() {
        return Ok(there);
    }
    if !named.is_empty() {
        return Ok(named);
    }
    let usual = around.home.as_ref().map(|home| home.join(".kube").join("config"));
    match usual {
        Some(file) if file.exists() => Ok(vec![file]),
        _ if around.in_pod => Ok(Vec::new()),
        Some(file) => Err(ClusterError::NoKubeconfig {
            looked: format!("KUBECONFIG is not set, {} is not there, and this is no pod", file.display()),
        }),
        None => Err(ClusterError::NoKubeconfig {
            looked: "neither KUBECONFIG nor a home folder is set, and this is no pod".into(),
        }),
    }
}

fn select(kubeconfig: Kubeconfig, file: String, context: Option<&str>) -> Result<Chosen, ClusterError> {
    let known = || Known(kubeconfig.contexts.iter().map(|context| context.name.clone()).collect());
    let current = kubeconfig.current_context.as_deref().filter(|name| !name.is_empty());
    let Some(name) = context.or(current).map(str::to_owned) else {
        return Err(ClusterError::NoContext { known: known(), file });
    };
    let named = kubeconfig.contexts.iter().find(|context| context.name == name);
    let Some(context) = named.and_then(|context| context.context.as_ref()) else {
        return Err(ClusterError::UnknownContext { known: known(), file, context: name });
    };
    let dangling = |what, missing: &str| ClusterError::Dangling {
        file: file.clone(),
        context: name.clone(),
        what,
        name: missing.to_owned(),
    };
    let named = kubeconfig.clusters.iter().find(|cluster| cluster.name == context.cluster);
    let cluster = named
        .and_then(|named| named.cluster.as_ref())
        .ok_or_else(|| dangling("cluster", &context.cluster))?;
    // The kube crate would go on as anonymous.
    if let Some(user) = missing_user(&kubeconfig, context) {
        return Err(dangling("user", user));
    }
    let uri = cluster.server.as_deref().and_then(|server| server.parse::<Uri>().ok());
    let uri = uri.filter(|uri| matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some());
    let Some(uri) = uri else {
        let why = format!(
            "the server of cluster `{}` must be a URL that begins with https:// and names a host",
            context.cluster
        );
        return Err(invalid(&file, why));
    };
    let proxied = cluster.proxy_url.as_ref().is_some_and(|url| !url.is_empty());
    let place = Place { server: bare(&uri), context: Some(name.clone()), file: Some(file) };
    Ok(Chosen { context: name, place, proxied, kubeconfig })
}

fn missing_user<'c>(kubeconfig: &Kubeconfig, context: &'c Context) -> Option<&'c str> {
    let user = context.user.as_deref().filter(|user| !user.is_empty())?;
    let there = kubeconfig.auth_infos.iter().any(|named| named.name == user && named.auth_info.is_some());
    (!there).then_some(user)
}

/// A server's URL as it may be shown: with no user, password and query.
pub(super) fn bare(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or("https");
    let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{scheme}://{}{port}{}", uri.host().unwrap_or_default(), uri.path().trim_end_matches('/'))
}

fn unread(file: &Path, error: KubeconfigError) -> ClusterError {
    let name = file.display().to_string();
    match error {
        KubeconfigError::ReadConfig(why, _) => ClusterError::Unreadable { file: file.to_owned(), why },
        // The parser's own words can quote the file, and so a token in it.
        KubeconfigError::Parse(error) => {
            let at = error.location();
            ClusterError::Invalid {
                file: name,
                line: at.map(|at| at.line()),
                column: at.map(|at| at.column()),
                why: "it is no YAML of kind Config".into(),
            }
        }
        other => invalid(&name, told(&other)),
    }
}

fn invalid(file: &str, why: String) -> ClusterError {
    ClusterError::Invalid { file: file.to_owned(), line: None, column: None, why }
}

/// What is wrong with what a context names.
pub(super) fn unusable(place: Place, error: &KubeconfigError) -> ClusterError {
    ClusterError::Unusable { place: Box::new(place), why: told(error) }
}

/// What is wrong, with nothing of what is in a field, a certificate or a key.
pub(super) fn told(error: &KubeconfigError) -> String {
    use KubeconfigError as K;
    match error {
        K::KindMismatch | K::ApiVersionMismatch => {
            "the files that KUBECONFIG names are not of one kind and version".into()
        }
        K::LoadCertificateAuthority(why) => loaded("certificate-authority", why),
        K::LoadClientCertificate(why) => loaded("client-certificate", why),
        K::LoadClientKey(why) => loaded("client-key", why),
        K::ParseCertificates(_) => {
            "the certificate authority is not PEM; correct certificate-authority".into()
        }
        K::ParseProxyUrl(_) => "the proxy's URL is none; correct proxy-url or HTTPS_PROXY".into(),
        K::ParseNoProxy(_) => "NO_PROXY cannot be understood; correct or unset it".into(),
        K::MissingClusterUrl | K::ParseClusterUrl(_) => "the cluster's server is no URL; correct it".into(),
        _ => "the kubeconfig's cluster, user or context cannot be understood; correct it".into(),
    }
}

fn loaded(field: &str, error: &kube::config::LoadDataError) -> String {
    use kube::config::LoadDataError as L;
    match error {
        L::ReadFile(why, path) => {
            format!("cannot read {} that {field} names: {why}; correct the kubeconfig", path.display())
        }
        L::DecodeBase64(_) => format!("{field}-data is not base64; correct the kubeconfig"),
        L::NoBase64DataOrFile => format!("there is neither {field} nor {field}-data; add one"),
    }
}
