//! Any text as a configuration: refused with words that name the file, or read.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use sundew_sensor::Config;

fuzz_target!(|text: &str| {
    match Config::read(text, Path::new("folder/sundew.yaml")) {
        Err(error) => assert!(error.to_string().contains("sundew.yaml")),
        Ok(config) => assert!(!config.sources.is_empty()),
    }
});
