//! Writes the inputs that fuzzing starts from into `corpus/`, made from the recordings.

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

fn main() -> io::Result<()> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let lines = events(&here.join("../recordings"))?;
    let kinds = one_of_each_kind(&lines);
    for (number, line) in kinds.iter().enumerate() {
        write(here, "event", number, line.as_bytes())?;
        write(here, "skim", number, line.as_bytes())?;
        write(here, "touch", number, line.as_bytes())?;
    }
    // A few lines together, so that one ends and the next begins within a block.
    for (number, some) in kinds.chunks(3).enumerate() {
        write(here, "skim", 1000 + number, some.join("\n").as_bytes())?;
    }
    for (number, envelope) in kinds.iter().step_by(8).flat_map(|line| envelopes(line)).enumerate() {
        // The first bytes say how the rest is cut.
        write(here, "line", number, &[b"\x01\x07\x40\xff", envelope.as_bytes()].concat())?;
    }
    for (number, text) in INVENTORIES.iter().enumerate() {
        write(here, "inventory", number, text.as_bytes())?;
    }
    for (number, text) in CONFIGS.iter().enumerate() {
        write(here, "config", number, text.as_bytes())?;
    }
    for (number, name) in ["cluster.yaml", "decoys.yaml"].iter().enumerate() {
        let text = fs::read_to_string(here.join("../recordings").join(name))?;
        write(here, "objects", number, text.as_bytes())?;
        // Its objects one by one, so that what is changed leaves the rest whole.
        for (of, object) in text.split("\n- ").skip(1).enumerate() {
            let list = format!("items:\n- {object}\n");
            write(here, "objects", 100 * (number + 1) + of, list.as_bytes())?;
        }
    }
    Ok(())
}

fn events(recordings: &Path) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    for name in ["theft", "five", "quiet"] {
        let mut log = String::new();
        let file = fs::File::open(recordings.join(name).join("audit.log.gz"))?;
        flate2::read::MultiGzDecoder::new(file).read_to_string(&mut log)?;
        lines.extend(log.lines().map(str::to_owned));
    }
    Ok(lines)
}

/// The shortest event of each verb, resource and answer.
fn one_of_each_kind(lines: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut sorted: Vec<&String> = lines.iter().filter(|line| line.len() < 4000).collect();
    sorted.sort_by_key(|line| line.len());
    let kind = |line: &str| {
        let event: Value = serde_json::from_str(line).unwrap_or_default();
        let object = &event["objectRef"];
        [&event["verb"], &object["resource"], &object["subresource"], &event["responseStatus"]["code"]]
            .map(Value::to_string)
    };
    sorted.into_iter().filter(|line| seen.insert(kind(line))).cloned().collect()
}

/// The event in each envelope that carries events.
fn envelopes(line: &str) -> Vec<String> {
    let event: Value = serde_json::from_str(line).unwrap_or_default();
    let (half, rest) = line.split_at(line.floor_char_boundary(line.len() / 2));
    let all = [
        json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "metadata": {}, "items": [event, event]}),
        json!({"events": [{"logStreamName": "kube-apiserver-audit-1", "timestamp": 1, "message": line, "eventId": "1"}]}),
        json!({"messageType": "DATA_MESSAGE", "logGroup": "g", "logStream": "s", "logEvents": [{"message": line}]}),
        json!({"records": [{"category": "kube-audit", "properties": {"log": line}, "time": "2026-11-20T22:09:49Z"}]}),
        json!({"log": format!("{line}\n"), "stream": "stdout"}),
        json!({"message": line}),
        json!({"streams": [{"stream": {}, "values": [["1795266212614636934", line]]}]}),
        json!([event, event]),
    ];
    let mut all: Vec<String> = all.iter().map(Value::to_string).collect();
    let time = "2026-11-20T22:09:49.1Z stdout";
    all.push(format!("{time} P {half}\n{time} F {rest}\n"));
    all.push(format!("{time} F {line}\n{time} P {half}"));
    all.push(serde_json::to_string_pretty(&event).unwrap_or_default());
    all.push(GKE.to_owned());
    all
}

const GKE: &str = r#"{"insertId":"a","logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","resource":{"type":"k8s_cluster","labels":{"cluster_name":"c"}},"timestamp":"2026-11-20T22:09:49Z","operation":{"id":"o"},"protoPayload":{"methodName":"io.k8s.core.v1.secrets.get","resourceName":"core/v1/namespaces/honeypot/secrets/backup-sa-token","authenticationInfo":{"principalEmail":"system:serviceaccount:a:b"},"requestMetadata":{"callerIp":"192.0.2.1","callerSuppliedUserAgent":"curl"},"status":{"code":7}},"labels":{"authorization.k8s.io/decision":"forbid"}}"#;

const INVENTORIES: [&str; 4] = [
    "version: 1\ncluster: prod\ndecoys:\n- namespace: honeypot\n  account: backup-sa\n  uid: u\n  persona: backup\n  placements:\n  - {secret: backup-sa-token, location: x, mountedBy: {pod: file-backup, nodes: [worker-1]}}\n  - {name: ci, credentialId: JTI=4c1e6c0a-7d0f-4f0e-8d1c-0d8c6f1f2a33}\nnamespaces: [{name: vault}]\nwalkers: [system:serviceaccount:velero:velero]\n",
    "{version: 1, decoys: [{namespace: a, account: b}, {cluster: two, namespace: a, account: b}]}",
    "version: 1\ndecoys: &a [{namespace: a, account: b, placements: [{mountedBy: {workload: w}}]}]\n",
    "kube-system/tiller:tiller-token-x7k2p",
];

const CONFIGS: [&str; 3] = [
    "version: 1\ncluster: c\ninventory: i.yaml\nstore: s.db\nsources:\n- {type: file, name: a, path: audit.log, start: oldestBackup}\n- {type: webhook, name: b, cluster: d, listen: '127.0.0.1:9443', certFile: c, keyFile: k, tokenFile: t, clientCaFile: a, maxBody: 1000}\n- {type: stdin, name: s}\nsinks:\n- {type: file, name: f, path: alerts.json, format: text, minSeverity: high}\n- {type: slack, name: s, urlFile: u, timeout: 5s}\n- {type: webhook, name: w, urlEnv: U, secretFile: k, headers: [{name: Authorization, valueEnv: V}], body: '{\"a\": \"{{ incident.title }}\"}'}\n- {type: terminal, name: t}\nincidents: {window: 15m, quiet: 30s, giveUpAfter: 72h}\n",
    "{version: 1, sources: [{type: file, name: audit, path: audit.log}]}",
    "version: 1\nsources: [{type: stdin, name: s}]\nsinks: [{type: slack, name: x, url: 'https://hooks.example/x'}]\n",
];

fn write(here: &Path, target: &str, number: usize, bytes: &[u8]) -> io::Result<()> {
    let folder: PathBuf = here.join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("seed-{number:04}")), bytes)
}
