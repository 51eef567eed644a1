//! Says in one line that cmake is missing, before the build of HDF5 says it in a hundred.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CMAKE");
    let cmake = std::env::var_os("CMAKE").unwrap_or_else(|| "cmake".into());
    let found = Command::new(&cmake).arg("--version").output();
    if !found.is_ok_and(|output| output.status.success()) {
        println!(
            "cargo::error=HDF5 is built from source and needs cmake: install it, or build inside a checkout of the \
             repository, where tools/cmake fetches one from PyPI (python3 with pip)"
        );
    }
}
