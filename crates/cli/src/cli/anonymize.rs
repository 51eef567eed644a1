use std::path::{Path, PathBuf};

use clap::Args;

use super::console::Console;
use pvdamp_io::error::{Error, Result};
use pvdamp_io::format::Anonymizer;

/// Results that do not tell who was scanned.
#[derive(Args)]
pub struct AnonymizeArguments {
    /// Leave out of the result what tells who was scanned, where, when and by whom; give patient and study new ids.
    /// KEY: a file with the secret that they are made with, made where it is not there. Without KEY the secret is
    /// forgotten, but for batch, which keeps it beside its folder, in DIR.key
    #[arg(long, value_name = "KEY", num_args = 0..=1, require_equals = true)]
    anonymize: Option<Option<PathBuf>>,
}

impl AnonymizeArguments {
    pub fn is_asked_for(&self) -> bool {
        self.anonymize.is_some()
    }

    /// The file of the key, where one is named.
    pub fn key_file(&self) -> Option<&Path> {
        self.anonymize.as_ref()?.as_deref()
    }

    /// What anonymizes, where that is asked for; makes the file of the key where it is not there.
    pub fn anonymizer(&self, console: &Console) -> Result<Option<Anonymizer>> {
        match (&self.anonymize, self.key_file()) {
            (None, _) => Ok(None),
            (Some(_), Some(file)) => with_key_of(file, console).map(Some),
            (Some(_), None) => Ok(Some(Anonymizer::new())),
        }
    }

    /// The file of the key of a batch: the one that is named, or the one beside the folder of the results, which may be
    /// handed on without it.
    ///
    /// # Errors
    /// A folder without a name to go by.
    pub fn key_file_of_batch(&self, output: &Path) -> Result<Option<PathBuf>> {
        let Some(named) = &self.anonymize else {
            return Ok(None);
        };
        let beside = || {
            let name = output.file_name()?.to_string_lossy();
            Some(output.with_file_name(format!("{name}.key")))
        };
        named.clone().or_else(beside).map(Some).ok_or_else(|| {
            Error::setting(format!(
                "--anonymize needs a file for its key where the results go to {}: --anonymize=KEY",
                output.display()
            ))
        })
    }
}

/// Says where a new key lies: whoever has it can find the old ids by trying.
pub fn with_key_of(file: &Path, console: &Console) -> Result<Anonymizer> {
    let (anonymizer, made) = Anonymizer::with_key_of(file)?;
    if made {
        let file = file.display();
        console.say(&format!(
            "wrote {file}, the key of the new ids: keep it to give the same ids again, and do not hand it on"
        ));
    }
    Ok(anonymizer)
}
