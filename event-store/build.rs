//! Rebuilds the crate when a migration is added: `sqlx::migrate!` cannot.

fn main() {
    println!("cargo:rerun-if-changed=../migrations/sqlite");
    println!("cargo:rerun-if-changed=../migrations/postgres");
}
