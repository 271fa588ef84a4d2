//! For tests only: a real control plane on this machine's loopback: etcd, kube-apiserver and kube-controller-manager,
//! from the folder that `KUBEBUILDER_ASSETS` names. Killed when it goes out of scope.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "only tests use it")]

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use reqwest::{Certificate, Client, Identity};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Where the binaries are looked for if nothing else is said.
const USUAL: &str = "/usr/local/kubebuilder/bin";
/// An audit policy that logs nothing.
pub const NO_AUDIT: &str = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n";

const BINARIES: [&str; 3] = ["etcd", "kube-apiserver", "kube-controller-manager"];
/// How long a part may take to become ready.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often a start is tried: a free port can be taken by another before it is used.
const TRIES: u32 = 3;

/// The folder with the binaries. None where one is missing, which is said on standard error.
pub fn binaries() -> Option<PathBuf> {
    let folder = std::env::var_os("KUBEBUILDER_ASSETS").map_or_else(|| PathBuf::from(USUAL), PathBuf::from);
    if BINARIES.iter().all(|name| folder.join(name).is_file()) {
        return Some(folder);
    }
    eprintln!("skipped: no control plane in {}", folder.display());
    None
}

/// Keys and certificates, in a folder.
pub struct Pki {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Pki {
    /// An authority, the keys of the control plane, and those of whatever else listens on loopback.
    pub fn new(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = named("test-authority", None);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let cert = params.self_signed(&key).unwrap();
        let pki = Self { folder: folder.to_owned(), issuer: Issuer::new(params, key) };
        pki.write("ca.crt", &cert.pem());
        pki.server("apiserver");
        pki.server("sensor");
        pki.client("admin", Some("system:masters"));
        pki.client("system:kube-controller-manager", None);
        let accounts = KeyPair::generate().unwrap();
        pki.write("sa.key", &accounts.serialize_pem());
        pki.write("sa.pub", &accounts.public_key_pem());
        pki
    }

    /// A file of it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file of it, read.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// How a kubeconfig says that its user is `name`, which has a certificate.
    pub fn user(&self, name: &str) -> Value {
        let file = |end: &str| self.path(&format!("{name}.{end}"));
        json!({"client-certificate": file("crt"), "client-key": file("key")})
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn server(&self, name: &str) {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        self.sign(name, params, ExtendedKeyUsagePurpose::ServerAuth);
    }

    fn client(&self, user: &str, group: Option<&str>) {
        self.sign(user, named(user, group), ExtendedKeyUsagePurpose::ClientAuth);
    }

    fn sign(&self, name: &str, mut params: CertificateParams, usage: ExtendedKeyUsagePurpose) {
        params.extended_key_usages = vec![usage];
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        self.write(&format!("{name}.crt"), &cert.pem());
        self.write(&format!("{name}.key"), &key.serialize_pem());
    }
}

fn named(name: &str, group: Option<&str>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    if let Some(group) = group {
        params.distinguished_name.push(DnType::OrganizationName, group);
    }
    params
}

/// What a control plane is started with.
pub struct Wanted<'w> {
    /// Everything it writes goes here.
    pub folder: &'w Path,
    /// Made before, so that flags can name its files.
    pub pki: &'w Pki,
    /// The audit policy.
    pub policy: &'w str,
    /// More flags for the API server.
    pub flags: &'w [String],
}

/// A running control plane.
pub struct ControlPlane {
    /// In order of their start; ended in the opposite order.
    parts: Vec<(&'static str, Child)>,
    address: SocketAddr,
    authority: Certificate,
    admin: Identity,
    log: PathBuf,
}

impl ControlPlane {
    /// Starts one and waits until all of it is ready.
    pub async fn start(binaries: &Path, wanted: &Wanted<'_>) -> Self {
        for attempt in 1.. {
            match Self::try_start(binaries, wanted).await {
                Ok(plane) => return plane,
                Err(why) if attempt < TRIES => eprintln!("trying again: {why}"),
                Err(why) => panic!("no control plane: {why}"),
            }
        }
        unreachable!("the loop ends by itself")
    }

