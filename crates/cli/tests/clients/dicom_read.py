"""Reads DICOM files by pydicom and holds them to a result in HDF5.

dicom_read.py RESULT.h5 FILE... : values after rescaling, places, UIDs, and what PS3.3 requires of the image.
"""

import sys

import h5py
import numpy as np
import pydicom

pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE

result, *files = sys.argv[1:]
with h5py.File(result) as h:
    images = h["reconstruction"][:]
    placements = h["geometry"][:]
    voxel = h["geometry"].attrs["voxel_mm"]
rows, cols = images.shape[1:]
assert len(files) == len(images)

# type 1, with a value, and type 2, which may be empty
REQUIRED = """SOPClassUID SOPInstanceUID StudyInstanceUID SeriesInstanceUID Modality ImageType SamplesPerPixel
    PhotometricInterpretation Rows Columns BitsAllocated BitsStored HighBit PixelRepresentation RescaleSlope
    RescaleIntercept RescaleType WindowCenter WindowWidth BurnedInAnnotation DerivationDescription PatientName
    PatientID""".split()
PRESENT = """PatientBirthDate PatientSex StudyDate StudyTime ReferringPhysicianName StudyID AccessionNumber Manufacturer
    SeriesNumber InstanceNumber""".split()
MR = "ScanningSequence SequenceVariant PixelSpacing ImagePositionPatient ImageOrientationPatient FrameOfReferenceUID"
MR_PRESENT = "ScanOptions MRAcquisitionType EchoTime EchoTrainLength SliceThickness PositionReferenceIndicator"

series, instances, seen = set(), set(), set()
for name in files:
    d = pydicom.dcmread(name)
    for element in d.iterall():
        element.value
    placed = len(placements) > 0
    for keyword in REQUIRED + (MR.split() if placed else ["ConversionType"]):
        assert keyword in d and d[keyword].value not in ("", None), f"{name} lacks {keyword}"
    for keyword in PRESENT + (MR_PRESENT.split() if placed else []):
        assert keyword in d, f"{name} lacks {keyword}"
    assert d.SOPClassUID.name == ("MR Image Storage" if placed else "Secondary Capture Image Storage")
    assert d.SOPClassUID == d.file_meta.MediaStorageSOPClassUID
    assert d.SOPInstanceUID == d.file_meta.MediaStorageSOPInstanceUID
    assert all(uid.is_valid for uid in (d.SOPInstanceUID, d.StudyInstanceUID, d.SeriesInstanceUID))
    series.add((d.StudyInstanceUID, d.SeriesInstanceUID, d.get("FrameOfReferenceUID"), d.RescaleSlope))
    instances.add(d.SOPInstanceUID)
    slice = int(d.InstanceNumber) - 1
    seen.add(slice)
    image = images[slice]
    slope = float(d.RescaleSlope)
    values = pydicom.pixels.apply_modality_lut(d.pixel_array, d)
    assert np.abs(values - image).max() <= 0.501 * slope
    assert slope <= images.max() / 65000
    assert float(d.WindowWidth) > 0 and abs(float(d.WindowCenter) * 2 - float(d.WindowWidth)) < 1e-6 * float(d.WindowWidth)
    assert d.VOILUTFunction == "LINEAR_EXACT"
    assert np.allclose(d.PixelSpacing, voxel[:2], rtol=1e-6)
    if placed:
        centre, along_rows, along_cols, _ = placements[slice]
        first, second = np.array(d.ImageOrientationPatient, float).reshape(2, 3)
        assert abs(first @ second) < 1e-6 and abs(np.linalg.norm(first) - 1) < 1e-6
        r, c = np.meshgrid(np.arange(rows), np.arange(cols), indexing="ij")
        # PS3.3, C.7.6.2.1.1
        row_mm, col_mm = map(float, d.PixelSpacing)
        position = np.array(d.ImagePositionPatient, float)
        place = position + first * (c[..., None] * col_mm) + second * (r[..., None] * row_mm)
        expected = centre + (r - rows // 2)[..., None] * voxel[0] * along_rows + (c - cols // 2)[..., None] * voxel[1] * along_cols
        assert np.abs(place - expected).max() < 1e-5
    else:
        assert "ImagePositionPatient" not in d and "ImageOrientationPatient" not in d
assert len(series) == 1, series
assert len(instances) == len(seen) == len(images)
print(len(files), "files of", d.PatientName, d.SeriesDescription)
