//! The domain has no input or output, no clock and no randomness of its own.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn no_source_reaches_for_the_world() {
    let files = sources(&root().join("src"));
    assert!(files.len() > 30, "the sources are found");
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for banned in [
            "tokio",
            "SystemTime",
            "Instant::now",
            "Utc::now",
            "Local::now",
            "thread_rng",
            "OsRng",
            "SysRng",
            "getrandom",
            "new_v4",
            "std::env",
            "std::fs",
            "std::net",
            "std::thread",
            "std::process",
            "println!",
        ] {
            assert!(!text.contains(banned), "{}: {banned}", file.display());
        }
    }
}

#[test]
fn no_dependency_is_a_database_a_server_or_a_bus() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let (_, after) = manifest.split_once("\n[dependencies]\n").unwrap();
    let dependencies = after.split("\n[").next().unwrap();
    let names: Vec<_> = dependencies
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.contains(&"serde"), "{names:?}");
    for banned in [
        "sqlx",
        "postgres-es",
        "axum",
        "hyper",
        "reqwest",
        "async-nats",
        "tokio",
        "rand",
        "getrandom",
        "tracing",
    ] {
        assert!(!names.contains(&banned), "{banned}");
    }
    assert!(!names.iter().any(|name| name.starts_with("countersign")));
}
