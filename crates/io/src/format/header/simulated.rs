use pvdamp::array::Grid;

/// Field of view along the shorter side of the matrix, and slice thickness, in mm.
const FIELD_OF_VIEW: f64 = 220.0;
const THICKNESS: f64 = 5.0;

/// The ISMRMRD header of a simulated scan, XML, as fastMRI files carry it in `ismrmrd_header`.
///
/// Rows are the readout (x), columns the phase encodes (y); the encoded and the reconstructed matrix are the same,
/// every line was acquired, and pixels are square.
pub fn header_xml(grid: Grid, coils: usize, slices: usize) -> String {
    let [rows, cols] = fields_of_view(grid);
    xml([grid.rows, grid.cols, 1], [rows, cols, THICKNESS], coils, slices)
}

/// The same of a volume: the slices are positions along the readout (x), rows and columns the phase encodes (y, z).
pub fn volume_header_xml(grid: Grid, coils: usize, positions: usize) -> String {
    let [rows, cols] = fields_of_view(grid);
    let along = positions as f64 * THICKNESS;
    xml([positions, grid.rows, grid.cols], [along, rows, cols], coils, 1)
}

/// Along rows and columns, in mm.
fn fields_of_view(Grid { rows, cols }: Grid) -> [f64; 2] {
    let pixel = FIELD_OF_VIEW / rows.min(cols).max(1) as f64;
    [rows as f64 * pixel, cols as f64 * pixel]
}

/// Matrix and field of view in mm along x, y and z.
fn xml([x, y, z]: [usize; 3], view: [f64; 3], coils: usize, slices: usize) -> String {
    let space = format!(
        "<matrixSize><x>{x}</x><y>{y}</y><z>{z}</z></matrixSize>\
         <fieldOfView_mm><x>{:.4}</x><y>{:.4}</y><z>{:.4}</z></fieldOfView_mm>",
        view[0], view[1], view[2],
    );
    let limit = |name: &str, n: usize, centre: usize| {
        let maximum = n.saturating_sub(1);
        format!("<{name}><minimum>0</minimum><maximum>{maximum}</maximum><center>{centre}</center></{name}>")
    };
    let readout = limit("kspace_encoding_step_0", x, x / 2);
    let lines = limit("kspace_encoding_step_1", y, y / 2);
    let partitions = limit("kspace_encoding_step_2", z, z / 2);
    let slice_limit = limit("slice", slices, slices / 2);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <ismrmrdHeader xmlns=\"http://www.ismrm.org/ISMRMRD\">\n\
         <acquisitionSystemInformation><systemVendor>simulated</systemVendor>\
         <receiverChannels>{coils}</receiverChannels></acquisitionSystemInformation>\n\
         <experimentalConditions>\
         <H1resonanceFrequency_Hz>123200000</H1resonanceFrequency_Hz></experimentalConditions>\n\
         <encoding>\n\
         <encodedSpace>{space}</encodedSpace>\n\
         <reconSpace>{space}</reconSpace>\n\
         <encodingLimits>{readout}{lines}{partitions}{slice_limit}</encodingLimits>\n\
         <trajectory>cartesian</trajectory>\n\
         </encoding>\n\
         </ismrmrdHeader>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_states_the_matrix() {
        let xml = header_xml(Grid::new(640, 321), 16, 5);
        let document = roxmltree::Document::parse(&xml).unwrap();
        let value = |path: &[&str]| {
            let child = |node: roxmltree::Node<'_, '_>, name: &str| {
                node.children()
                    .find(|c| c.has_tag_name(("http://www.ismrm.org/ISMRMRD", name)))
                    .map(|c| c.id())
            };
            let mut node = document.root_element();
            for name in path {
                let id = child(node, name).unwrap_or_else(|| panic!("no {name}"));
                node = document.get_node(id).unwrap();
            }
            node.text().unwrap().to_string()
        };
        for space in ["encodedSpace", "reconSpace"] {
            assert_eq!(value(&["encoding", space, "matrixSize", "x"]), "640");
            assert_eq!(value(&["encoding", space, "matrixSize", "y"]), "321");
            assert_eq!(value(&["encoding", space, "fieldOfView_mm", "y"]), "220.0000");
        }
        assert_eq!(
            value(&["encoding", "encodingLimits", "kspace_encoding_step_1", "maximum"]),
            "320"
        );
        assert_eq!(
            value(&["encoding", "encodingLimits", "kspace_encoding_step_1", "center"]),
            "160"
        );
        assert_eq!(value(&["encoding", "encodingLimits", "slice", "maximum"]), "4");
        assert_eq!(value(&["acquisitionSystemInformation", "receiverChannels"]), "16");
        assert_eq!(value(&["encoding", "encodedSpace", "fieldOfView_mm", "z"]), "5.0000");
    }

    #[test]
    fn a_volume_is_read_out_across_its_slices() {
        let xml = volume_header_xml(Grid::new(64, 48), 8, 20);
        for part in [
            "<matrixSize><x>20</x><y>64</y><z>48</z></matrixSize>",
            "<fieldOfView_mm><x>100.0000</x><y>293.3333</y><z>220.0000</z></fieldOfView_mm>",
            "<kspace_encoding_step_2><minimum>0</minimum><maximum>47</maximum><center>24</center>",
        ] {
            assert!(xml.contains(part), "{xml}");
        }
    }
}
