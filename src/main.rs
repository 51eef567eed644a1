fn main() -> std::process::ExitCode {
    pvdamp::cli::main()
}
