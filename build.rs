//! Rebuilds the crate when a migration is added. The macro that embeds the migrations reads the folder only when it is
//! expanded.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
