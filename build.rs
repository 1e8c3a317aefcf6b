//! Makes cargo notice new migrations: they are embedded by a macro, which looks at the folder only when it is run.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