    async fn try_start(binaries: &Path, wanted: &Wanted<'_>) -> Result<Self, String> {
        let [etcd, peer, api] = free_ports();
        let (pki, folder) = (wanted.pki, wanted.folder);
        let pem = [pki.read("admin.crt"), pki.read("admin.key")].concat();
        let mut plane = Self {
            parts: Vec::new(),
            address: at(api),
            authority: Certificate::from_pem(pki.read("ca.crt").as_bytes()).unwrap(),
            admin: Identity::from_pem(pem.as_bytes()).unwrap(),
            log: folder.join("audit.log"),
        };
        let file = |name: &str| pki.path(name).display().to_string();
        let here = |name: &str| folder.join(name).display().to_string();
        fs::write(folder.join("policy.yaml"), wanted.policy).unwrap();
        let _ = fs::remove_dir_all(folder.join("etcd"));

        let (etcd, peer) = (format!("http://{}", at(etcd)), format!("http://{}", at(peer)));
        plane.run(
            binaries,
            folder,
            "etcd",
            &[
                format!("--data-dir={}", here("etcd")),
                "--unsafe-no-fsync".into(),
                format!("--listen-client-urls={etcd}"),
                format!("--advertise-client-urls={etcd}"),
                format!("--listen-peer-urls={peer}"),
                format!("--initial-advertise-peer-urls={peer}"),
                format!("--initial-cluster=default={peer}"),
            ],
        );
        plane.ready(&format!("{etcd}/readyz")).await?;

        let mut flags = vec![
            format!("--etcd-servers={etcd}"),
            "--bind-address=127.0.0.1".into(),
            "--advertise-address=127.0.0.1".into(),
            format!("--secure-port={api}"),
            "--endpoint-reconciler-type=none".into(),
            "--service-cluster-ip-range=10.0.0.0/24".into(),
            format!("--cert-dir={}", here("apiserver")),
            format!("--tls-cert-file={}", file("apiserver.crt")),
            format!("--tls-private-key-file={}", file("apiserver.key")),
            format!("--client-ca-file={}", file("ca.crt")),
            "--service-account-issuer=https://kubernetes.default.svc".into(),
            format!("--service-account-signing-key-file={}", file("sa.key")),
            format!("--service-account-key-file={}", file("sa.pub")),
            // It is also how long the server waits for open connections when it is told to end.
            "--request-timeout=5s".into(),
            format!("--audit-policy-file={}", here("policy.yaml")),
            format!("--audit-log-path={}", plane.log.display()),
        ];
        // Given twice, its modes would be added up.
        if !wanted.flags.iter().any(|flag| flag.starts_with("--authorization-mode=")) {
            flags.push("--authorization-mode=Node,RBAC".into());
        }
        flags.extend_from_slice(wanted.flags);
        plane.run(binaries, folder, "kube-apiserver", &flags);
        plane.ready(&format!("https://{}/readyz", plane.address)).await?;

        let controllers = pki.user("system:kube-controller-manager");
        fs::write(folder.join("kcm.kubeconfig"), plane.kubeconfig(pki, &controllers)).unwrap();
        plane.run(binaries, folder, "kube-controller-manager", &[
            format!("--kubeconfig={}", here("kcm.kubeconfig")),
            "--leader-elect=false".into(),
            "--use-service-account-credentials=true".into(),
            "--bind-address=127.0.0.1".into(),
            // Nobody asks it anything, and a port of its own could be taken until it is there.
            "--secure-port=0".into(),
            format!("--service-account-private-key-file={}", file("sa.key")),
            format!("--root-ca-file={}", file("ca.crt")),
            "--controllers=serviceaccount-token-controller,serviceaccount-controller,root-ca-certificate-publisher-controller,clusterrole-aggregation-controller".into(),
        ]);
        Ok(plane)
    }

    fn run(&mut self, binaries: &Path, folder: &Path, name: &'static str, flags: &[String]) {
        let log = fs::File::create(folder.join(format!("{name}.log"))).unwrap();
        let mut command = Command::new(binaries.join(name));
        command.args(flags).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.parts.push((name, command.spawn().unwrap()));
    }

    /// Waits until the part that was started last says that it is ready.
    async fn ready(&mut self, url: &str) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        let client = self.admin();
        loop {
            if client.get(url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            let (name, part) = self.parts.last_mut().unwrap();
            if let Some(status) = part.try_wait().unwrap() {
                return Err(format!("{name} ended with {status}"));
            }
            if Instant::now() > deadline {
                return Err(format!("{name} is not ready after {PATIENCE:?}"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The audit log.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// A URL of the API server.
    pub fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.address)
    }

    /// A kubeconfig's text: this server, known by `ca.crt` of `pki`, and this user.
    pub fn kubeconfig(&self, pki: &Pki, user: &Value) -> String {
        kubeconfig(self.address, &pki.path("ca.crt"), user)
    }

    /// A client that is the administrator.
    pub fn admin(&self) -> Client {
        let builder =
            Client::builder().tls_certs_only([self.authority.clone()]).user_agent("kubectl/v1.36.2");
        builder.identity(self.admin.clone()).build().unwrap()
    }

    /// A client with no credential of its own, that calls from an address of its own on loopback.
    pub fn stranger(&self, from: IpAddr, agent: &str) -> Client {
        let builder = Client::builder().tls_certs_only([self.authority.clone()]);
        builder.local_address(from).user_agent(agent).build().unwrap()
    }

    /// Makes an object as the administrator; tries again while what it depends on is not there yet.
    pub async fn make(&self, path: &str, object: &Value) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.admin().post(self.url(path)).json(object).send().await.unwrap();
            let status = answer.status();
            let text = answer.text().await.unwrap();
            if status.is_success() {
                return serde_json::from_str(&text).unwrap();
            }
            assert!(Instant::now() < deadline, "{path}: {status}: {text}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Ends the API server as an administrator does, so that it sends what it still holds. True if it ended so.
    pub fn shut_down(mut self) -> bool {
        // It would wait for those who watch it.
        if let Some((_, mut controllers)) = self.parts.pop() {
            let _ = controllers.kill();
            let _ = controllers.wait();
        }
        let (_, server) = self.parts.last_mut().unwrap();
        kill_process(Pid::from_child(server), Signal::TERM).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = server.try_wait().unwrap() {
                return status.signal().is_none();
            }
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        for (_, part) in self.parts.iter_mut().rev() {
            // Both fail where it has ended already.
            let _ = part.kill();
            let _ = part.wait();
        }
    }
}

/// A kubeconfig's text, with one context of the name `real`.
fn kubeconfig(address: SocketAddr, authority: &Path, user: &Value) -> String {
    let server = format!("https://{address}");
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "real",
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": authority}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [{"name": "real", "context": {"cluster": "c", "user": "u"}}],
    })
    .to_string()
}

fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// Ports that nobody uses, held together so that none is given twice.
fn free_ports() -> [u16; 3] {
    let held = [(); 3].map(|()| TcpListener::bind(at(0)).unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}
