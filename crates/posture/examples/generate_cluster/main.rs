//! Writes a Kubernetes cluster of any size, one file a kind:
//! `generate_cluster DIR [--scale 1.0] [--seed 1] [--compact | --yaml]`.
//!
//! Scale 1.0 is 10,000 Roles and ClusterRoles, 50,000 bindings, 20,000 ServiceAccounts and 100,000 Pods. The same seed
//! gives the same bytes. Every object is made, written and forgotten; only names are kept (`plan`). The files are
//! those of `kubectl get KIND -A -o json`, with `--yaml` those of `-o yaml`, and with `--compact` the API server's own
//! lists. What Kubernetes itself makes in every cluster is taken from the recordings.

mod kit;
mod plan;
mod pods;
mod rbac;
mod secrets;
mod surroundings;
mod workloads;
mod write;

use std::{error::Error, io::Read, path::PathBuf, str::FromStr};

use flate2::read::GzDecoder;
use serde_json::Value;

use plan::Plan;
use write::{Folder, Form};

/// What was asked for.
struct Args {
    folder: PathBuf,
    scale: f64,
    seed: u64,
    form: Form,
}

const USAGE: &str = "usage: generate_cluster DIR [--scale 1.0] [--seed 1] [--compact | --yaml]";

fn main() -> Result<(), Box<dyn Error>> {
    let args = parse(std::env::args().skip(1))?;
    std::fs::create_dir_all(&args.folder)?;
    let recorded = recorded()?;
    let plan = Plan::new(args.seed, args.scale, &recorded);
    let folder = Folder { path: args.folder, form: args.form };
    rbac::roles(&plan, &recorded, &folder)?;
    rbac::bindings(&plan, &recorded, &folder)?;
    secrets::accounts(&plan, &folder)?;
    secrets::secrets(&plan, &folder)?;
    surroundings::surroundings(&plan, &folder)?;
    workloads::workloads(&plan, &folder)?;
    pods::pods(&plan, &folder)?;
    Ok(())
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Args, Box<dyn Error>> {
    let (mut folder, mut scale, mut seed, mut form) = (None, 1.0, 1, Form::Kubectl);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--scale" => scale = number(&mut args, "--scale")?,
            "--seed" => seed = number(&mut args, "--seed")?,
            "--compact" => form = Form::Server,
            "--yaml" => form = Form::Yaml,
            _ if folder.is_none() && !arg.starts_with('-') => folder = Some(PathBuf::from(arg)),
            _ => return Err(format!("{arg} was not expected. {USAGE}").into()),
        }
    }
    let folder = folder.ok_or(USAGE)?;
    if !(0.0..=100.0).contains(&scale) {
        return Err("--scale: wants a number from 0 to 100".into());
    }
    Ok(Args { folder, scale, seed, form })
}

fn number<T: FromStr>(args: &mut impl Iterator<Item = String>, flag: &str) -> Result<T, String> {
    args.next().and_then(|text| text.parse().ok()).ok_or_else(|| format!("{flag}: wants a number. {USAGE}"))
}

/// The objects of the recorded cluster.
fn recorded() -> Result<Vec<Value>, Box<dyn Error>> {
    let packed = include_bytes!("../../tests/fixtures/cluster.yaml.gz");
    let mut text = String::new();
    GzDecoder::new(packed.as_slice()).read_to_string(&mut text)?;
    let mut list: Value = serde_saphyr::from_str(&text)?;
    match list["items"].take() {
        Value::Array(items) => Ok(items),
        _ => Err("cluster.yaml.gz has no items".into()),
    }
}
