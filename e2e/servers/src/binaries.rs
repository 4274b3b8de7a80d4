//! Where the servers' programs are.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// The folder with `initdb` and `postgres`: on `PATH`, or where Debian puts them.
///
/// # Errors
/// When there is none; says what to install.
pub fn postgres_folder() -> Result<PathBuf> {
    let mut folders = on_path();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<_> = versions.flatten().map(|entry| entry.path()).collect();
        // 15 is newer than 9.6.
        versions.sort_by_key(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let major = name.split('.').next().unwrap_or_default();
            major.parse::<u32>().unwrap_or(0)
        });
        folders.extend(versions.into_iter().rev().map(|path| path.join("bin")));
    }
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .context("no PostgreSQL server here: install the package `postgresql`")
}

/// The program `nats-server`.
///
/// # Errors
/// When there is none; says what to install.
pub fn nats_server() -> Result<PathBuf> {
    let sbin = PathBuf::from("/usr/sbin");
    on_path()
        .into_iter()
        .chain([sbin])
        .map(|folder| folder.join("nats-server"))
        .find(|program| program.is_file())
        .context("no NATS server here: install the package `nats-server`")
}

fn on_path() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect()
}
