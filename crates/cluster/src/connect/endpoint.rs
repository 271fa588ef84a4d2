//! Where the server is, for a kubeconfig that is written for others.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::Connection;

/// What is needed to write a kubeconfig for this cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The server's URL.
    pub server: String,
    /// The certificate authority, PEM; none where the system's own are used.
    pub authority: Option<String>,
    /// The name that the server's certificate is checked for, where it is not that of the URL
    /// (`tls-server-name`).
    pub tls_server_name: Option<String>,
}

impl Connection {
    /// Where the server is, as it is reached from here.
    pub fn endpoint(&self) -> Endpoint {
        let given = self.nobody.root_cert.as_deref().filter(|certificates| !certificates.is_empty());
        Endpoint {
            server: self.place.server.clone(),
            authority: given.map(|certificates| certificates.iter().map(|der| pem(der)).collect()),
            tls_server_name: self.nobody.tls_server_name.clone(),
        }
    }
}

/// RFC 7468 §5.
fn pem(der: &[u8]) -> String {
    let encoded = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for (index, digit) in encoded.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(digit);
    }
    pem.push_str("\n-----END CERTIFICATE-----\n");
    pem
}
