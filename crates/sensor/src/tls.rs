//! TLS for what listens: certificates, keys, tokens and client authorities from files, read anew when they change.

use std::{
    io,
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use thiserror::Error;
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

use crate::config::WebhookSource;

/// Why a listener cannot be opened.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Certificate and key do not fit.
    #[error("the certificate in {} and the key in {} do not fit: {source}", cert.display(), key.display())]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another program there already?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// The provider of all cryptography in this program.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// What a webhook source shows and asks for. Certificates are renewed every few weeks: the files are looked at with
/// each use, and what is wrong with a new one leaves the old one in use.
pub(crate) struct Credentials {
    source: WebhookSource,
    current: Mutex<Current>,
}

struct Current {
    seen: Vec<Option<Look>>,
    acceptor: TlsAcceptor,
    token: Option<Token>,
}

/// A bearer token.
pub(crate) type Token = Arc<Zeroizing<String>>;

/// What tells that a file was changed.
type Look = (Option<SystemTime>, u64, u64);

impl Credentials {
    /// Reads the files of `source`.
    pub(crate) fn read(source: &WebhookSource) -> Result<Self, TlsError> {
        // Looked at first: a file that changes while it is read has changed since.
        let seen = look(source);
        let current = Current { seen, acceptor: server(source)?.into(), token: token(source)? };
        Ok(Self { source: source.clone(), current: Mutex::new(current) })
    }

    /// What accepts the next connection.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.with(|current| current.acceptor.clone())
    }

    /// The token that the next request must show.
    pub(crate) fn token(&self) -> Option<Token> {
        self.with(|current| current.token.clone())
    }

    fn with<T>(&self, take: impl FnOnce(&Current) -> T) -> T {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = look(&self.source);
        if seen != current.seen {
            current.seen = seen;
            self.renew(&mut current);
        }
        take(&current)
    }

    fn renew(&self, current: &mut Current) {
        let source = self.source.name.as_str();
        match server(&self.source) {
            Ok(server) => current.acceptor = server.into(),
            Err(error) => {
                tracing::error!(source, %error, "the new certificates are not taken; the old ones stay in use");
            }
        }
        match token(&self.source) {
            Ok(token) => current.token = token,
            Err(error) => {
                tracing::error!(source, %error, "the new token is not taken; the old one stays in use");
            }
        }
        tracing::info!(source, "read certificates and token anew");
    }
}

fn look(source: &WebhookSource) -> Vec<Option<Look>> {
    let files = [
        Some(&source.cert_file),
        Some(&source.key_file),
        source.token_file.as_ref(),
        source.client_ca_file.as_ref(),
    ];
    let look = |path: &PathBuf| {
        let meta = std::fs::metadata(path).ok()?;
        Some((meta.modified().ok(), meta.len(), meta.ino()))
    };
    files.into_iter().map(|path| look(path?)).collect()
}

fn token(source: &WebhookSource) -> Result<Option<Token>, TlsError> {
    source.token_file.as_deref().map(|path| read_token(path).map(Arc::new)).transpose()
}

/// The server's side for a webhook source.
fn server(source: &WebhookSource) -> Result<Arc<ServerConfig>, TlsError> {
    let certs = certificates(&source.cert_file)?;
    let key_file = &source.key_file;
    let pem = Zeroizing::new(read(key_file)?);
    let no_key = |error| TlsError::Content {
        path: key_file.clone(),
        problem: format!("no private key in PEM form: {error}"),
    };
    let key = PrivateKeyDer::from_pem_slice(&pem).map_err(no_key)?;
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Content { path: source.cert_file.clone(), problem: error.to_string() })?;
    let builder = match &source.client_ca_file {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let wrong = |problem: String| TlsError::Content { path: path.clone(), problem };
            let mut roots = RootCertStore::empty();
            for cert in certificates(path)? {
                roots.add(cert).map_err(|error| wrong(error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                .build()
                .map_err(|error| wrong(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_single_cert(certs, key).map_err(|error| TlsError::Pair {
        cert: source.cert_file.clone(),
        key: key_file.clone(),
        source: error,
    })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The bearer token in a file, without the line end that editors leave.
fn read_token(path: &Path) -> Result<Zeroizing<String>, TlsError> {
    let wrong = |problem: &str| TlsError::Content { path: path.to_owned(), problem: problem.into() };
    let bytes = Zeroizing::new(read(path)?);
    let token = std::str::from_utf8(&bytes).map_err(|_| wrong("the token is no text"))?.trim();
    if token.len() < 16 {
        return Err(wrong("the token is shorter than 16 characters; make one with `openssl rand -hex 32`"));
    }
    Ok(Zeroizing::new(token.to_owned()))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let wrong = |problem: String| TlsError::Content { path: path.to_owned(), problem };
    let certs: Vec<_> = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("no certificate in PEM form: {error}")))?;
    if certs.is_empty() { Err(wrong("no certificate in PEM form".into())) } else { Ok(certs) }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}
