//! Writes an audit log of any size from the shapes of the recordings: `generate MEBIBYTES FILE [TENANTS]`.
//!
//! Every line is a line of the recording of ordinary work with an id, times and a resource version of its own, so that
//! no two are alike and the mix of resources, verbs and bodies is that of a real API server. With `TENANTS`, the
//! workloads stand that many times side by side, each time in namespaces and at addresses of their own, and only events
//! of level Metadata are written: what a large cluster with a lean policy logs.

use std::{
    error::Error,
    fs::File,
    io::{BufWriter, Read, Write},
};

/// The fields that are made anew, by what stands before them.
const ID: &str = "\"auditID\":\"";
const TIMES: [&str; 2] = ["\"requestReceivedTimestamp\":\"", "\"stageTimestamp\":\""];

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (size, path, tenants) = match args.as_slice() {
        [size, path] => (size, path, None),
        [size, path, tenants] => (size, path, Some(tenants.parse::<u64>()?.max(1))),
        _ => return Err("usage: generate MEBIBYTES FILE [TENANTS]".into()),
    };
    let wanted = size.parse::<u64>()? << 20;
    let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/../../recordings/quiet/audit.log.gz");
    let (_, mut reader) = sundew_audit::decompress::reader(File::open(recording)?)?;
    let mut log = String::new();
    reader.read_to_string(&mut log)?;
    let lean = |line: &&str| tenants.is_none() || line.contains(r#""level":"Metadata""#);
    let lines: Vec<&str> = log.lines().filter(lean).collect();
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (mut written, mut number) = (0, 0_u64);
    while written < wanted {
        let line =
            vary(lines[number as usize % lines.len()], number, tenants.map_or(40, |tenants| 10 * tenants));
        let line = match tenants {
            // Neighbours in the log are of different tenants, as they are in a real one.
            Some(tenants) => rent(&line, number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32, tenants),
            None => line,
        };
        out.write_all(line.as_bytes())?;
        out.write_all(b"\n")?;
        written += line.len() as u64 + 1;
        number += 1;
    }
    out.flush()?;
    Ok(())
}

/// The line with an id and times that follow from `number`, at `rate` events a second: ten for each tenant, as in the
/// recording, and forty where there are none.
fn vary(line: &str, number: u64, rate: u64) -> String {
    let mut line = line.to_owned();
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let id = format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{number:012x}",
        mixed >> 32,
        mixed >> 16 & 0xffff,
        mixed & 0xfff,
        mixed >> 4 & 0xfff
    );
    overwrite(&mut line, ID, &id);
    let (seconds, micros) = (number / rate, number % rate * 1_000_000 / rate);
    let time = format!(
        "2026-11-{:02}T{:02}:{:02}:{:02}.{micros:06}Z",
        1 + seconds / 86_400 % 28,
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60
    );
    TIMES.iter().for_each(|before| overwrite(&mut line, before, &time));
    line
}

/// The line as the workloads of one tenant make it.
fn rent(line: &str, number: u64, tenants: u64) -> String {
    const NAMESPACES: [&str; 7] =
        ["argocd", "monitoring", "shop", "ci", "velero", "ingress-nginx", "external-secrets"];
    let tenant = number % tenants;
    let mut line = line.replace("127.10.0.", &format!("10.{}.{}.", tenant / 250, tenant % 250));
    // A pod has one token, and an address of its own.
    for before in ["JTI=", r#"authentication.kubernetes.io/pod-uid":[""#] {
        overwrite(&mut line, before, &format!("{tenant:08x}"));
    }
    for namespace in NAMESPACES {
        for before in
            ["system:serviceaccount:", "system:serviceaccounts:", "/namespaces/", r#""namespace":""#]
        {
            for after in [":", "/", "\""] {
                let own = format!("{before}{namespace}{after}");
                if line.contains(&own) {
                    line = line.replace(&own, &format!("{before}{namespace}-{tenant}{after}"));
                }
            }
        }
    }
    line
}

/// Puts `value` in place of as many bytes after `before`, where that stands.
fn overwrite(line: &mut String, before: &str, value: &str) {
    if let Some(at) = line.find(before).map(|at| at + before.len())
        && line.get(at..at + value.len()).is_some_and(|old| !old.contains('"'))
    {
        line.replace_range(at..at + value.len(), value);
    }
}
