//! Names of makers and products of scanners, which say nothing of who was scanned.

/// As they are written here, in place of what a file says.
const MAKERS: &[&str] = &[
    "Agilent",
    "ASG Superconductors",
    "Aspect Imaging",
    "Bruker",
    "Canon",
    "Esaote",
    "Fonar",
    "Fujifilm",
    "GE",
    "General Electric",
    "Hitachi",
    "Hyperfine",
    "Magnetica",
    "Marconi",
    "Mindray",
    "MR Solutions",
    "Neusoft",
    "Paramed",
    "Philips",
    "Picker",
    "Samsung",
    "Shimadzu",
    "Siemens",
    "Synaptive",
    "Time Medical",
    "Toshiba",
    "UIH",
    "United Imaging",
    "Varian",
    // of `pvdamp simulate`
    "simulated",
];

/// Words of the names of products.
const PRODUCTS: &[&str] = &[
    "Achieva",
    "Aera",
    "Airis",
    "Altaire",
    "Altea",
    "Ambition",
    "Architect",
    "Artist",
    "Avanto",
    "BioSpec",
    "Biograph",
    "Cima",
    "Connectom",
    "Discovery",
    "Echelon",
    "Elan",
    "Elition",
    "Espree",
    "Evolution",
    "Explorer",
    "Fit",
    "Fortian",
    "Galan",
    "Ingenia",
    "Intera",
    "Lumina",
    "MAGNETOM",
    "mMR",
    "MR450",
    "MR450w",
    "MR750",
    "MR750w",
    "Oasis",
    "Optima",
    "Orian",
    "Panorama",
    "PharmaScan",
    "Pioneer",
    "Premier",
    "Prisma",
    "SIGNA",
    "Sempra",
    "Skyra",
    "Sola",
    "Sonata",
    "Spectra",
    "Swoop",
    "Symphony",
    "Terra",
    "Titan",
    "Trio",
    "TrioTim",
    "Vantage",
    "Verio",
    "Vida",
    "Viato",
    "uMR",
];

/// The maker whose name a text begins with.
pub(super) fn maker(text: &str) -> Option<&'static str> {
    MAKERS.iter().copied().find(|maker| {
        let (start, rest) = (text.get(..maker.len()), text.get(maker.len()..));
        let is_whole = rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric));
        is_whole && start.is_some_and(|start| start.eq_ignore_ascii_case(maker))
    })
}

/// The words of a product's name that are known: `Prisma Fit` of `Prisma_fit_4711`.
pub(super) fn product(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let known = words.filter_map(|word| PRODUCTS.iter().copied().find(|known| known.eq_ignore_ascii_case(word)));
    let known: Vec<&str> = known.collect();
    (!known.is_empty()).then(|| known.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_words_of_the_tables_stay() {
        for (text, expected) in [
            ("SIEMENS", Some("Siemens")),
            ("GE MEDICAL SYSTEMS", Some("GE")),
            ("Philips, John", Some("Philips")),
            ("Canon_MEC", Some("Canon")),
            ("John Doe", None),
            ("GEORGE", None),
            ("John Philips", None),
            ("", None),
        ] {
            assert_eq!(maker(text), expected, "{text}");
        }
        for (text, expected) in [
            ("MAGNETOM Prisma_fit", Some("MAGNETOM Prisma Fit")),
            ("Signa of John Doe, 19700131", Some("SIGNA")),
            ("John Doe", None),
            ("", None),
        ] {
            assert_eq!(product(text).as_deref(), expected, "{text}");
        }
    }
}
