"""Writes a fastMRI slice as raw data with the ismrmrd package: twice oversampled along the readout, every fourth line and
24 in the middle, two averages, noise before it, all in random order.

    python ismrmrd_write.py SCAN.h5 RAW.h5
"""

import sys

import h5py
import ismrmrd
import numpy as np
from ismrmrd import xsd

NOISE_DWELL_US, DWELL_US = 5.0, 2.5
NOISE_READOUTS, NOISE_SAMPLES = 64, 512


def to_image(k):
    return np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(k, axes=1), axis=1, norm="ortho"), axes=1)


def to_kspace(x):
    return np.fft.fftshift(np.fft.fft(np.fft.ifftshift(x, axes=1), axis=1, norm="ortho"), axes=1)


def header(rows, cols, coils):
    def space(x):
        return xsd.encodingSpaceType(
            matrixSize=xsd.matrixSizeType(x=x, y=cols, z=1),
            fieldOfView_mm=xsd.fieldOfViewMm(x=float(x), y=float(cols), z=5.0),
        )

    limits = xsd.encodingLimitsType(
        kspace_encoding_step_1=xsd.limitType(minimum=0, maximum=cols - 1, center=cols // 2),
        kspace_encoding_step_2=xsd.limitType(minimum=0, maximum=0, center=0),
    )
    encoding = xsd.encodingType(
        encodedSpace=space(2 * rows),
        reconSpace=space(rows),
        encodingLimits=limits,
        trajectory=xsd.trajectoryType.CARTESIAN,
        parallelImaging=xsd.parallelImagingType(
            accelerationFactor=xsd.accelerationFactorType(kspace_encoding_step_1=4, kspace_encoding_step_2=1),
            calibrationMode=xsd.calibrationModeType.EMBEDDED,
        ),
    )
    return xsd.ismrmrdHeader(
        version=1,
        experimentalConditions=xsd.experimentalConditionsType(H1resonanceFrequency_Hz=123200000),
        acquisitionSystemInformation=xsd.acquisitionSystemInformationType(
            systemVendor="none", receiverChannels=coils, relativeReceiverNoiseBandwidth=0.8
        ),
        encoding=[encoding],
    )


def main(scan, raw):
    rng = np.random.default_rng(1)
    with h5py.File(scan) as file:
        kspace = file["kspace"][0]
    coils, rows, cols = kspace.shape
    image = np.pad(to_image(kspace), ((0, 0), (rows // 2, rows // 2), (0, 0)))
    kspace = to_kspace(image)
    places = dict(position=(10.0, -20.0, 30.0), read_dir=(0, 1, 0), phase_dir=(0, 0, 1), slice_dir=(1, 0, 0))
    readouts = []
    for _ in range(NOISE_READOUTS):
        noise = rng.standard_normal((coils, NOISE_SAMPLES)) + 1j * rng.standard_normal((coils, NOISE_SAMPLES))
        # neighbours are correlated
        noise = 1e-3 * (noise + 0.5 * np.roll(noise, 1, axis=0))
        readout = ismrmrd.Acquisition.from_array(noise.astype(np.complex64), sample_time_us=NOISE_DWELL_US)
        readout.set_flag(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)
        readouts.append(readout)
    middle = range(cols // 2 - 12, cols // 2 + 12)
    for col in range(cols):
        if col % 4 and col not in middle:
            continue
        line = kspace[:, :, col]
        change = 0.1 * np.abs(line).max() * rng.standard_normal(line.shape)
        for average, sign in enumerate((1, -1)):
            data = (line + sign * change).astype(np.complex64)
            head = dict(center_sample=rows, sample_time_us=DWELL_US, scan_counter=len(readouts), **places)
            readout = ismrmrd.Acquisition.from_array(data, **head)
            readout.idx.kspace_encode_step_1 = col
            readout.idx.average = average
            if col in middle:
                own = ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING
                readout.set_flag(ismrmrd.ACQ_IS_PARALLEL_CALIBRATION if col % 4 else own)
            readouts.append(readout)
    rng.shuffle(readouts)
    with ismrmrd.Dataset(raw, "dataset") as dataset:
        dataset.write_xml_header(xsd.ToXML(header(rows, cols, coils)).encode())
        for readout in readouts:
            dataset.append_acquisition(readout)


if __name__ == "__main__":
    main(*sys.argv[1:])
