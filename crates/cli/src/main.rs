fn main() -> std::process::ExitCode {
    pvdamp_cli::cli::main()
}
